#!/usr/bin/env bash
# Brings Canopy into the cluster that kubectl points at: trains the first version, starts the servers, waits for both.
# Run again it brings what is there up to date; without a change it does nothing.
#
# Settings, as variables:
#   NAMESPACE=canopy      where to
#   OVERLAY=minikube      which folder of deploy/overlays
#   TAG=…                 the images' tag; without it the version in Cargo.toml
#   IMAGE_PREFIX=…        what stands before the images' names, such as ghcr.io/team/
#   NODE_PORT=…           another port of the node than the overlay's
#   CONTEXT=…             the kubectl context that is meant; needed where it is not a local one
#   RETRAIN=1             train again, though a version is served or the Job is complete
#   RESTART_JOB=1         stop a running Job whose settings differ, and start it anew
#   TIMEOUT=600           seconds to wait for the Job, and again for the servers
#   STALL=60              seconds to go on waiting for what does not mend itself, such as a missing image
#   NAMESPACE_TIMEOUT=180 seconds to wait for a namespace that is being deleted
#   SHOW_KEY=1            print the API key when it is made
#   BREAK_LOCK=1          take the lock of a deploy that is dead
#   CAUSE=…               what `kubectl rollout history` shows for this revision
#   KUBECTL=kubectl       another client, such as 'minikube kubectl --'
#   NO_COLOR=1            no colours
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib-apply.sh"
source "$here/lib-wait.sh"

# What to do with the Job, decided before anything is changed: keep, make, replace, or none.
decide_job() {
    local live complete failed published
    if [ -z "$(object Job trainer)" ]; then job_action=none; return; fi
    if ! exists job trainer; then
        published=$(kn get persistentvolumeclaim models -o jsonpath='{.metadata.annotations.canopy\.dev/published}' 2>/dev/null) || true
        job_action='make'
        if [ -n "$published" ] && ! on RETRAIN; then
            job_action=none
            say "Volume models has had a version since $published: RETRAIN=1 trains another"
        fi
        return
    fi
    IFS='|' read -r live complete failed < <(kn get job trainer -o jsonpath='{.metadata.annotations.canopy\.dev/job-checksum}|{.status.conditions[?(@.type=="Complete")].status}|{.status.conditions[?(@.type=="Failed")].status}' && echo)
    job_action=keep
    if [ "$complete$failed" = '' ]; then
        if same_job "$live"; then say "Job trainer is running already"; return; fi
        job_action=replace
        if [ -z "$(kn get pods -l batch.kubernetes.io/job-name=trainer --field-selector status.phase=Running -o name)" ]; then
            say "Job trainer has other settings and no pod that runs: it is made anew"
        elif ! on RESTART_JOB; then
            die "Job trainer is running with other settings: wait for it, or stop it and start anew with RESTART_JOB=1"
        fi
    elif [ "$failed" = True ] && [ "$(job_exit_code trainer)" != 3 ]; then
        job_action=replace
        say "Job trainer has failed: it is made anew"
    elif on RETRAIN || ! same_job "$live"; then
        job_action=replace
        say "Job trainer is done, and made anew$(on RETRAIN || echo ', as its settings have changed')"
    fi
}

# By the checksum that a deploy left; a Job from a plain `kubectl apply` has none, and the server is asked.
same_job() {
    if [ -n "$1" ]; then [ "$1" = "$job_checksum" ]; else apply "$(object Job trainer)" -- --dry-run=server >/dev/null 2>&1; fi
}

train() {
    local result=0
    case $job_action in none) return ;; esac
    wait_job trainer || result=$?
    if [ "$result" = 1 ]; then die "no version was trained: mend what is said above, then make deploy"; fi
}

# That there is something to serve, for a deploy after the Job is gone: servers may then be scaled to 0 or down.
note_published() {
    if [ -z "$(kn get persistentvolumeclaim models -o jsonpath='{.metadata.annotations.canopy\.dev/published}' 2>/dev/null)" ]; then
        kn annotate persistentvolumeclaim models "canopy.dev/published=$(TZ=UTC printf '%(%Y-%m-%d %H:%M)T' "$(now)") UTC" >/dev/null 2>&1 || true
    fi
}

next_steps() {
    local url='' ip port key model
    key="kubectl --context=$context -n $NAMESPACE get secret inference-client-key -o go-template='X-API-Key: {{.data.key|base64decode}}'"
    port=$(kn get service inference -o jsonpath='{.spec.ports[?(@.name=="http")].nodePort}' 2>/dev/null) || true
    if [ "$context" = minikube ] && [ -n "$port" ] && command -v minikube >/dev/null; then
        url="\$(minikube service inference -n $NAMESPACE --url)"
    elif [ -n "$port" ] && is_local "$context"; then
        ip=$(k get nodes -o jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}' 2>/dev/null) || true
        if [ -n "$ip" ]; then url=http://${ip%% *}:$port; fi
    fi
    head_line "Next"
    if [ -z "$url" ]; then
        say "  kubectl --context=$context -n $NAMESPACE port-forward service/inference 8000 &"
        url=http://127.0.0.1:8000
    fi
    model=$(kn get configmap inference -o jsonpath='{.data.CANOPY_MODEL}' 2>/dev/null) || true
    if [ "${model%%,*}" = diamonds ]; then
        say "  curl $url/predict -H @<($key) \\"
        say "      -H 'Content-Type: application/json' -d @examples/requests/diamond.json"
    else
        say "  curl $url/model -H @<($key)"
    fi
    say "  make monitor shows the fleet, make monitor OPEN=1 the dashboard"
    say "  make status, make verify; after a change: make update"
}

settings "$@"
connect deploy
prepare
decide_job
ensure_secrets
check_surroundings
head_line "Applying deploy/overlays/$OVERLAY, images $TAG"
apply_overlay
head_line "Waiting"
train
wait_deployment inference "$inference" || die "the servers are not up: mend what is said above, then make deploy (make status shows more)"
wait_metrics 'make deploy'
prune "$work/objects" 'app.kubernetes.io/component!=monitoring'
note_published
say "Version $(served_version) is served"
next_steps
