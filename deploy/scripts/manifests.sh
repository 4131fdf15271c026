#!/usr/bin/env bash
# Writes what is made from other files, so that nothing has to be kept equal by hand:
#   deploy/all-in-one.yaml                              the base as one file, for `kubectl apply -f` and nothing else
#   deploy/monitoring/operator/prometheusrule.yaml      Prometheus' rules for the Prometheus Operator
#   deploy/helm/canopy/rules.yaml                       the same for the chart, which can read its own folder only
# With --check it writes nothing, and fails where a file is not what it would write.
# Every kustomize from 5.0 to 5.8, which kubectl 1.27 to 1.36 have inside, writes the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rules=deploy/monitoring/prometheus/rules

all_in_one() {
    cat <<'HEADER'
# Generated from deploy/base by `make manifests`; change the files there, whose comments say why things are as they are.
#
# Two things are not in it: the images, which `make images` builds, and the Secrets with the digests of API keys and the
# key for events (deploy/base/secret.example.yaml), without which pods wait. `make deploy` sees to them and more.
HEADER
    kubectl kustomize deploy/base
}

generated_from_rules() {
    echo "# Generated from $rules by \`make manifests\`; change the files there, which have the reasons."
}

# The groups of every file, without the comments.
groups() { # INDENT
    sed -n '/^groups:/,$ { /^groups:/d; /^ *#/d; /^$/d; s/^/'"$1"'/; p; }' "$rules"/*.yml
}

chart_rules() {
    generated_from_rules
    echo groups:
    groups ""
}

operator_rules() {
    generated_from_rules
    sed -n '1,/^spec:/ { s/name: inference$/name: rules/; s/component: inference$/component: monitoring/; s/kind: PodMonitor/kind: PrometheusRule/; p; }' \
        deploy/monitoring/operator/podmonitor.yaml
    echo "  groups:"
    groups "  "
}

# kubectl 1.27 brought kustomize 5, which alone reads the overlays as they are written.
command -v kubectl >/dev/null || {
    echo "error: kubectl is not installed: version 1.27 or newer, https://kubernetes.io/docs/tasks/tools/" >&2
    exit 1
}
case "${1:-}" in
    "" | --check) ;;
    *)
        echo "usage: $0 [--check]" >&2
        exit 2
        ;;
esac
generated=$(mktemp)
trap 'rm -f "$generated"' EXIT

write() { # FILE COMMAND
    "$2" >"$generated"
    if [ "$check" = --check ]; then
        diff -u --label "$1" --label "$1, as its sources have it now" "$1" "$generated" || {
            echo "error: $1 is not what its sources make: run 'make manifests' and commit the file" >&2
            exit 1
        }
    else
        cp "$generated" "$1"
        chmod 644 "$1"
        echo "$1: $(wc -l <"$1") lines"
    fi
}

check=${1:-}
write deploy/all-in-one.yaml all_in_one
write deploy/monitoring/operator/prometheusrule.yaml operator_rules
write deploy/helm/canopy/rules.yaml chart_rules
