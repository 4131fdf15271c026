#!/usr/bin/env bash
# Takes Canopy out of the cluster, with the model versions on its volume. Shows what goes, and asks first.
# What is cluster-wide, a PriorityClass, stays. A namespace that Canopy did not make stays, and only Canopy's own objects in it are deleted.
#
# Settings, as variables:
#   NAMESPACE=canopy      where it is
#   KEEP_VOLUME=1         keep the volumes, the Secrets (clients keep their keys) and the namespace
#   YES=1                 do not ask
#   CONTEXT=…             the kubectl context that is meant; needed where it is not a local one
#   TIMEOUT=600  BREAK_LOCK=1  KUBECTL=kubectl  NO_COLOR=1
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib-apply.sh"

ours='app.kubernetes.io/part-of=canopy,app.kubernetes.io/managed-by!=Helm' # a release is for `helm uninstall`
kinds=$prunable
if ! on KEEP_VOLUME; then kinds+=,persistentvolumeclaims,secrets; fi

# A line for each object; a CronJob's Jobs and other owned ones go with their owners and are not named.
list() { # KINDS SELECTOR
    kn get "$1" ${2:+-l "$2"} -o jsonpath='{range .items[*]}{.kind}/{.metadata.name} {.metadata.ownerReferences[0].kind}{"\n"}{end}' 2>/dev/null | awk 'NF == 1 { print $1 }' || true
}

# What others have put into our namespace, which goes with it.
foreign() {
    list "$prunable,persistentvolumeclaims,secrets" "app.kubernetes.io/part-of!=canopy" |
        grep -vxE 'ConfigMap/(kube-root-ca\.crt|openshift-service-ca\.crt)|ServiceAccount/default' || true
}

show() { # OBJECTS
    local others
    say "To be deleted:"
    if [ -n "$whole" ]; then say "  Namespace/$NAMESPACE, with"; fi
    awk '{ print "  " $0 }' <<<"${1:-nothing of Canopy}"
    case $1 in *PersistentVolumeClaim/models*) say "The volume \`models\` holds every model version, \`metrics\` what was measured: KEEP_VOLUME=1 keeps them" ;; esac
    if [ -z "$whole" ]; then return; fi
    others=$(foreign)
    if [ -n "$others" ]; then warn "these are not Canopy's, and go with the namespace:"; indent <<<"$others" >&2; fi
}

confirm() {
    if on YES; then return; fi
    [ -t 0 ] || die "nobody is there to ask: YES=1 says that all this may go"
    ask "Type the namespace's name to delete it:" "$NAMESPACE" || die "nothing is deleted"
}

delete_namespace() {
    local start=$SECONDS
    k delete namespace "$NAMESPACE" --wait=false >/dev/null 2>"$work/err" || die "namespace $NAMESPACE cannot be deleted: $(reason)"
    lock_uid='' # goes with the namespace
    wait_namespace_gone
    say "Namespace $NAMESPACE is gone ($((SECONDS - start)) s)"
}

delete_objects() { # OBJECTS
    local start=$SECONDS object left
    while read -r object; do
        kn delete "${object%%/*}" "${object#*/}" --wait=false --ignore-not-found >/dev/null 2>"$work/err" </dev/null || warn "$object cannot be deleted: $(reason)"
    done <<<"$1"
    kn delete pods -l "$ours" --wait=false >/dev/null 2>&1 || true # those that nothing owns, too
    while :; do
        left=$(list "$kinds" "$ours"; kn get pods -l "$ours" -o name)
        if [ -z "$left" ]; then break; fi
        progress "Waiting for: $(tr '\n' ' ' <<<"$left")" "$start"
        if ((SECONDS - start >= TIMEOUT)); then die "not gone after $TIMEOUT s: $(tr '\n' ' ' <<<"$left")(kubectl -n $NAMESPACE describe shows why)"; fi
        renew_lock
        sleep 2
    done
    say "Canopy's objects in $NAMESPACE are gone; kept: $(list persistentvolumeclaims,secrets "$ours" | tr '\n' ' ')and the namespace"
}

settings "$@"
connect 'delete Canopy'
if ! namespace_exists; then say "Namespace $NAMESPACE is not there: nothing to delete"; exit 0; fi
whole=''
if [ "$(k get namespace "$NAMESPACE" -o jsonpath='{.metadata.labels.app\.kubernetes\.io/part-of}')" = canopy ] && ! on KEEP_VOLUME; then whole=1; fi
if [ "$(k get namespace "$NAMESPACE" -o jsonpath='{.status.phase}')" = Terminating ]; then
    wait_namespace_gone
    say "Namespace $NAMESPACE is gone"
    exit 0
fi
objects=$(list "$kinds" "$ours")
if [ -z "$whole$objects" ]; then say "There is nothing of Canopy in $NAMESPACE$(if on KEEP_VOLUME; then echo ' but what KEEP_VOLUME keeps'; fi)"; exit 0; fi
show "$objects"
confirm
lock
if [ -n "$whole" ]; then delete_namespace; else delete_objects "$objects"; fi
