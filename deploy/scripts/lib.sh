#!/usr/bin/env bash
# What every script here shares: settings, messages, kubectl, the checks of the cluster, and the lock. Sourced, not run.
# Rendering and applying are in lib-apply.sh, waiting and explaining in lib-wait.sh.
# shellcheck disable=SC2034 # some settings are read by the scripts that source this one

if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 402)); then
    echo "error: bash $BASH_VERSION is too old: 4.2 or newer is needed (macOS: brew install bash)" >&2
    exit 1
fi

root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
newest_minor=1.31 # matchLabelKeys, podFailurePolicy and unhealthyPodEvictionPolicy need it
context=''
work=''      # a folder for this run, removed at its end
lock_uid=''  # the Lease that this run holds
lock_renewed=0
children=()  # processes that this run started

# --- Messages ---------------------------------------------------------------------------------------------------------

bold='' red='' yellow='' green='' plain='' terminal=''
if [ -t 1 ]; then terminal=1; fi
if [ -t 1 ] && [ -t 2 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
    bold=$'\e[1m' red=$'\e[31m' yellow=$'\e[33m' green=$'\e[32m' plain=$'\e[0m'
fi
shown=''

# Shows where a wait stands: one line that is overwritten on a terminal, a line for each change elsewhere.
progress() {
    if [ -n "$terminal" ]; then
        printf '\r\e[K%s (%s s)' "$1" "$((SECONDS - ${2:-0}))"
    elif [ "$1" != "$shown" ]; then
        printf '%s\n' "$1"
    fi
    shown=$1
}

progress_end() {
    if [ -n "$terminal" ] && [ -n "$shown" ]; then printf '\r\e[K'; fi
    shown=''
}

say() { progress_end; printf '%s\n' "$*"; }
head_line() { progress_end; printf '%s%s%s\n' "$bold" "$*" "$plain"; }
warn() { progress_end; printf '%swarning:%s %s\n' "$yellow" "$plain" "$*" >&2; }
die() { progress_end; printf '%serror:%s %s\n' "$red" "$plain" "$*" >&2; exit 1; }
indent() { sed 's/^/    /'; }

# The last line that kubectl wrote to standard error, without its "error: ".
reason() { awk 'NF { last = $0 } END { sub(/^[Ee]rror( from server)?( \([A-Za-z]*\))?: /, "", last); print last }' "$work/err"; }

# Prints the script's header comment.
usage() { awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"; }

# Asks for a word; without a terminal there is nobody to ask.
ask() { # QUESTION EXPECTED
    local answer=''
    if [ ! -t 0 ]; then return 1; fi
    progress_end
    read -r -p "$1 " answer || true
    [ "$answer" = "$2" ]
}

# --- Settings ---------------------------------------------------------------------------------------------------------

workspace_version() { sed -n '/^\[workspace\.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' "$root/Cargo.toml"; }

settings() { # "$@" of the script
    case ${1:-} in
        '') ;;
        -h | --help) usage; exit 0 ;;
        *) printf 'error: unknown argument %s: settings come as variables, see %s --help\n' "$1" "$(basename "$0")" >&2; exit 2 ;;
    esac
    NAMESPACE=${NAMESPACE:-canopy}
    overlay_given=${OVERLAY:+1}
    OVERLAY=${OVERLAY:-minikube}
    tag_given=${TAG:+1} prefix_given=${IMAGE_PREFIX:+1} port_given=${NODE_PORT:+1}
    TAG=${TAG:-$(workspace_version)}
    IMAGE_PREFIX=${IMAGE_PREFIX:-}
    CONTEXT=${CONTEXT:-}
    NODE_PORT=${NODE_PORT:-}
    TIMEOUT=${TIMEOUT:-600}
    STALL=${STALL:-60}
    YES=${YES:-}
    read -r -a kubectl <<<"${KUBECTL:-kubectl}"
    case $IMAGE_PREFIX in '' | */) ;; *) IMAGE_PREFIX=$IMAGE_PREFIX/ ;; esac
    expect NAMESPACE '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' 'a namespace, such as canopy'
    expect TAG '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$' "an image's tag, such as 0.1.0"
    expect IMAGE_PREFIX '^([a-z0-9][A-Za-z0-9._:/-]*/)?$' 'what stands before the image names, such as ghcr.io/team/'
    expect NODE_PORT '^([0-9]{4,5})?$' 'a port of the node, 30000 to 32767'
    expect TIMEOUT '^[1-9][0-9]{0,5}$' 'seconds'
    expect STALL '^[1-9][0-9]{0,5}$' 'seconds'
    if [ ! -f "$root/deploy/overlays/$OVERLAY/kustomization.yaml" ]; then
        die "OVERLAY=$OVERLAY: there is no such folder in deploy/overlays; there are: $(cd "$root/deploy/overlays" && printf '%s ' *)"
    fi
    mkdir -p "$root/target/deploy"
    work=$(mktemp -d "$root/target/deploy/XXXXXX")
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

expect() { # VARIABLE PATTERN WHAT
    [[ ${!1} =~ $2 ]] || { printf 'error: %s="%s": expected %s\n' "$1" "${!1}" "$3" >&2; exit 2; }
}

# Whether a switch such as YES is on: set, and neither 0 nor `no`.
on() { case ${!1:-} in '' | 0 | no | false) return 1 ;; esac; }

finish() {
    local code=$? child
    trap '' INT TERM HUP
    progress_end
    for child in ${children[@]+"${children[@]}"}; do kill "$child" 2>/dev/null || true; done
    unlock
    rm -rf "$work"
    exit "$code"
}

# --- kubectl ----------------------------------------------------------------------------------------------------------

# The context is named in every call, so that a switch elsewhere during a run sends nothing to another cluster.
k() { "${kubectl[@]}" --context="$context" "$@"; }
kn() { k --namespace="$NAMESPACE" "$@"; }
exists() { kn get "$@" -o name >/dev/null 2>&1; }

# Opens a port of this machine to a port in the cluster: $forwarded, until $forwarder is killed.
forward() { # RESOURCE PORT [LOCAL PORT]
    local log=$work/forward.$RANDOM
    "${kubectl[@]}" --context="$context" --namespace="$NAMESPACE" port-forward --address 127.0.0.1 "$1" "${3:-}:$2" >"$log" 2>&1 &
    forwarder=$!
    children+=("$forwarder")
    for _ in {1..100}; do
        forwarded=$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$log")
        if [ -n "$forwarded" ]; then return; fi
        kill -0 "$forwarder" 2>/dev/null || break
        sleep 0.1
    done
    cp "$log" "$work/err"
    return 1
}

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1
}

# 1.32.4 → 1032
version_number() {
    local major minor
    IFS=. read -r major minor _ <<<"${1#v}"
    echo $((${major:-0} * 1000 + ${minor%%[!0-9]*}))
}

check_tools() {
    local found
    command -v "${kubectl[0]}" >/dev/null ||
        die "${kubectl[0]} is not installed: https://kubernetes.io/docs/tasks/ (or KUBECTL='minikube kubectl --')"
    found=$("${kubectl[@]}" version --client -o yaml 2>/dev/null | sed -n 's/^ *gitVersion: *v\{0,1\}//p')
    client_version=${found:-0.0}
    [ "$(version_number "$client_version")" -ge "$(version_number $newest_minor)" ] ||
        die "kubectl is $client_version: $newest_minor or newer is needed (kubectl version --client)"
}

is_local() { case $1 in minikube | kind-* | docker-desktop | k3d-* | microk8s | rancher-desktop | colima | colima-*) ;; *) return 1 ;; esac; }

# Which cluster: says it, and stops where it may not be the one that is meant. $1 is empty for a script that only reads.
check_context() {
    local server
    context=$("${kubectl[@]}" config current-context 2>/dev/null) || true
    [ -n "$context" ] || die "kubectl has no current context: start a cluster (minikube start) or choose one (kubectl config use-context NAME)"
    server=$("${kubectl[@]}" config view --minify --context="$context" -o jsonpath='{.clusters[0].cluster.server}' 2>/dev/null) || true
    head_line "Context $context ($server), namespace $NAMESPACE"
    if [ -n "$CONTEXT" ] && [ "$CONTEXT" != "$context" ]; then
        die "CONTEXT=$CONTEXT, but the current context is $context: kubectl config use-context $CONTEXT"
    fi
    if [ -z "${1:-}" ] || [ -n "$CONTEXT" ] || is_local "$context"; then return; fi
    ask "This is no local cluster. Type yes to $1 there:" yes ||
        die "$context is no local cluster: say that it is meant with CONTEXT=$context"
}

check_server() {
    local version
    if ! version=$(k get --raw /version --request-timeout=10s 2>"$work/err"); then
        case $context in
            minikube) die "the cluster does not answer: minikube start ($(reason))" ;;
            *) die "the cluster does not answer: start it, or choose another (kubectl config get-contexts) ($(reason))" ;;
        esac
    fi
    server_version=$(sed -n 's/.*"gitVersion": *"v\{0,1\}\([^"]*\)".*/\1/p' <<<"$version")
    [ "$(version_number "$server_version")" -ge "$(version_number $newest_minor)" ] ||
        die "the cluster runs Kubernetes $server_version: $newest_minor or newer is needed (minikube start --kubernetes-version=stable)"
}

# The start of every script; $1 is the verb of one that changes something.
connect() {
    check_tools
    check_context "${1:-}"
    check_server
}

# Whether it is there; whoever may not look, or gets no answer, does not know.
namespace_exists() {
    k get namespace "$NAMESPACE" -o name >/dev/null 2>"$work/err" && return
    grep -q NotFound "$work/err" || die "namespace $NAMESPACE cannot be read: $(reason)"
    return 1
}

need_namespace() {
    namespace_exists || die "namespace $NAMESPACE does not exist on $context: make deploy"
}

# --- Time -------------------------------------------------------------------------------------------------------------

# 2026-11-21T12:00:00Z → seconds since 1970; `date -d` is not everywhere.
epoch() {
    local y m d h mi s
    IFS='-T:Z.' read -r y m d h mi s _ <<<"$1"
    y=$((10#$y)) m=$((10#$m)) d=$((10#$d))
    if ((m <= 2)); then y=$((y - 1)) m=$((m + 12)); fi
    echo $(((365 * y + y / 4 - y / 100 + y / 400 + (153 * (m - 3) + 2) / 5 + d - 719469) * 86400 + 10#$h * 3600 + 10#$mi * 60 + 10#$s))
}

now() { printf '%(%s)T' -1; }
timestamp() { TZ=UTC printf '%(%Y-%m-%dT%H:%M:%S)T.000000Z' "$(now)"; }

# 2026-11-21T12:00:00Z → 5 min
age() {
    local s
    if [ -z "$1" ]; then echo never; return; fi
    s=$(($(now) - $(epoch "$1")))
    if ((s < 0)); then s=0; fi
    if ((s < 120)); then echo "$s s"; elif ((s < 7200)); then echo "$((s / 60)) min"; elif ((s < 172800)); then echo "$((s / 3600)) h"; else echo "$((s / 86400)) days"; fi
}

# --- The lock ---------------------------------------------------------------------------------------------------------
# A Lease that only one run can create. It is renewed while a run waits; without that for half an hour nobody holds it.

lock() {
    local uid holder renewed attempt
    for attempt in 1 2 3; do
        if lock_uid=$(lease | kn create -f - -o jsonpath='{.metadata.uid}' 2>"$work/err"); then
            lock_renewed=$SECONDS
            return
        fi
        lock_uid=''
        grep -q AlreadyExists "$work/err" || die "the lock canopy-deploy cannot be made in $NAMESPACE: $(reason)"
        IFS='|' read -r uid holder renewed < <(kn get lease canopy-deploy \
            -o jsonpath='{.metadata.uid}|{.spec.holderIdentity}|{.spec.renewTime}' 2>/dev/null && echo) || continue
        if on BREAK_LOCK; then
            warn "the lock of $holder is broken, as BREAK_LOCK says"
        elif (($(now) - $(epoch "$renewed") > 1800)); then
            warn "the lock of $holder, last heard of $(age "$renewed") ago, is broken"
        else
            die "$holder deploys to $NAMESPACE (last heard of $(age "$renewed") ago): wait, or if that run is dead, BREAK_LOCK=1"
        fi
        remove_lock "$uid"
    done
    die "the lock canopy-deploy in $NAMESPACE is taken by another run each time: try again ($attempt attempts)"
}

lease() {
    local time
    time=$(timestamp)
    cat <<LEASE
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: canopy-deploy
  labels: { app.kubernetes.io/name: canopy, app.kubernetes.io/component: lock, app.kubernetes.io/part-of: canopy }
spec:
  holderIdentity: "$(id -un)@$(uname -n), $(basename "$0"), process $$"
  leaseDurationSeconds: 1800
  acquireTime: "$time"
  renewTime: "$time"
LEASE
}

# Only the Lease with this uid, never one that somebody has made since.
remove_lock() {
    printf '{"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"%s"}}' "$1" |
        k delete --raw "/apis/coordination.k8s.io/v1/namespaces/$NAMESPACE/leases/canopy-deploy" -f - >/dev/null 2>&1 || true
}

renew_lock() {
    if [ -z "$lock_uid" ] || ((SECONDS - lock_renewed < 60)); then return; fi
    lock_renewed=$SECONDS
    kn patch lease canopy-deploy --type=json -p "[{\"op\":\"test\",\"path\":\"/metadata/uid\",\"value\":\"$lock_uid\"},
        {\"op\":\"replace\",\"path\":\"/spec/renewTime\",\"value\":\"$(timestamp)\"}]" >/dev/null 2>&1 ||
        warn "the lock canopy-deploy is no longer this run's: somebody else may be deploying to $NAMESPACE"
}

unlock() {
    if [ -n "$lock_uid" ]; then remove_lock "$lock_uid"; fi
    lock_uid=''
}
