#!/usr/bin/env bash
# Checks what is applied to clusters, without one: the generated file, every shell script, and deploy/tests.
# The first run makes a virtual environment in target/, which needs the internet; the others take seconds.
# Arguments go to pytest: deploy/scripts/check-manifests.sh -k autoscaler
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

source deploy/scripts/lib-venv.sh

# All that is missing at once, not one at a time.
missing=0
need() { # COMMAND HOW-TO-GET-IT
    command -v "$1" >/dev/null && return
    echo "error: $1 is not installed: $2" >&2
    missing=1
}
need kubectl "version 1.27 or newer, https://kubernetes.io/docs/tasks/tools/"
need python3 "version 3.10 or newer, from your system's packages or https://www.python.org/downloads/"
need jq "from your system's packages (apt install jq, brew install jq)"
need shellcheck "from your system's packages (apt install shellcheck, brew install shellcheck)"
# Prometheus' and Alertmanager's own tools read their configuration. Without them those tests are left out, not in CI.
if [ "${CI:-}" = true ]; then
    need promtool "in the package prometheus (apt install prometheus), or https://prometheus.io/download/"
    need amtool "in the package prometheus-alertmanager (apt install prometheus-alertmanager), or as above"
fi
[ "$missing" = 0 ] || exit 1
ensure_venv

deploy/scripts/manifests.sh --check

# Scripts by their name or their first line, those not yet added to git included.
scripts=()
while IFS= read -r -d '' file; do
    [ -f "$file" ] || continue
    case "$file" in
        *.sh) scripts+=("$file") ;;
        *.*) ;;
        *) if head -c 64 "$file" | head -n 1 | tr -d '\0' | grep -qE '^#!.*\b(ba)?sh\b'; then scripts+=("$file"); fi ;;
    esac
done < <(git ls-files -z --cached --others --exclude-standard)
# It takes longer than all the rest, so scripts that passed are not read again until one of them changes.
passed=target/shellcheck-passed
checked=$({ shellcheck --version; git hash-object "${scripts[@]}"; } | git hash-object --stdin)
if [ "$(cat "$passed" 2>/dev/null)" != "$checked" ]; then
    shellcheck --external-sources "${scripts[@]}"
    echo "$checked" >"$passed"
fi
echo "shellcheck: ${#scripts[@]} scripts"

PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" -m pytest -q -p no:cacheprovider deploy/tests "$@"
