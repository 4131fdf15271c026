#!/usr/bin/env bash
# Checks that Canopy is as it should be and answers a prediction; stops with a failure at the first thing that is not so,
# and says what to do. Changes nothing. Needs curl.
#
# Settings, as variables:
#   NAMESPACE=canopy      where it is
#   CONTEXT=…             refuses another kubectl context
#   REQUEST=FILE          the request to send; examples/requests/diamond.json where the model is `diamonds`
#   KUBECTL=kubectl  NO_COLOR=1
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib-wait.sh"

ok() { printf '%sok%s   %s\n' "$green" "$plain" "$1"; }
maybe() { printf '%swarn%s %s\n' "$yellow" "$plain" "$1"; }
fail() { printf '%sFAIL%s %s\n' "$red" "$plain" "$1"; exit 1; }

check_namespace() {
    local phase level
    IFS='|' read -r phase level < <(k get namespace "$NAMESPACE" -o jsonpath='{.status.phase}|{.metadata.labels.pod-security\.kubernetes\.io/enforce}' 2>/dev/null && echo) ||
        fail "namespace $NAMESPACE does not exist: make deploy"
    [ "$phase" = Active ] || fail "namespace $NAMESPACE is $phase: wait, then make deploy"
    [ "$level" = restricted ] || fail "namespace $NAMESPACE enforces Pod Security level \"$level\": kubectl label namespace $NAMESPACE --overwrite pod-security.kubernetes.io/enforce=restricted"
    ok "namespace $NAMESPACE enforces Pod Security level restricted"
}

check_volumes() {
    local claim phase any=''
    while read -r claim phase; do
        any+="${any:+, }$claim"
        [ "$phase" = Bound ] || fail "volume $claim is $phase: kubectl -n $NAMESPACE describe pvc $claim"
    done < <(kn get persistentvolumeclaims -l app.kubernetes.io/part-of=canopy -o jsonpath='{range .items[*]}{.metadata.name} {.status.phase}{"\n"}{end}' 2>/dev/null)
    [ -n "$any" ] || fail "there is no volume: make deploy"
    ok "volume bound: $any"
}

secret_field() { kn get secret "$1" -o go-template="{{with .data}}{{with index . \"$2\"}}{{. | base64decode}}{{end}}{{end}}"; }

check_secrets() {
    local name
    for name in inference-api-keys inference-client-key; do
        exists secret "$name" || fail "Secret $name is missing: make deploy makes both or says how"
    done
    secret_field inference-api-keys api-keys | grep -qiF "$(secret_field inference-client-key key | sha256)" ||
        fail "the key in Secret inference-client-key is none of those in inference-api-keys: store the right one, or delete both and make deploy"
    if exists deployment metrics; then
        exists secret metrics-events-key || fail "Secret metrics-events-key is missing: make deploy makes it"
        secret_field metrics-events-key api-keys | grep -qiF "$(secret_field metrics-events-key key | sha256)" ||
            fail "the key in Secret metrics-events-key is none of its api-keys: delete the Secret and make deploy"
    fi
    ok "Secrets are there and agree"
}

check_training() {
    local complete served
    complete=$(kn get job trainer -o jsonpath='{.status.conditions[?(@.type=="Complete")].status}' 2>/dev/null) || true
    if [ "$complete" = True ]; then ok "Job trainer is complete"; return; fi
    served=$(kn get deployment inference -o jsonpath='{.status.availableReplicas}' 2>/dev/null) || true
    [ "${served:-0}" -gt 0 ] || fail "Job trainer has not succeeded and no version is served: make status, then make deploy"
    if exists job trainer; then maybe "Job trainer has not succeeded; an earlier version is served: make status"; else ok "a version is served; Job trainer is gone, as a day after its end"; fi
}

check_deployment() {
    local generation observed wanted all updated available _
    IFS='|' read -r generation observed wanted all updated available _ < <(kn get deployment inference -o jsonpath="$deployment_state" 2>/dev/null && echo) ||
        fail "Deployment inference is missing: make deploy"
    ((observed >= generation && ${updated:-0} == wanted && ${all:-0} == wanted)) ||
        fail "Deployment inference is being rolled out: ${updated:-0} of $wanted updated: make status"
    ((wanted > 0)) || fail "Deployment inference is scaled to 0: make update"
    ((${available:-0} == wanted)) || fail "Deployment inference: ${available:-0} of $wanted available: make status"
    ok "Deployment inference: $wanted of $wanted available, all up to date"
}

# All servers name one version. While a promotion spreads they differ for some seconds.
check_versions() {
    local pod version versions try
    for try in 1 2 3 4 5; do
        versions=''
        for pod in $(servers); do
            version=$(pod_ready "$pod" | field version)
            [ -n "$version" ] || fail "pod $pod is not ready: $(pod_ready_reason "$pod")"
            versions+="$version"$'\n'
        done
        served=$(sort -u <<<"${versions%$'\n'}")
        if [ "$(wc -l <<<"$served")" = 1 ]; then ok "every server is ready with version $served"; return; fi
        if [ "$try" != 5 ]; then sleep 4; fi
    done
    fail "the servers answer from different versions (${served//$'\n'/, }): make status"
}

check_endpoints() {
    local ready wanted
    ready=$(kn get endpointslices -l kubernetes.io/service-name=inference -o jsonpath='{range .items[*].endpoints[?(@.conditions.ready==true)]}x{end}' 2>/dev/null) || true
    wanted=$(kn get deployment inference -o jsonpath='{.spec.replicas}')
    [ "${#ready}" = "$wanted" ] || fail "Service inference has ${#ready} endpoints, and there are $wanted servers: kubectl -n $NAMESPACE describe service inference"
    ok "Service inference reaches $wanted servers"
}

# The key comes through standard input, as arguments can be read by everybody on this machine.
post() { # FILE, the header on standard input; prints the status, the body goes to $work/answer
    curl --silent --show-error --max-time 15 --output "$work/answer" --write-out '%{http_code}' -H @- \
        -H 'Content-Type: application/json' --data-binary "@$1" "http://127.0.0.1:$forwarded/predict" 2>"$work/err" || true
}

check_prediction() {
    local model request status
    forward service/inference 8000 || fail "no port-forward to Service inference: $(reason)"
    model=$(kn get configmap inference -o jsonpath='{.data.CANOPY_MODEL}')
    model=${model%%,*} # the default model: /predict is its
    request=${REQUEST:-}
    if [ -z "$request" ] && [ "$model" = diamonds ]; then request=$root/examples/requests/diamond.json; fi
    if [ -z "$request" ]; then echo '{"features":{}}' >"$work/request"; fi
    status=$({ printf 'X-API-Key: '; secret_field inference-client-key key; echo; } | post "${request:-$work/request}")
    case $status in
        200) [ "$(field version <"$work/answer")" = "$served" ] || fail "the answer is not of version $served: $(head -c 300 "$work/answer")"
            grep -qE '"predictions?":' "$work/answer" || fail "the answer holds no prediction: $(head -c 300 "$work/answer")"
            ok "a prediction by version $served: $(head -c 100 "$work/answer" | field prediction)" ;;
        000) fail "no answer to a prediction: $(reason)" ;;
        422) [ -z "$request" ] || fail "a prediction is answered $status: $(head -c 300 "$work/answer")"
            maybe "the key is accepted; no prediction was tried, as $model's columns are not known here: REQUEST=FILE" ;;
        *) fail "a prediction is answered $status: $(head -c 300 "$work/answer")" ;;
    esac
    status=$(printf 'X-API-Key: %s\n' "not-$(now)-the-key" | post "${request:-$work/request}")
    [ "$status" = 401 ] || fail "a wrong key is answered $status and not 401: is CANOPY_ALLOW_ANONYMOUS set?"
    ok "a wrong key is answered 401"
    kill "$forwarder" 2>/dev/null || true
}

# It is up, takes the same key, and sees every server; a look takes some seconds to come round.
check_metrics() {
    local available wanted status ready='' try
    if ! exists deployment metrics; then maybe "there is no metrics service: make deploy"; return; fi
    available=$(kn get deployment metrics -o jsonpath='{.status.availableReplicas}')
    [ "${available:-0}" -gt 0 ] || fail "Deployment metrics is not available: make status"
    wanted=$(kn get deployment inference -o jsonpath='{.spec.replicas}')
    forward service/metrics 8001 || fail "no port-forward to Service metrics: $(reason)"
    for try in 1 2 3 4 5 6; do
        status=$({ printf 'X-API-Key: '; secret_field inference-client-key key; echo; } | state)
        [ "$status" = 200 ] || fail "the metrics service answers the key with $status: $(head -c 300 "$work/state" 2>/dev/null)"
        ready=$(grep -o '"ready": *[0-9]*' "$work/state" | head -n 1 | tr -dc 0-9)
        if [ "$ready" = "$wanted" ]; then break; fi
        if [ "$try" != 6 ]; then sleep 4; fi
    done
    [ "$ready" = "$wanted" ] || fail "the metrics service sees ${ready:-no} servers ready, and there are $wanted: make monitor"
    ok "the metrics service sees $ready servers ready"
    status=$(printf 'X-API-Key: %s\n' "not-$(now)-the-key" | state)
    [ "$status" = 401 ] || fail "the metrics service answers a wrong key with $status and not 401: is CANOPY_ALLOW_ANONYMOUS set?"
    ok "and answers a wrong key with 401"
    kill "$forwarder" 2>/dev/null || true
}

# The header on standard input; prints the status, the body goes to $work/state.
state() {
    curl --silent --show-error --max-time 15 --output "$work/state" --write-out '%{http_code}' -H @- \
        "http://127.0.0.1:$forwarded/api/state" 2>"$work/err" || true
}

check_rest() {
    local name policies=default-deny,inference,trainer
    if exists deployment metrics; then policies+=,metrics; fi
    exists poddisruptionbudget inference || fail "PodDisruptionBudget inference is missing: make deploy"
    ok "PodDisruptionBudget inference"
    for name in ${policies//,/ }; do
        exists networkpolicy "$name" || fail "NetworkPolicy $name is missing: make deploy"
    done
    ok "NetworkPolicies ${policies//,/, }"
    if ! exists horizontalpodautoscaler inference; then maybe "there is no HorizontalPodAutoscaler: make deploy"; return; fi
    if [ "$(kn get horizontalpodautoscaler inference -o jsonpath='{.status.conditions[?(@.type=="ScalingActive")].status}')" = True ]; then
        ok "HorizontalPodAutoscaler inference has metrics"
    else
        maybe "HorizontalPodAutoscaler inference has no metrics (yet): minikube addons enable metrics-server"
    fi
}

settings "$@"
command -v curl >/dev/null || die "curl is not installed"
connect ''
check_namespace
check_volumes
check_secrets
check_training
check_deployment
check_versions
check_endpoints
check_prediction
check_metrics
check_rest
