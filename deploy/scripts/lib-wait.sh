#!/usr/bin/env bash
# Waiting for a Job and a Deployment, and saying why they do not come: what a pod says, in words. Sourced, not run.
# shellcheck disable=SC2016 # $p belongs to kubectl's templates
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

declare -A told=()
declare -A port_of=([inference]=8000 [metrics]=8001) # of the containers that have a /ready
hard_since=''
wait_start=0
obstacles='' # what explain found last: a line for each, "hard" (will not mend itself) or "soft" before it

# --- What pods say ----------------------------------------------------------------------------------------------------

# A line for each container: pod|phase|deleted at|why not scheduled|container|ready|restarts|image|why it waits|how it
# ended|exit code|message. The message is quoted, as it may span lines, and last, as it may hold anything.
one_container='{{$p.metadata.name}}|{{$p.status.phase}}|{{with $p.metadata.deletionTimestamp}}{{.}}{{end}}||{{.name}}|{{.ready}}|{{.restartCount}}|{{.image}}|'
one_container+='{{with .state.waiting}}{{.reason}}{{end}}|{{with .state.terminated}}{{.reason}}{{else}}{{with .lastState}}{{with .terminated}}{{.reason}}{{end}}{{end}}{{end}}|'
one_container+='{{with .state.terminated}}{{.exitCode}}{{else}}{{with .lastState}}{{with .terminated}}{{.exitCode}}{{end}}{{end}}{{end}}|'
one_container+='{{with .state.waiting}}{{with .message}}{{printf "%q" .}}{{end}}{{end}}{{"\n"}}'
pods_template='{{range .items}}{{$p := .}}'
pods_template+='{{range .status.initContainerStatuses}}'$one_container'{{end}}{{range .status.containerStatuses}}'$one_container'{{end}}'
pods_template+='{{if not .status.containerStatuses}}{{.metadata.name}}|{{.status.phase}}|{{with .metadata.deletionTimestamp}}{{.}}{{end}}|'
pods_template+='{{range .status.conditions}}{{if eq .type "PodScheduled"}}{{if eq .status "False"}}{{with .reason}}{{.}}{{end}}{{end}}{{end}}{{end}}|||||{{with .status.reason}}{{.}}{{end}}|||'
pods_template+='{{range .status.conditions}}{{if eq .type "PodScheduled"}}{{with .message}}{{printf "%q" .}}{{end}}{{end}}{{end}}{{"\n"}}{{end}}{{end}}'

pods() { # SELECTOR
    kn get pods -l "$1" -o go-template="$pods_template" 2>/dev/null
}

unquote() { sed 's/^"//; s/"$//; s/\\"/"/g; s/\\n/ /g' <<<"$1" | cut -c 1-400; }

# What keeps the pods of a selector from being ready, into $obstacles.
find_obstacles() { # SELECTOR
    local pod phase deleted scheduled container ready restarts image waits ended code message about
    obstacles=''
    while IFS='|' read -r pod phase deleted scheduled container ready restarts image waits ended code message; do
        if [ -n "$deleted" ] || [ "$ready" = true ] || [ "$phase" = Succeeded ] || [ "$phase" = Failed ]; then continue; fi
        message=$(unquote "$message") about="pod $pod"
        case $waits in
            ErrImageNeverPull | ErrImagePull | ImagePullBackOff | InvalidImageName) obstacle hard "$about: $(image_advice "$image" "$message")" ;;
            CreateContainerConfigError) obstacle hard "$about: $message: is it in the namespace? make deploy makes what is missing" ;;
            CreateContainerError | RunContainerError | StartError) obstacle hard "$about: the container cannot start: $message" ;;
            CrashLoopBackOff) crash_obstacle "$pod" "$container" "$restarts" "$ended" "$code" ;;
            ContainerCreating | PodInitializing) mount_obstacle "$pod" ;;
            '') if [ -n "$scheduled" ]; then
                    schedule_obstacle "$about" "$message"
                elif [ "${restarts:-0}" -gt 0 ] 2>/dev/null && [ "$ended" = OOMKilled ]; then
                    crash_obstacle "$pod" "$container" "$restarts" "$ended" "$code"
                elif [ -n "$container" ] && [ -n "${port_of[$container]:-}" ] && ((SECONDS - wait_start > 10)); then # before, it is only young
                    message=$(pod_ready_reason "$pod" "${port_of[$container]}")
                    if [ -n "$message" ]; then obstacle soft "$about is not ready: $message"; fi
                fi ;;
            *) obstacle soft "$about: $waits $message" ;;
        esac
    done < <(pods "$1")
}

obstacle() { obstacles+="$1|$2"$'\n'; }

image_advice() { # IMAGE MESSAGE
    case $1 in
        */*/* | *.*/*) echo "image $1 could not be pulled: $2. Is it pushed, and may the node pull it?" ;;
        *) echo "image $1 is not on the node: make images (kind: kind load docker-image $1)" ;;
    esac
}

crash_obstacle() { # POD CONTAINER RESTARTS ENDED CODE
    if [ "$4" = OOMKilled ]; then
        obstacle hard "pod $1 ran out of memory (OOMKilled, $3 restarts): raise resources.limits.memory of container $2"
    else
        obstacle hard "pod $1 ends with exit code $5 again and again; the end of its log:"$'\n'"$(kn logs "$1" -c "$2" --previous --tail=20 2>/dev/null | sed 's/^/more|    /')"
    fi
}

# A pod that is made but not started may wait for its volumes: the Secret that is missing is only in an event.
mount_obstacle() { # POD
    local event
    event=$(warnings "involvedObject.name=$1,reason=FailedMount")$(warnings "involvedObject.name=$1,reason=FailedAttachVolume")
    case $event in
        '') ;;
        *'not found'*) obstacle hard "pod $1: $event: make deploy makes what is missing" ;;
        *) obstacle soft "pod $1: $event" ;;
    esac
}

schedule_obstacle() { # ABOUT MESSAGE
    local claim event
    case $2 in
        *unbound*PersistentVolumeClaim* | *PersistentVolumeClaim*'not found'*)
            for claim in $(kn get persistentvolumeclaims -o jsonpath='{range .items[?(@.status.phase=="Pending")]}{.metadata.name}{"\n"}{end}' 2>/dev/null); do
                event=$(warnings "involvedObject.kind=PersistentVolumeClaim,involvedObject.name=$claim")
                event=${event:-$(kn get events --field-selector "involvedObject.name=$claim,reason=FailedBinding" -o jsonpath='{.items[-1:].message}' 2>/dev/null)}
                obstacle hard "volume $claim is not bound: ${event:-$2} (kubectl get storageclass; minikube addons enable default-storageclass storage-provisioner)"
            done ;;
        *) obstacle soft "$1 finds no node: $2" ;;
    esac
}

# The newest warning that an object has.
warnings() { # FIELD SELECTOR
    kn get events --field-selector "type=Warning,$1" --sort-by=.metadata.creationTimestamp -o jsonpath='{.items[-1:].message}' 2>/dev/null
}

# --- What a server says -----------------------------------------------------------------------------------------------

# The body of a pod's /ready, asked through the API server. kubectl shows the body of a 503 only in its debug output. Where
# a NetworkPolicy keeps the API server out, a port-forward gets through, if there is a curl.
pod_ready() { # POD [PORT]
    local port=${2:-8000} body
    local path="/api/v1/namespaces/$NAMESPACE/pods/$1:$port/proxy/ready"
    if kn get --raw "$path" --request-timeout=6s 2>"$work/ready"; then return; fi
    if ! grep -qE 'timeout|timed out|no route|deadline' "$work/ready"; then
        body=$(kn get --raw "$path" --request-timeout=6s -v=8 2>&1 >/dev/null | sed -n 's/\\"/"/g; s/.*\({.*"not_ready".*}\).*/\1/p' | head -n 1)
    elif command -v curl >/dev/null && forward "pod/$1" "$port"; then
        body=$(curl --silent --max-time 5 "http://127.0.0.1:$forwarded/ready") || true
        kill "$forwarder" 2>/dev/null || true
    fi
    echo "${body:-}"
}

field() { sed -n 's/.*"'"$1"'": *"\{0,1\}\([^",}]*\).*/\1/p'; }

pod_ready_reason() { # POD [PORT]
    local body why
    body=$(pod_ready "$1" "${2:-}")
    why=$(field reason <<<"$body")
    if [ -n "$why" ]; then echo "$why"; elif [ -z "$body" ]; then echo "no answer (kubectl -n $NAMESPACE logs $1)"; fi
}

inference=app.kubernetes.io/name=canopy,app.kubernetes.io/component=inference
metrics=app.kubernetes.io/name=canopy,app.kubernetes.io/component=metrics

# The names of the servers that are not being deleted.
servers() {
    kn get pods -l "$inference" -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{if ne .status.phase "Failed"}}{{.metadata.name}}{{"\n"}}{{end}}{{end}}{{end}}' 2>/dev/null
}

# The version that every server answers with; nothing as long as they differ or one does not answer.
served_version() {
    local pod version all=''
    for pod in $(servers); do
        version=$(pod_ready "$pod" | field version)
        if [ -z "$version" ] || { [ -n "$all" ] && [ "$all" != "$version" ]; }; then return; fi
        all=$version
    done
    echo "$all"
}

# --- Waiting ----------------------------------------------------------------------------------------------------------

# The metrics service, where there is one. Servers answer without it, which is said before the end.
wait_metrics() { # WHAT-TO-RUN-THEN
    if ! exists deployment metrics; then return; fi
    wait_deployment metrics "$metrics" ||
        die "the servers answer, and the metrics service is not up: mend what is said above, then $1 (make status shows more)"
}

# Tells each obstacle once; false when one that does not mend itself has stood for STALL seconds.
explain() { # SELECTOR
    local kind text key hard=''
    find_obstacles "$1"
    if [ -n "${2:-}" ]; then obstacle hard "$2"; fi
    while IFS='|' read -r kind text; do
        if [ "$kind" = hard ]; then hard=1; fi
        if [ -z "$text" ]; then continue; fi
        key=$(sed 's/"[^"]*"//g; s/^pod [^ ]*//' <<<"$text") # a pod's name changes with each try; the reason does not
        if [ -n "${told[$key]:-}" ]; then continue; fi
        told[$key]=1
        progress_end
        printf '  %s\n' "$text"
    done <<<"$obstacles"
    if [ -z "$hard" ]; then hard_since=''; return; fi
    hard_since=${hard_since:-$SECONDS}
    ((SECONDS - hard_since < STALL))
}

# 0: complete; 1: failed, and said why; 2: published, but not promoted.
wait_job() { # NAME
    local active tries complete failed why text created
    wait_start=$SECONDS hard_since=''
    while :; do
        IFS='|' read -r active tries complete failed why text < <(kn get job "$1" -o jsonpath='{.status.active}|{.status.failed}|{.status.conditions[?(@.type=="Complete")].status}|{.status.conditions[?(@.type=="Failed")].status}|{.status.conditions[?(@.type=="Failed")].reason}|{.status.conditions[?(@.type=="Failed")].message}' 2>"$work/err" && echo) || true
        if [ "$complete" = True ]; then say "Job $1 is complete"; return 0; fi
        if [ "$failed" = True ]; then job_failed "$1" "$why" "$text"; return; fi
        if [ -s "$work/err" ]; then say "Job $1 cannot be read: $(reason)"; return 1; fi
        progress "Job $1: $(if [ -n "$active" ]; then echo running; else echo waiting; fi)${tries:+, $tries failed}" "$wait_start"
        created=''
        if [ -z "$active" ]; then created=$(warnings "involvedObject.kind=Job,involvedObject.name=$1,reason=FailedCreate"); fi
        explain "batch.kubernetes.io/job-name=$1" "${created:+Job $1 cannot make its pod: $created}" || { say "Job $1 does not get on"; return 1; }
        if ((SECONDS - wait_start >= TIMEOUT)); then say "Job $1 is not complete after $TIMEOUT s (TIMEOUT=1200 waits longer)"; return 1; fi
        renew_lock
        sleep 2
    done
}

job_exit_code() { # NAME
    kn get pods -l "batch.kubernetes.io/job-name=$1" --sort-by=.metadata.creationTimestamp \
        -o jsonpath='{.items[-1:].status.containerStatuses[0].state.terminated.exitCode}' 2>/dev/null
}

job_log() { # NAME LINES
    local pod
    pod=$(kn get pods -l "batch.kubernetes.io/job-name=$1" --sort-by=.metadata.creationTimestamp -o jsonpath='{.items[-1:].metadata.name}' 2>/dev/null) || true
    if [ -z "$pod" ]; then echo "(its pod is gone, and the log with it)"; else kn logs "$pod" --tail="$2" 2>&1 || true; fi
}

job_failed() { # NAME REASON MESSAGE
    local code
    code=$(job_exit_code "$1")
    if [ "$code" = 3 ]; then
        say "Job $1 published a version that a gate holds back, such as one that is worse than the champion: the champion stays"
        return 2
    fi
    say "Job $1 failed: $2 ($3)"
    say "The end of its log:"
    job_log "$1" 40 | indent
    case $code in
        2) say "Exit code 2: the settings make no sense to the trainer; see deploy/base/configmap.yaml, then make deploy" ;;
        137) say "Exit code 137: killed, most likely for memory: raise resources.limits.memory of Job $1" ;;
    esac
    return 1
}

deployment_state='{.metadata.generation}|{.status.observedGeneration}|{.spec.replicas}|{.status.replicas}|{.status.updatedReplicas}|{.status.availableReplicas}|'
deployment_state+='{.status.conditions[?(@.type=="Progressing")].reason}|{.status.conditions[?(@.type=="ReplicaFailure")].message}'

wait_deployment() { # NAME SELECTOR
    local generation observed wanted all updated available progressing refusal
    wait_start=$SECONDS hard_since=''
    while :; do
        IFS='|' read -r generation observed wanted all updated available progressing refusal < <(kn get deployment "$1" -o jsonpath="$deployment_state" 2>"$work/err" && echo) || true
        if [ -s "$work/err" ]; then say "Deployment $1 cannot be read: $(reason)"; return 1; fi
        if ((${observed:-0} >= generation && ${updated:-0} == wanted && ${available:-0} >= wanted && ${all:-0} == wanted)); then
            say "Deployment $1 is rolled out: $wanted of $wanted available"
            return 0
        fi
        progress "Deployment $1: ${updated:-0} of $wanted updated, ${available:-0} available" "$wait_start"
        explain "$2" "${refusal:+Deployment $1 cannot make its pods: $refusal}" || { say "Deployment $1 does not get on"; return 1; }
        if [ "$progressing" = ProgressDeadlineExceeded ]; then say "Deployment $1 has not got on within its progressDeadlineSeconds"; return 1; fi
        if ((SECONDS - wait_start >= TIMEOUT)); then say "Deployment $1 is not rolled out after $TIMEOUT s (TIMEOUT=1200 waits longer)"; return 1; fi
        renew_lock
        sleep 2
    done
}
