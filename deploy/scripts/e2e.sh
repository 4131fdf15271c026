#!/usr/bin/env bash
# Proves Canopy on the cluster that kubectl points at, from nothing, in a namespace of its own that is removed at the end:
# deploy, predict, kill, roll out, roll back, evict, retrain under load with no failed request, scale out and back.
#
# Settings, as variables:
#   E2E_LOAD_IMAGE='CMD {tar}'  how an image's archive gets into the cluster (kind load image-archive {tar});
#                               without it the images must be there: make images
#   E2E_IMAGES=DIR              archives to load (DIR/canopy-*.tar); without it they are built with docker/build.sh
#   E2E_URL=http://HOST:PORT    where the NodePort is reached; without it the first node's address
#   E2E_SKIP_NETWORK_POLICY=1   go on where the cluster's network does not enforce NetworkPolicies
#   E2E_KEEP=1                  leave the namespace as it is at the end
#   NODE_PORT=30800             another port, where 30800 is taken
#   CONTEXT=…                   the kubectl context that is meant; needed where it is not a local one
#   TAG=…, IMAGE_PREFIX=…, KUBECTL=kubectl   as for `make deploy`
# The API server must reach the pods (their /ready is read through it): on several nodes a policy may have to allow it.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

case ${1:-} in
    '') ;;
    -h | --help) awk 'NR == 1 { next } /^#/ { sub(/^# ?/, ""); print; next } { exit }' "$0"; exit 0 ;;
    *) echo "error: unknown argument $1: settings come as variables, see e2e.sh --help" >&2; exit 2 ;;
esac

read -r -a kubectl <<<"${KUBECTL:-kubectl}"
namespace=canopy-e2e
port=${NODE_PORT:-30800}
tag=${TAG:-$(sed -n '/^\[workspace\.package\]/,/^\[/s/^version *= *"\(.*\)"/\1/p' "$root/Cargo.toml")}
rate=100 # requests a second, of which not one may fail
work=$(mktemp -d)
step='' n_steps=0 made_namespace='' forwarder=''
step_began=0 began=$SECONDS

k() { "${kubectl[@]}" --context="$context" --namespace="$namespace" "$@"; }
say() { printf '           %s\n' "$*"; }

# --- Steps ------------------------------------------------------------------------------------------------------------

begin() { step=$1 step_began=$SECONDS n_steps=$((n_steps + 1)); }
passed() { printf '[%4d s] ok    %s (%d s)%s\n' $((SECONDS - began)) "$step" $((SECONDS - step_began)) "${1:+: $1}"; }
fail() { printf '[%4d s] FAIL  %s: %s\n' $((SECONDS - began)) "$step" "$*"; exit 1; }

finish() {
    local code=$?
    trap '' INT TERM
    if [ -n "$forwarder" ]; then kill "$forwarder" 2>/dev/null || true; fi
    if [ "$code" -ne 0 ] && [ -n "$made_namespace" ]; then diagnose || true; fi
    if [ -n "$made_namespace" ] && [ -z "${E2E_KEEP:-}" ]; then
        k delete namespace "$namespace" --wait=false >/dev/null 2>&1 || true
    fi
    rm -rf "$work"
    if [ "$code" -ne 0 ]; then echo "FAILED in step $n_steps: ${step:-start}"; fi
    exit "$code"
}

diagnose() {
    echo "--- pods"; k get pods -o wide
    echo "--- events"; k get events --sort-by=.lastTimestamp | tail -25
    for pod in $(k get pods -o name); do
        echo "--- $pod"; k logs "$pod" --tail=5 --all-containers
    done
}

# Runs another script of this folder for this namespace; its output is shown only where it fails.
script() { # NAME [VARIABLE=VALUE…]
    local name=$1
    shift
    local code=0
    env NAMESPACE="$namespace" OVERLAY=e2e CONTEXT="$context" NODE_PORT="$port" TAG="$tag" YES=1 "$@" \
        "$here/$name.sh" >"$work/$name.log" 2>&1 || code=$?
    if [ "$code" -ne 0 ]; then cat "$work/$name.log"; fail "$name.sh ended with exit code $code"; fi
}

# Waits until a command succeeds.
until_true() { # SECONDS WHAT COMMAND…
    local limit=$((SECONDS + $1)) what=$2
    shift 2
    until "$@"; do
        if ((SECONDS >= limit)); then fail "$what: not after $((SECONDS - step_began)) s"; fi
        sleep 1
    done
}

# --- What is asked of the cluster -------------------------------------------------------------------------------------

inference='app.kubernetes.io/component=inference'
pods() { # those that are not on their way out
    k get pods -l "$inference" --field-selector=status.phase=Running -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}'
}
ready() { k get deployment inference -o jsonpath='{.status.readyReplicas}'; }
wanted() { k get deployment inference -o jsonpath='{.spec.replicas}'; }
all_ready() { [ "$(ready)" = "$(wanted)" ] && [ "$(pods | wc -l)" = "$(wanted)" ]; }
rolled_out() { k rollout status deployment/inference --timeout=180s >"$work/rollout.log" 2>&1 || fail "$(tail -1 "$work/rollout.log")"; }
job_is() { [ "$(k get job "$1" -o jsonpath="{.status.conditions[?(@.type==\"$2\")].status}")" = True ]; }

# The version that every server says it answers from; more than one line where they differ.
versions() {
    local pod
    for pod in $(pods); do
        k get --raw "/api/v1/namespaces/$namespace/pods/$pod:8000/proxy/ready" 2>/dev/null
        echo # the answer ends without one
    done | sed -n 's/.*"version":\([0-9]*\).*/\1/p' | sort -u
}
all_answer_from() { [ "$(versions)" = "$1" ]; }

# Status and body of a prediction through the NodePort.
predict() { # KEY BODY
    printf 'header = "X-API-Key: %s"\n' "$1" |
        curl -sS -m 10 -K - -o "$work/answer" -w '%{http_code}' -H 'Content-Type: application/json' --data "$2" "$url/predict"
}

# --- Load -------------------------------------------------------------------------------------------------------------

# A pod that sends requests until it is told to stop, or for as long as it is told.
load() { # NAME COMPONENT [VARIABLE=VALUE…]
    local name=$1 component=$2 variable
    shift 2
    k delete pod "$name" --ignore-not-found --now >/dev/null 2>&1
    {
        cat <<YAML
apiVersion: v1
kind: Pod
metadata:
  name: $name
  labels: { app.kubernetes.io/name: canopy, app.kubernetes.io/component: $component, app.kubernetes.io/part-of: canopy }
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 20
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext: { runAsNonRoot: true, runAsUser: 65532, runAsGroup: 65532, seccompProfile: { type: RuntimeDefault } }
  containers:
    - name: loadtest
      image: ${IMAGE_PREFIX:-}canopy-loadtest:$tag
      imagePullPolicy: IfNotPresent
      args: [--output, json]
      resources: { requests: { cpu: 50m, memory: 32Mi }, limits: { memory: 128Mi } }
      securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: [ALL] } }
      env:
        - { name: CANOPY_LOADTEST_URL, value: "http://inference:8000/predict" }
        - { name: CANOPY_LOADTEST_API_KEY, valueFrom: { secretKeyRef: { name: e2e-load-key, key: key } } }
YAML
        # The last of each name counts.
        printf '%s\n' CANOPY_LOADTEST_DURATION=0s "CANOPY_LOADTEST_RATE=$rate" CANOPY_LOADTEST_CONNECTIONS=8 "$@" |
            awk -F= '{ value[$1] = $0 } END { for (name in value) print value[name] }' | while read -r variable; do
            printf '        - { name: %s, value: "%s" }\n' "${variable%%=*}" "${variable#*=}"
        done
    } | k apply -f - >/dev/null
    until_true 60 "the load generator starts" has_started "$name"
}

has_started() { [ -n "$(k logs "$1" --tail=1 2>/dev/null)" ] || is_over "$1"; }
is_over() { case $(k get pod "$1" -o jsonpath='{.status.phase}') in Succeeded | Failed) ;; *) return 1 ;; esac; }

# Ends a load in order, and reads its summary into $work/NAME.json. A deadline sends SIGTERM and keeps the pod's log.
stop_load() { # NAME
    if ! is_over "$1"; then
        k patch pod "$1" -p '{"spec":{"activeDeadlineSeconds":1}}' >/dev/null
    fi
    until_true 60 "the load generator ends" is_over "$1"
    k logs "$1" 2>/dev/null | sed -n '/^{/,$p' >"$work/$1.json"
    [ -s "$work/$1.json" ] || fail "the load generator left no summary"
}

# A number of a summary.
figure() { sed -n "s/^ *\"$2\": \([0-9.]*\),*$/\1/p" "$work/$1.json" | head -1; }

# Says what a load met, and fails on the first lost request.
no_failures() { # NAME
    stop_load "$1"
    local requests failed
    requests=$(figure "$1" requests) failed=$(figure "$1" failed)
    if [ "$failed" != 0 ]; then cat "$work/$1.json"; fail "$failed of $requests requests failed"; fi
    [ "${requests:-0}" -ge 300 ] || fail "only $requests requests were sent: too few to say anything"
    result="$requests requests at $rate a second, 0 failed, p99 $(figure "$1" p99) ms, longest gap $(figure "$1" length_seconds) s"
}

# --- The run ----------------------------------------------------------------------------------------------------------

trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

begin "the tools and the cluster are there"
for tool in "${kubectl[0]}" curl sha256sum; do
    command -v "$tool" >/dev/null || fail "$tool is not installed"
done
context=$("${kubectl[@]}" config current-context 2>/dev/null) || fail "kubectl has no current context: start a cluster, or kubectl config use-context NAME"
case $context in
    minikube | kind-* | docker-desktop | k3d-* | microk8s | rancher-desktop | colima*) ;;
    "${CONTEXT:-}") ;;
    *) fail "$context is no local cluster, and gets a load: say that it is meant with CONTEXT=$context" ;;
esac
server=$("${kubectl[@]}" --context="$context" get --raw /version --request-timeout=10s 2>/dev/null | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p')
[ -n "$server" ] || fail "the cluster of context $context does not answer"
nodes=$(k get nodes -o jsonpath='{range .items[*]}{.status.nodeInfo.kubeletVersion}, {.status.nodeInfo.containerRuntimeVersion}, {.status.nodeInfo.kernelVersion}{"; "}{end}')
passed "context $context, kube-apiserver $server, kubelet ${nodes%; }"

begin "no earlier run is left over"
if k get namespace "$namespace" >/dev/null 2>&1; then
    k delete namespace "$namespace" --timeout=180s >/dev/null 2>&1 || fail "namespace $namespace does not go away: kubectl get namespace $namespace -o yaml"
    passed "namespace $namespace is removed"
else
    passed
fi

if [ -n "${E2E_LOAD_IMAGE:-}" ]; then
    begin "the images get into the cluster"
    images=${E2E_IMAGES:-$work/images}
    if [ -z "${E2E_IMAGES:-}" ]; then TAG=$tag "$root/docker/build.sh" --save "$images"; fi
    for image in trainer inference metrics loadtest; do
        tar=$images/canopy-$image.tar
        [ -f "$tar" ] || fail "$tar is missing: docker/build.sh --save $images"
        bash -c "${E2E_LOAD_IMAGE//\{tar\}/"'$tar'"}" >"$work/load.log" 2>&1 || { cat "$work/load.log"; fail "loading $tar"; }
    done
    passed "canopy-trainer, canopy-inference, canopy-metrics, canopy-loadtest $tag"
fi

begin "deploy: the Job trains and publishes, the servers become ready"
made_namespace=1
script deploy
job_is trainer Complete || fail "Job trainer is not complete"
all_ready || fail "$(ready) of $(wanted) servers are ready"
all_answer_from 1 || fail "the servers answer from version $(versions | tr '\n' ' ')"
passed "$(ready) servers answer from version 1"

begin "deploy again changes nothing"
generation=$(k get deployment inference -o jsonpath='{.metadata.generation}')
script deploy
[ "$(k get deployment inference -o jsonpath='{.metadata.generation}')" = "$generation" ] || fail "the Deployment has changed"
all_answer_from 1 || fail "there is another version"
passed

begin "a prediction comes through the NodePort"
url=${E2E_URL:-http://$(k get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}'):$port}
key=$(k get secret inference-client-key -o jsonpath='{.data.key}' | base64 -d)
diamond=$(cat "$root/examples/requests/diamond.json")
status=$(predict "$key" "$diamond") || fail "$url does not answer: say where the NodePort is reached with E2E_URL"
[ "$status" = 200 ] || fail "status $status: $(cat "$work/answer")"
cp "$work/answer" "$work/diamond"
passed "$(cut -c 1-70 "$work/answer")…"

begin "a wrong key gets 401, a misspelt column 422"
[ "$(predict wrong "$diamond")" = 401 ] || fail "a wrong key gets $(cat "$work/answer")"
[ "$(predict "$key" "$(cat "$root/examples/requests/misspelt.json")")" = 422 ] || fail "a misspelt column gets $(cat "$work/answer")"
grep -q 'did you mean .carat.' "$work/answer" || fail "the answer does not help: $(cat "$work/answer")"
passed

begin "verify finds nothing wrong"
script verify
passed "$(grep -c '^ok' "$work/verify.log") checks"

begin "an actual finds the prediction that it belongs to"
id=$(sed -n 's/.*"request_id": *"\([^"]*\)".*/\1/p' "$work/diamond")
[ -n "$id" ] || fail "the prediction has no request_id: $(cat "$work/diamond")"
# A way to the metrics service, held open while a command runs.
with_metrics() { # COMMAND…
    k port-forward --address 127.0.0.1 service/metrics :8001 >"$work/forward.log" 2>&1 &
    forwarder=$!
    until_true 20 "the way to the metrics service opens" grep -q '^Forwarding' "$work/forward.log"
    metrics_url=http://$(sed -n 's/^Forwarding from \(127[0-9.:]*\).*/\1/p' "$work/forward.log")
    "$@"
    kill "$forwarder" 2>/dev/null || true
    forwarder=''
}
# Idempotent, so it can be sent again and again.
send_actual() {
    printf 'header = "X-API-Key: %s"\n' "$key" |
        curl -sS -m 10 -K - -o "$work/actual" -H 'Content-Type: application/json' "$metrics_url/actuals" \
            --data "{\"actuals\":[{\"request_id\":\"$id\",\"actual\":5000}]}"
}
paired() { send_actual && grep -q '"unmatched": *0' "$work/actual"; } # once the event has come
with_metrics until_true 30 "the actual is paired" paired
passed "$(cat "$work/actual")"

begin "a killed metrics service comes back with what it had accepted"
k delete pod -l app.kubernetes.io/component=metrics --grace-period=0 --force >/dev/null 2>&1
k rollout status deployment/metrics --timeout=60s >"$work/rollout.log" 2>&1 || fail "$(tail -1 "$work/rollout.log")"
with_metrics send_actual
grep -q '"duplicates": *1' "$work/actual" || fail "the actual is unknown to it: $(cat "$work/actual")"
passed "$(cat "$work/actual")"

begin "a key that is added to the Secret is accepted without a restart"
load_key=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
lines="$(k get secret inference-api-keys -o jsonpath='{.data.api-keys}' | base64 -d)
load $(printf %s "$load_key" | sha256sum | cut -d ' ' -f 1) rate=100000 burst=100000"
printf '{"data":{"api-keys":"%s"}}' "$(base64 <<<"$lines" | tr -d '\n')" >"$work/patch.json"
k patch secret inference-api-keys --patch-file "$work/patch.json" >/dev/null
printf %s "$load_key" | k create secret generic e2e-load-key --from-file=key=/dev/stdin >/dev/null
accepted() { for _ in 1 2 3 4 5 6 7 8; do [ "$(predict "$load_key" "$diamond")" = 200 ] || return 1; done; } # by every server
until_true 150 "the new key is accepted" accepted
passed "the kubelet brings a changed Secret within its sync period"

begin "a stranger's pod is kept out by the NetworkPolicy"
load friend loadtest CANOPY_LOADTEST_DURATION=2s
stop_load friend
[ "$(figure friend failed)" = 0 ] || fail "the load generator's own pod cannot reach the servers: $(cat "$work/friend.json")"
load stranger stranger CANOPY_LOADTEST_DURATION=3s CANOPY_LOADTEST_WAIT_READY=0s CANOPY_LOADTEST_RATE=5 CANOPY_LOADTEST_TIMEOUT=2s
stop_load stranger
if [ "$(figure stranger succeeded)" = 0 ]; then
    passed "$(figure stranger requests) requests of a stranger, none answered; with the label of the load generator, all"
elif [ -n "${E2E_SKIP_NETWORK_POLICY:-}" ]; then
    printf '[%4d s] SKIP  %s: this network does not enforce NetworkPolicies\n' $((SECONDS - began)) "$step"
else
    fail "$(figure stranger succeeded) requests of a stranger were answered: this network does not enforce NetworkPolicies (E2E_SKIP_NETWORK_POLICY=1 goes on)"
fi

begin "a killed pod is back within 30 s"
victim=$(pods | head -1)
k delete pod "$victim" --grace-period=0 --force >/dev/null 2>&1
killed=$SECONDS
gone() { ! k get pod "$victim" >/dev/null 2>&1; }
until_true 30 "the killed pod is gone" gone
until_true 30 "all servers are ready again" all_ready
[ $((SECONDS - killed)) -le 30 ] || fail "it took $((SECONDS - killed)) s"
passed "$((SECONDS - killed)) s"

# Runs a script that replaces every pod, under load.
rollout_under_load() { # NAME SCRIPT VARIABLE=VALUE
    local before
    load "$1" loadtest
    before=$(pods | sort)
    script "$2" "$3"
    rolled_out
    until_true 60 "the old pods are gone" all_ready
    [ -z "$(comm -12 <(echo "$before") <(pods | sort))" ] || fail "a pod of before is still there"
    sleep 3
    no_failures "$1"
    passed "$result"
}

begin "a rolling update loses no request"
rollout_under_load update update RESTART=1

begin "a rollback of it loses no request"
rollout_under_load rollback rollback IMAGES=1

begin "evicting every pod, as a node's drain does, loses no request"
load evict loadtest
refused=0
for pod in $(pods); do
    eviction="{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"$pod\",\"namespace\":\"$namespace\"}}"
    until k create --raw "/api/v1/namespaces/$namespace/pods/$pod/eviction" -f - <<<"$eviction" >/dev/null 2>&1; do
        refused=$((refused + 1)) # the disruption budget: one at a time
        if ((refused > 180)); then fail "the eviction of $pod is refused for good"; fi
        sleep 1
    done
done
until_true 90 "all servers are ready again" all_ready
sleep 3
no_failures evict
[ "$refused" -gt 0 ] || fail "the disruption budget let both go at once"
passed "$result; the budget refused $refused times"

begin "the CronJob, run by hand, publishes version 2, and the servers take it without losing a request"
load retrain loadtest
k create job retrain --from=cronjob/trainer >/dev/null
until_true 180 "the Job is complete" job_is retrain Complete
until_true 60 "all servers answer from version 2" all_answer_from 2
sleep 3
no_failures retrain
for version in 1 2; do
    grep -q "\"version\": $version" "$work/retrain.json" || fail "version $version was not seen: $(cat "$work/retrain.json")"
done
passed "$result; answers of both versions, each consistent"

begin "the model goes back to version 1 without losing a request"
load model loadtest
script rollback VERSION=1
until_true 60 "all servers answer from version 1" all_answer_from 1
sleep 3
no_failures model
passed "$result"

begin "a retrained version that is worse is published and held back"
k create job worse --from=cronjob/trainer --dry-run=client -o json |
    sed 's/"envFrom": \[/"env": [{"name": "CANOPY_N_ESTIMATORS", "value": "1"}, {"name": "CANOPY_MAX_DEPTH", "value": "1"}],\n"envFrom": [/' |
    k create -f - >/dev/null
until_true 180 "the Job fails" job_is worse Failed
k logs job/worse 2>/dev/null | grep -q 'not promoted' || fail "its log does not say why"
[ "$(k get job worse -o jsonpath='{.status.failed}')" = 1 ] || fail "it was tried again, although that gives the same"
sleep 8 # longer than the servers' poll interval
all_answer_from 1 || fail "the servers answer from version $(versions | tr '\n' ' ')"
passed "$(k logs job/worse 2>/dev/null | sed -n 's/.*not promoted: \(its RMSE[^"]*\).*/\1/p' | head -1)"

begin "a canary takes the requests over and gives them back without losing one"
# Another command of the trainer, as a Job of the CronJob's template.
trainer_job() { # NAME ARGS-AS-JSON
    k create job "$1" --from=cronjob/trainer --dry-run=client -o json |
        k patch --local -f - --type=json -o json -p "[{\"op\": \"add\", \"path\": \"/spec/template/spec/containers/0/args\", \"value\": $2}]" |
        k create -f - >/dev/null
    until_true 180 "the Job $1 is complete" job_is "$1" Complete
}
load canary loadtest
# One key is one session: a smaller share would have all of its requests or none.
trainer_job canary-set '["canary", "set", "diamonds", "2", "--percent", "100"]'
sleep 8 # longer than the servers' poll interval
all_answer_from 1 || fail "the champion is no longer version 1"
trainer_job canary-stop '["canary", "stop", "diamonds", "--reason", "the test is over"]'
sleep 8
no_failures canary
for version in 1 2; do
    grep -q "\"version\": $version" "$work/canary.json" || fail "version $version was not seen: $(cat "$work/canary.json")"
done
trainer_job history '["verify", "diamonds", "--ledger"]'
k logs job/history 2>/dev/null | grep -q 'ledger is unbroken' || fail "the ledger is broken: $(k logs job/history)"
passed "$result; $(k logs job/history 2>/dev/null | sed -n 's/^The ledger is unbroken: \([^,]*\),.*/\1 in the ledger, unbroken/p')"

begin "the autoscaler adds servers under load"
utilization() { k get hpa inference -o jsonpath='{.status.currentMetrics[?(@.resource.name=="cpu")].resource.current.averageUtilization}'; }
has_metrics() { [ -n "$(utilization)" ]; }
until_true 180 "the autoscaler has metrics (is metrics-server installed?)" has_metrics
load heavy loadtest CANOPY_LOADTEST_RATE=0 CANOPY_LOADTEST_CONNECTIONS=16 CANOPY_LOADTEST_MAX_FAILURES=0
more_than_two() { [ "$(ready)" -gt 2 ]; }
until_true 240 "there are more than two servers" more_than_two
sleep 5
passed "$(ready) servers, CPU at $(utilization) % of the request"

begin "and removes them after it, without losing a request"
stop_load heavy
failed=$(figure heavy failed)
[ "$failed" = 0 ] || { cat "$work/heavy.json"; fail "$failed of $(figure heavy requests) requests failed while it scaled out"; }
heavy="$(figure heavy requests) requests at $(figure heavy requests_per_second) a second while it scaled out, 0 failed"
load calm loadtest CANOPY_LOADTEST_RATE=20
two() { [ "$(wanted)" = 2 ] && all_ready; }
until_true 420 "there are two servers again" two
sleep 3
no_failures calm
passed "$heavy; ${result/at $rate/at 20}"

begin "undeploy removes the namespace"
script undeploy
made_namespace=''
k get namespace "$namespace" >/dev/null 2>&1 && fail "namespace $namespace is still there"
passed

printf '\nPASSED: %d steps in %d min %d s on Kubernetes %s\n' "$n_steps" $(((SECONDS - began) / 60)) $(((SECONDS - began) % 60)) "$server"
