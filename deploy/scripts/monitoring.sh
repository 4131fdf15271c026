#!/usr/bin/env bash
# Puts Prometheus, Alertmanager and Grafana (deploy/monitoring) beside Canopy, and says how to look at them.
#
# Settings, as variables:
#   NAMESPACE=canopy      where Canopy is
#   CONTEXT=…             the kubectl context that is meant; needed where it is not a local one
#   OPEN=1                open both on this machine until Ctrl-C
#   GRAFANA_PORT=3000  PROMETHEUS_PORT=9090   the ports for that
#   SHOW_KEY=1            print Grafana's password when it is made
#   TIMEOUT=600  STALL=60  BREAK_LOCK=1  KUBECTL=kubectl  NO_COLOR=1
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib-apply.sh"
source "$here/lib-wait.sh"

render_monitoring() {
    mkdir -p "$work/kustomize" "$work/objects"
    {
        printf 'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: %s\nsortOptions: { order: legacy }\n' "$NAMESPACE"
        printf 'components: ["%s%s/deploy/monitoring"]\n' "$(sed 's#[^/]\{1,\}#..#g; s#^/##' <<<"$work/kustomize")" "$root"
    } >"$work/kustomize/kustomization.yaml"
    k kustomize "$work/kustomize" >"$work/all.yaml" 2>"$work/err" || die "deploy/monitoring does not render: $(reason)"
    split_objects "$work/all.yaml" "$work/objects"
}

ensure_password() {
    local password
    if exists secret grafana-admin; then return; fi
    password=$(random_key)
    secret grafana-admin monitoring admin-user admin admin-password "$password" | kn create -f - >/dev/null 2>"$work/err" ||
        die "Secret grafana-admin cannot be made: $(reason)"
    say "Secret grafana-admin made, with a random password"
    if on SHOW_KEY; then say "The password: $password"; fi
}

apply_monitoring() {
    local file files
    applicable_claims "$work"/objects/*-PersistentVolumeClaim-*.yaml >"$work/claims"
    mapfile -t files <"$work/claims"
    for file in "$work"/objects/*.yaml; do
        case $file in *-PersistentVolumeClaim-* | *-Namespace-*) ;; *) files+=("$file") ;; esac
    done
    apply_all "${files[@]}"
}

look() {
    head_line "Look"
    say "  kubectl --context=$context -n $NAMESPACE port-forward service/grafana $GRAFANA_PORT:3000        http://127.0.0.1:$GRAFANA_PORT"
    say "  kubectl --context=$context -n $NAMESPACE port-forward service/prometheus $PROMETHEUS_PORT:9090     http://127.0.0.1:$PROMETHEUS_PORT"
    say "  Grafana's user is admin; its password: kubectl --context=$context -n $NAMESPACE get secret grafana-admin -o go-template='{{index .data \"admin-password\" | base64decode}}'"
    if ! on OPEN; then say "  or both at once: make monitoring OPEN=1"; return; fi
    forward service/grafana 3000 "$GRAFANA_PORT" || die "Grafana cannot be opened on port $GRAFANA_PORT: $(reason) (GRAFANA_PORT=3001)"
    forward service/prometheus 9090 "$PROMETHEUS_PORT" || die "Prometheus cannot be opened on port $PROMETHEUS_PORT: $(reason) (PROMETHEUS_PORT=9091)"
    say "Open until Ctrl-C: http://127.0.0.1:$GRAFANA_PORT and http://127.0.0.1:$PROMETHEUS_PORT"
    wait
}

settings "$@"
GRAFANA_PORT=${GRAFANA_PORT:-3000} PROMETHEUS_PORT=${PROMETHEUS_PORT:-9090}
expect GRAFANA_PORT '^[0-9]{2,5}$' 'a port of this machine'
expect PROMETHEUS_PORT '^[0-9]{2,5}$' 'a port of this machine'
connect 'put the monitoring'
need_namespace
wait_namespace_gone
render_monitoring
lock
ensure_password
head_line "Applying deploy/monitoring"
apply_monitoring
head_line "Waiting"
for name in prometheus alertmanager grafana; do
    wait_deployment "$name" "app.kubernetes.io/name=$name" || die "$name is not up: mend what is said above, then make monitoring"
done
prune "$work/objects" app.kubernetes.io/component=monitoring
unlock
look
