#!/usr/bin/env bash
# What a release does with the images that docker/build.sh built; each step is a make target.
#   sbom   lists what is in them into dist/sbom/ (needs syft)
#   scan   looks the lists up among known vulnerabilities; fails on high ones that have a fix (needs grype, the internet)
#   push   pushes them to PUSH_TO=ghcr.io/OWNER; what was pushed stands in dist/refs.txt (needs docker)
#   sign   signs what dist/refs.txt names, attaches the lists, verifies both (needs cosign, in a workflow)
#
# Settings, as variables: TAG (the version in Cargo.toml), IMAGE_PREFIX, PUSH_TO, SYFT=syft, GRYPE=grype.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

images=$(sed -n 's/^FROM runtime AS /canopy-/p' docker/Dockerfile)
version=$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' Cargo.toml)
tag=${TAG:-$version}
prefix=${IMAGE_PREFIX:-}

die() { echo "error: $*" >&2; exit 1; }
need() { command -v "$1" >/dev/null || die "$1 is not installed: $2"; }

sbom() {
    local syft=${SYFT:-syft} image
    need "$syft" https://github.com/anchore/syft
    mkdir -p dist/sbom
    for image in $images; do
        "$syft" scan --quiet "docker:$prefix$image:$tag" -o "spdx-json=dist/sbom/$image.spdx.json"
    done
    # The binaries do not say which crates they are made of; the lock file does.
    "$syft" scan --quiet file:Cargo.lock --source-name canopy --source-version "$version" \
        -o spdx-json=dist/sbom/canopy-crates.spdx.json
}

scan() {
    local grype=${GRYPE:-grype} list
    need "$grype" https://github.com/anchore/grype
    [ -d dist/sbom ] || die "dist/sbom is missing: make sbom"
    for list in dist/sbom/*.spdx.json; do
        "$grype" "sbom:$list" --only-fixed --fail-on high
    done
}

push() {
    local image remote
    need docker https://docs.docker.com/engine/install/
    [ -n "${PUSH_TO:-}" ] || die "PUSH_TO is missing: say where to, PUSH_TO=ghcr.io/OWNER"
    mkdir -p dist
    : >dist/refs.txt
    for image in $images; do
        remote=${PUSH_TO,,}/$image # registries want lower case
        docker tag "$prefix$image:$tag" "$remote:$tag"
        docker push --quiet "$remote:$tag"
        docker image inspect --format '{{join .RepoDigests "\n"}}' "$remote:$tag" | grep "^$remote@sha256:" >>dist/refs.txt
    done
}

sign() {
    local ref name list identity
    need cosign https://github.com/sigstore/cosign
    [ -s dist/refs.txt ] || die "dist/refs.txt is missing: make push-images push-chart"
    identity=(--certificate-oidc-issuer=https://token.actions.githubusercontent.com
        "--certificate-identity=$GITHUB_SERVER_URL/$GITHUB_WORKFLOW_REF")
    while read -r ref; do
        cosign sign --yes "$ref" </dev/null
        cosign verify "${identity[@]}" "$ref" </dev/null >/dev/null
        name=${ref##*/}
        list=dist/sbom/${name%@*}.spdx.json
        [ -f "$list" ] || continue
        cosign attest --yes --type spdxjson --predicate "$list" "$ref" </dev/null
        cosign verify-attestation --type spdxjson "${identity[@]}" "$ref" </dev/null >/dev/null
    done <dist/refs.txt
    # What the provenance is about, as checksums.
    sed 's/^\(.*\)@sha256:\(.*\)$/\2  \1/' dist/refs.txt >dist/subjects.txt
}

case ${1:-} in
    sbom | scan | push | sign) "$1" ;;
    *) awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"; [ "${1:-}" = --help ] || exit 2 ;;
esac
