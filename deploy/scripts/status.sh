#!/usr/bin/env bash
# One screen: what of Canopy is in the cluster and how it is. Changes nothing; exits 0 unless there is no cluster or no
# namespace.
#
# Settings, as variables: NAMESPACE=canopy, CONTEXT (refuses another context), KUBECTL=kubectl, NO_COLOR=1
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib-wait.sh"

row() { printf '%s%-11s%s %s\n' "$bold" "$1" "$plain" "$2"; }

versions() {
    local images
    images=$(kn get deployment inference -o jsonpath='{.spec.template.spec.containers[0].image}' 2>/dev/null) || true
    row Versions "Kubernetes $server_version, kubectl $client_version, servers ${images:-not deployed}"
}

jobs_rows() {
    local name created complete failed why
    while IFS='|' read -r name created complete failed why; do
        if [ -z "$name" ]; then continue; fi
        if [ "$complete" = True ]; then
            row Job "$name: ${green}complete${plain}, made $(age "$created") ago"
        elif [ "$failed" = True ]; then
            row Job "$name: ${red}failed${plain}, made $(age "$created") ago: $why; the end of its log:"
            job_log "$name" 20 | indent
        else
            row Job "$name: ${yellow}not finished${plain}, made $(age "$created") ago"
        fi
    done < <(kn get jobs -l 'app.kubernetes.io/part-of=canopy,app.kubernetes.io/managed-by!=canopy-scripts' --sort-by=.metadata.creationTimestamp -o jsonpath='{range .items[*]}{.metadata.name}|{.metadata.creationTimestamp}|{.status.conditions[?(@.type=="Complete")].status}|{.status.conditions[?(@.type=="Failed")].status}|{.status.conditions[?(@.type=="Failed")].message}{"\n"}{end}' 2>/dev/null)
}

cronjob_row() {
    local schedule zone suspended last
    IFS='|' read -r schedule zone suspended last < <(kn get cronjob trainer -o jsonpath='{.spec.schedule}|{.spec.timeZone}|{.spec.suspend}|{.status.lastScheduleTime}' 2>/dev/null && echo) || true
    if [ -z "$schedule" ]; then row CronJob "none"; return; fi
    if [ "$suspended" = true ]; then suspended="${yellow}suspended${plain}"; else suspended="next $(next_run "$schedule" "$zone")"; fi
    row CronJob "trainer: $schedule ${zone:-}, $suspended, last $(if [ -n "$last" ]; then echo "$(age "$last") ago"; else echo never; fi)"
}

# When a schedule of a minute, an hour and perhaps a weekday comes next; others are left to the reader.
next_run() { # SCHEDULE ZONE
    local minute hour day month weekday at
    read -r minute hour day month weekday <<<"$1"
    if ! [[ $minute/$hour/$day/$month/$weekday =~ ^[0-9]+/[0-9]+/\*/\*/(\*|[0-7])$ ]] || [[ $2 != */UTC && $2 != UTC ]]; then
        echo "by its schedule"
        return
    fi
    at=$(($(now) / 86400 * 86400 + 10#$hour * 3600 + 10#$minute * 60))
    while ((at <= $(now))) || { [ "$weekday" != '*' ] && ((at / 86400 % 7 != (weekday + 3) % 7)); }; do at=$((at + 86400)); done
    TZ=UTC printf '%(%Y-%m-%d %H:%M UTC)T' "$at"
}

servers_rows() {
    local pod node restarts ready body version any=''
    while IFS='|' read -r pod node restarts ready; do
        any=1 body=$(pod_ready "$pod")
        version=$(field version <<<"$body")
        if [ -n "$version" ]; then
            row Server "$pod: ${green}ready${plain}, version $version of $(field model <<<"$body"), on $node, ${restarts:-0} restarts"
        else
            row Server "$pod: ${red}not ready${plain}: $(why_not "$pod")"
        fi
    done < <(kn get pods -l "$inference" -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}|{{with .spec.nodeName}}{{.}}{{end}}|{{range .status.containerStatuses}}{{.restartCount}}{{end}}|{{range .status.containerStatuses}}{{.ready}}{{end}}{{"\n"}}{{end}}{{end}}' 2>/dev/null)
    if [ -z "$any" ]; then row Server "${red}none${plain} (make deploy)"; fi
}

# What is known of this pod; else what keeps all of them, such as their volume; else what the server says itself.
why_not() { # POD [SELECTOR PORT]
    find_obstacles "${2:-$inference}"
    # With the lines that belong to it, such as the end of its log.
    awk -v start="|pod $1" 'BEGIN { code = 1 }
        /^(hard|soft)[|]/ { here = index($0, start) > 0 && code; if (here) { code = 0; sub(/^[a-z]*[|]pod [^: ]*[: ]*/, "") } }
        here && ++n <= 6 { print (n > 1 ? "    " : "") $0 }
        END { exit code }' <<<"$obstacles" ||
        sed -n 's/^[a-z]*|\(volume .*\)/\1/p' <<<"$obstacles" | grep . | head -n 1 || pod_ready_reason "$1" "${3:-}"
}

metrics_row() {
    local pod node restarts ready why
    IFS='|' read -r pod node restarts ready < <(kn get pods -l "$metrics" -o go-template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.name}}|{{with .spec.nodeName}}{{.}}{{end}}|{{range .status.containerStatuses}}{{.restartCount}}{{end}}|{{range .status.containerStatuses}}{{.ready}}{{end}}{{"\n"}}{{end}}{{end}}' 2>/dev/null) || true
    if [ -z "$pod" ]; then row Metrics "none: drift and quality are not watched (make deploy)"; return; fi
    if [ "$ready" = true ]; then
        row Metrics "$pod: ${green}ready${plain}, on $node, ${restarts:-0} restarts (make monitor shows what it sees)"
    else
        why=$(why_not "$pod" "$metrics" 8001)
        row Metrics "$pod: ${red}not ready${plain}: ${why:-no answer (kubectl -n $NAMESPACE logs $pod)}"
    fi
}

service_row() {
    local type ip port balancer node
    IFS='|' read -r type ip port balancer < <(kn get service inference -o jsonpath='{.spec.type}|{.spec.clusterIP}|{.spec.ports[0].nodePort}|{.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}' 2>/dev/null && echo) || true
    if [ -z "$type" ]; then row Service none; return; fi
    row Service "inference ($type): http://inference.$NAMESPACE:8000 inside the cluster, $ip"
    if [ -n "$port" ]; then
        node=$(k get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}' 2>/dev/null) || true
        row '' "http://${node:-NODE}:$port at the node$(if [ "$context" = minikube ]; then echo " (minikube service inference -n $NAMESPACE --url)"; fi)"
    fi
    if [ -n "$balancer" ]; then row '' "http://$balancer:8000 at the load balancer"; fi
    kn get ingress -l app.kubernetes.io/part-of=canopy -o jsonpath='{range .items[*]}{range .spec.rules[*]}{.host}{"\n"}{end}{end}' 2>/dev/null |
        while read -r node; do row '' "http://$node through the Ingress, where a controller is installed"; done
}

autoscaler_row() {
    local bounds active targets
    bounds=$(kn get horizontalpodautoscaler inference -o jsonpath='{.status.currentReplicas} servers, wants {.status.desiredReplicas}, from {.spec.minReplicas} to {.spec.maxReplicas}' 2>/dev/null) || true
    if [ -z "$bounds" ]; then row Autoscaler none; return; fi
    active=$(kn get horizontalpodautoscaler inference -o jsonpath='{.status.conditions[?(@.type=="ScalingActive")].status}')
    if [ "$active" = True ]; then
        targets=$(paste -d ' ' <(kn get horizontalpodautoscaler inference -o jsonpath='{range .status.currentMetrics[*]}{.resource.name} {.resource.current.averageUtilization}{"\n"}{end}') \
            <(kn get horizontalpodautoscaler inference -o jsonpath='{range .spec.metrics[*]}{.resource.target.averageUtilization}{"\n"}{end}') |
            awk '{ printf "%s%s at %s %% of %s %%", sep, $1, $2, $3; sep = ", " }')
    elif [ "$(k get apiservice v1beta1.metrics.k8s.io -o jsonpath='{.status.conditions[?(@.type=="Available")].status}' 2>/dev/null)" = True ]; then
        targets="${yellow}metrics unknown${plain}: no measurement of the pods yet"
    else
        targets="${yellow}metrics unknown${plain}: no metrics-server (minikube addons enable metrics-server)"
    fi
    row Autoscaler "$bounds; $targets"
}

volumes_rows() {
    kn get persistentvolumeclaims -o jsonpath='{range .items[*]}{.metadata.name}: {.status.phase}, {.status.capacity.storage} of {.spec.resources.requests.storage} asked, {.spec.accessModes[0]}, class {.spec.storageClassName}{"\n"}{end}' 2>/dev/null |
        while read -r line; do row Volume "$line"; done
}

# The newest of each kind of warning that the last hour has seen.
warnings_rows() {
    local events time about why text
    events=$(kn get events --field-selector type=Warning --sort-by=.lastTimestamp -o go-template='{{range .items}}{{with .lastTimestamp}}{{.}}{{else}}{{.metadata.creationTimestamp}}{{end}}|{{.involvedObject.kind}}/{{.involvedObject.name}}|{{.reason}}|{{printf "%q" .message}}{{"\n"}}{{end}}' 2>/dev/null |
        awk -F '|' '{ split($2, about, "/"); key = about[1] $3; last[key] = $0; at[key] = NR } END { for (key in last) print at[key] "|" last[key] }' |
        sort -n | cut -d '|' -f 2- | tail -n 6) || true
    if [ -z "$events" ]; then row Warnings "none in the last hour"; return; fi
    while IFS='|' read -r time about why text; do
        row Warning "$(age "$time") ago, $about: $why: $(unquote "$text" | cut -c 1-160)"
    done <<<"$events"
}

settings "$@"
connect ''
need_namespace
versions
jobs_rows
cronjob_row
servers_rows
metrics_row
service_row
autoscaler_row
volumes_rows
warnings_rows
