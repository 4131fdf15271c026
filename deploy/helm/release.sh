#!/usr/bin/env bash
# The chart of a release; each step is a make target.
#   package  packages deploy/helm/canopy into dist/, its images at PUSH_TO where that is given (needs helm)
#   push     pushes that package to PUSH_TO=ghcr.io/OWNER; what was pushed is added to dist/refs.txt
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' Cargo.toml)
die() { echo "error: $*" >&2; exit 1; }
command -v helm >/dev/null || die "helm is not installed: https://helm.sh/docs/intro/install/"

case ${1:-} in
    package)
        mkdir -p dist
        rm -rf dist/canopy
        cp -r deploy/helm/canopy dist/canopy
        if [ -n "${PUSH_TO:-}" ]; then # where the chart's images will be
            sed -i "s|^  registry: \"\"$|  registry: ${PUSH_TO,,}|" dist/canopy/values.yaml
            grep -q "^  registry: ${PUSH_TO,,}$" dist/canopy/values.yaml || die "values.yaml has no image.registry to set"
        fi
        helm package dist/canopy --version "$version" --app-version "$version" --destination dist
        ;;
    push)
        [ -n "${PUSH_TO:-}" ] || die "PUSH_TO is missing: say where to, PUSH_TO=ghcr.io/OWNER"
        said=$(HELM_REGISTRY_CONFIG=${DOCKER_CONFIG:-$HOME/.docker}/config.json \
            helm push "dist/canopy-$version.tgz" "oci://${PUSH_TO,,}/charts" 2>&1) || die "$said"
        echo "$said"
        digest=$(sed -n 's/^Digest: \(sha256:[0-9a-f]*\)$/\1/p' <<<"$said")
        [ -n "$digest" ] || die "helm did not say the digest of what it pushed"
        echo "${PUSH_TO,,}/charts/canopy@$digest" >>dist/refs.txt
        ;;
    *) awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"; [ "${1:-}" = --help ] || exit 2 ;;
esac
