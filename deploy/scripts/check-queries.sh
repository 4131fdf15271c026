#!/usr/bin/env bash
# Runs every query of Prometheus' rules and Grafana's dashboards in a real Prometheus, which scrapes real servers of this
# checkout under traffic, all on this machine's loopback address. It takes about two minutes, after the build.
# Arguments go to pytest: deploy/scripts/check-queries.sh -k kubernetes.json
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
source deploy/scripts/lib-venv.sh

command -v prometheus >/dev/null || {
    [ "${CI:-}" != true ] || { echo "error: prometheus is missing: apt install prometheus" >&2; exit 1; }
    echo "prometheus is missing (apt install prometheus): the queries are not tested; CI has it"
    exit 0
}
ensure_venv
"${CARGO:-cargo}" build --locked --quiet -p canopy-trainer -p canopy-inference -p canopy-metrics
export CANOPY_BINARIES=${CARGO_TARGET_DIR:-$PWD/target}/debug
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=deploy/tests "$venv/bin/python" -m pytest -q -p no:cacheprovider deploy/monitoring/tests "$@"
