#!/usr/bin/env bash
# The GitHub release; each step is a make target. RELEASE=v1.2.3 is the tag, and must be the version in Cargo.toml.
#   notes   writes the version's part of CHANGELOG.md to dist/notes.md
#   create  creates the release with what is in dist/ (needs gh and GH_TOKEN)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' Cargo.toml)
release=${RELEASE:-v$version}
die() { echo "error: $*" >&2; exit 1; }

notes() {
    [ "$release" = "v$version" ] || die "the tag is $release, but Cargo.toml says $version"
    mkdir -p dist
    awk -v version="$version" '/^## / { wanted = $2 == version || $2 == "[" version "]"; next } wanted' CHANGELOG.md >dist/notes.md
    grep -q '[^[:space:]]' dist/notes.md || die "CHANGELOG.md says nothing of $version: add a heading '## $version'"
}

create() {
    notes
    local flags=()
    case $version in *-*) flags+=(--prerelease) ;; esac
    gh release create "$release" --verify-tag --title "Canopy $version" --notes-file dist/notes.md \
        ${flags[@]+"${flags[@]}"} dist/*.tgz dist/sbom/*.spdx.json dist/refs.txt
}

case ${1:-} in
    notes | create) "$1" ;;
    *) awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"; [ "${1:-}" = --help ] || exit 2 ;;
esac
