#!/usr/bin/env bash
# Builds the image of every service, `make images` runs it.
#
#   docker/build.sh [--save DIR] [TARGET…]
#
#   TARGET                stages of docker/Dockerfile; without: all services
#   --save DIR            also write DIR/canopy-<service>.tar, which `ctr -n k8s.io images import`,
#                         `kind load image-archive`, `minikube image load` and `docker load` take
#
#   ENGINE=…              docker, podman or buildah; without: the first of them that works
#   TAG=…                 the images' tag; without: the version in Cargo.toml
#   IMAGE_PREFIX=…        what stands before the images' names, such as ghcr.io/team/
#   BUILD_FLAGS=…         further flags for the engine's `build`, such as "--network host"
#   SOURCE_DATE_EPOCH=…   the time that the images carry; without: that of the last commit
#   SOURCE_URL=…          labels: where the code is (without: `git remote get-url origin`)
#   DOCUMENTATION_URL=…   and where its documentation
#
# Where kubectl's context is minikube, the images end up in minikube: built by its Docker if it has one and the engine
# is docker, loaded into it otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }
usage() { awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' docker/build.sh; }

# The largest a service's image may be, in MB (10^6 bytes, uncompressed). The trainer's holds the example data, that of
# the metrics service SQLite and the dashboard.
limit_of() { case $1 in trainer) echo 40 ;; metrics) echo 16 ;; *) echo 12 ;; esac; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- What to build ----------------------------------------------------------------------------------------------------

save=''
targets=''
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) usage; exit 0 ;;
        --save) save=${2:?--save needs a folder}; shift ;;
        --save=*) save=${1#*=} ;;
        -*) die "$1 is no option; docker/build.sh --help lists them" ;;
        *) targets="$targets $1" ;;
    esac
    shift
done
services=$(sed -n 's/^FROM runtime AS //p' docker/Dockerfile)
for target in $targets; do
    grep -qxF "$target" <<<"$services" || die "$target is no service of docker/Dockerfile: ${services//$'\n'/, }"
done
targets=${targets:-$services}

version=$(awk -F '"' '/^\[/ { inside = $0 == "[workspace.package]" } inside && /^version *=/ { print $2; exit }' Cargo.toml)
[ -n "$version" ] || die "Cargo.toml names no version under [workspace.package]"
tag=${TAG:-$version}
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
if [ -n "$(git status --porcelain 2>/dev/null)" ]; then revision=$revision-dirty; fi
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
# GNU's date, or else that of BSD and macOS.
created=$(date -u -d "@$epoch" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || date -u -r "$epoch" +%Y-%m-%dT%H:%M:%SZ)
# A label is public: only an address without a user or token in it.
source_url=${SOURCE_URL:-$(git remote get-url origin 2>/dev/null || true)}
case $source_url in https://*@*) source_url='' ;; https://*) source_url=${source_url%.git} ;; *) source_url='' ;; esac

# The whole name, as Docker and Kubernetes complete a short one; podman and buildah would put localhost/ before it.
name_of() {
    local name=${IMAGE_PREFIX:-}canopy-$1:$tag
    case $name in
        */*) case ${name%%/*} in *.* | *:* | localhost) echo "$name" ;; *) echo "docker.io/$name" ;; esac ;;
        *) echo "docker.io/library/$name" ;;
    esac
}

# --- With what --------------------------------------------------------------------------------------------------------

works() {
    case $1 in
        docker) has docker && docker buildx version >/dev/null 2>&1 && docker info >/dev/null 2>&1 ;;
        podman) has podman && podman info >/dev/null 2>&1 ;;
        buildah) has buildah && buildah info >/dev/null 2>&1 ;;
    esac
}

why_not() {
    if ! has "$1"; then echo "$1 is not installed"
    elif [ "$1" != docker ]; then echo "\`$1 info\` fails: run it to see why"
    elif ! docker buildx version >/dev/null 2>&1; then echo "docker has no BuildKit: install docker-buildx-plugin"
    else echo "docker's daemon does not answer: start it, or see \`docker info\`"
    fi
}

minikube=''
if has minikube && has kubectl && [ "$(kubectl config current-context 2>/dev/null)" = minikube ]; then
    runtime=$(kubectl get nodes --request-timeout=10s \
        -o jsonpath='{.items[*].status.nodeInfo.containerRuntimeVersion}' 2>/dev/null) \
        || die "kubectl's context is minikube, which does not answer: minikube start, or kubectl config use-context another"
    minikube=load
    # One node with Docker builds for itself; docker-env knows neither several nodes nor, without ssh, other runtimes.
    case $runtime in *' '*) ;; docker://*)
        if [ "${ENGINE:-docker}" = docker ] && has docker && environment=$(minikube docker-env --shell bash 2>/dev/null)
        then
            eval "$environment"
            minikube=build
        fi ;;
    esac
fi

engine=${ENGINE:-}
case $engine in
    docker | podman | buildah) works "$engine" || die "$(why_not "$engine")" ;;
    '')
        for engine in docker podman buildah none; do works "$engine" && break; done
        [ "$engine" != none ] || die "no container engine: $(why_not docker); $(why_not podman); $(why_not buildah).
Docker with BuildKit (https://docs.docker.com/engine/install), podman or buildah will do."
        ;;
    *) die "ENGINE=$engine is none of docker, podman, buildah" ;;
esac

# --- Build, save, measure ---------------------------------------------------------------------------------------------

build() { # TARGET
    local flags=(--file docker/Dockerfile --target "$1" --tag "$(name_of "$1")")
    flags+=(--build-arg "VERSION=$version" --build-arg "REVISION=$revision" --build-arg "CREATED=$created")
    flags+=(--build-arg "SOURCE=$source_url" --build-arg "DOCUMENTATION=${DOCUMENTATION_URL:-$source_url}")
    # shellcheck disable=SC2206 # several flags in one variable
    flags+=(${BUILD_FLAGS:-})
    case $engine in
        docker) SOURCE_DATE_EPOCH=$epoch docker buildx build --load --provenance=false "${flags[@]}" . ;;
        podman) podman build --layers --timestamp "$epoch" "${flags[@]}" . ;;
        buildah) buildah build --layers --timestamp "$epoch" "${flags[@]}" . ;;
    esac
}

archive() { # TARGET FILE
    rm -f "$2"
    case $engine in
        docker) docker save --output "$2" "$(name_of "$1")" ;;
        podman) podman save --quiet --format docker-archive --output "$2" "$(name_of "$1")" ;;
        buildah) buildah push --quiet "$(name_of "$1")" "docker-archive:$2:$(name_of "$1")" ;;
    esac
}

# The bytes of an image's files, as a tar: the number that engines call size is compressed in some, not in others.
bytes_of() { # TARGET
    local container
    case $engine in
        docker)
            container=$(docker create "$(name_of "$1")")
            docker export "$container" | wc -c
            docker rm "$container" >/dev/null
            ;;
        *)
            [ -f "$work/$1.tar" ] || archive "$1" "$work/$1.tar" >/dev/null
            wc -c <"$work/$1.tar"
            ;;
    esac
}

for target in $targets; do
    say "Building $(name_of "$target") with $engine"
    build "$target"
done

if [ "$minikube" = load ]; then
    for target in $targets; do
        say "Loading $(name_of "$target") into minikube"
        archive "$target" "$work/$target.tar"
        minikube image load "$work/$target.tar"
    done
fi

if [ -n "$save" ]; then
    mkdir -p "$save"
    for target in $targets; do archive "$target" "$save/canopy-$target.tar"; done
    say "Saved to $save"
fi

too_large=''
printf '\n%-60s %10s %10s\n' IMAGE SIZE LIMIT
for target in $targets; do
    bytes=$(bytes_of "$target")
    limit=$(limit_of "$target")
    if [ "$bytes" -gt $((limit * 1000000)) ]; then too_large="$too_large $target"; fi
    printf '%-60s %7s MB %7s MB\n' "$(name_of "$target")" \
        "$(awk -v bytes="$bytes" 'BEGIN { printf "%.1f", bytes / 1000000 }')" "$limit"
done
[ -z "$too_large" ] || die "over the limit:$too_large"
