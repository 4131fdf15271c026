#!/usr/bin/env bash
# Writes deploy/all-in-one.yaml: the base as one file, for people who want `kubectl apply -f` and nothing else.
# With --check it writes nothing, and fails where the file is not what it would write.
# Every kustomize from 5.0 to 5.8, which kubectl 1.27 to 1.36 have inside, writes the same bytes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

target=deploy/all-in-one.yaml

generate() {
    cat <<'HEADER'
# Generated from deploy/base by `make manifests`; change the files there, whose comments say why things are as they are.
#
# Two things are not in it: the images, which `make images` builds, and the Secrets with the digests of API keys and the
# key for events (deploy/base/secret.example.yaml), without which pods wait. `make deploy` sees to them and more.
HEADER
    kubectl kustomize deploy/base
}

# kubectl 1.27 brought kustomize 5, which alone reads the overlays as they are written.
command -v kubectl >/dev/null || {
    echo "error: kubectl is not installed: version 1.27 or newer, https://kubernetes.io/docs/tasks/tools/" >&2
    exit 1
}
generated=$(mktemp)
trap 'rm -f "$generated"' EXIT
generate >"$generated"

case "${1:-}" in
    "")
        cp "$generated" "$target"
        chmod 644 "$target"
        echo "$target: $(grep -c '^kind:' "$target") objects"
        ;;
    --check)
        diff -u --label "$target" --label "$target, as deploy/base has it now" "$target" "$generated" || {
            echo "error: $target is not what deploy/base makes: run 'make manifests' and commit the file" >&2
            exit 1
        }
        ;;
    *)
        echo "usage: $0 [--check]" >&2
        exit 2
        ;;
esac
