#!/usr/bin/env bash
# Goes back. Which one, as a variable:
#   VERSION=6             the model: makes version 6 the champion again, and waits until every server answers from it
#   IMAGES=1              the servers: the images and the pod's shape of the revision before
#   REVISION=3            the same, of revision 3
# With none of them it shows which versions and revisions there are.
#
# Further settings, as variables:
#   NAMESPACE=canopy      where
#   MODEL=…               the model; without it the one that the trainer's ConfigMap names
#   CONTEXT=…             the kubectl context that is meant; needed where it is not a local one
#   TIMEOUT=600           seconds to wait
#   STALL=60  BREAK_LOCK=1  KUBECTL=kubectl  NO_COLOR=1
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib-wait.sh"

# Runs the trainer once with other arguments, as a Job from the CronJob's template; its log is shown. Fails as it does.
run_trainer() { # NAME ARGS-AS-JSON
    local job
    job="trainer-$1-$(TZ=UTC printf '%(%Y%m%d%H%M%S)T' "$(now)")"
    exists cronjob trainer || die "CronJob trainer, whose pod does this, is missing: make deploy"
    # Not the CronJob's own, or it would count and delete it; gone an hour after its end.
    kn create job "$job" --from=cronjob/trainer --dry-run=client -o yaml |
        k patch --local -f - --type=json -o yaml -p "[
            {\"op\": \"remove\", \"path\": \"/metadata/ownerReferences\"},
            {\"op\": \"add\", \"path\": \"/metadata/labels\", \"value\": {\"app.kubernetes.io/name\": \"canopy\", \"app.kubernetes.io/component\": \"trainer\",
                \"app.kubernetes.io/part-of\": \"canopy\", \"app.kubernetes.io/managed-by\": \"canopy-scripts\"}},
            {\"op\": \"add\", \"path\": \"/spec/backoffLimit\", \"value\": 0},
            {\"op\": \"add\", \"path\": \"/spec/ttlSecondsAfterFinished\", \"value\": 3600},
            {\"op\": \"add\", \"path\": \"/spec/template/spec/containers/0/args\", \"value\": $2}]" |
        kn create -f - >/dev/null 2>"$work/err" || die "the Job cannot be made: $(reason)"
    wait_job "$job" || return 1
    job_log "$job" 200 | indent
}

show_choices() {
    head_line "Model versions"
    run_trainer list '["list"]' || warn "the versions cannot be listed"
    say "Served now: $(served_version)"
    head_line "Revisions of the servers"
    kn rollout history deployment inference | sed '/^deployment/d; /^$/d' | indent
    head_line "Next"
    say "  make rollback VERSION=…     another version of the model"
    say "  make rollback IMAGES=1      the servers as of the revision before; REVISION=… for another"
}

roll_back_model() {
    local start pod version waiting
    if [ -z "${MODEL:=$(kn get configmap trainer -o jsonpath='{.data.CANOPY_MODEL}' 2>/dev/null)}" ]; then die "which model? MODEL=diamonds"; fi
    expect MODEL '^[A-Za-z0-9._-]+$' "a model's name"
    head_line "Making version $VERSION of $MODEL the champion"
    run_trainer rollback "[\"rollback\", \"$MODEL\", \"--to\", \"$VERSION\"]" || die "version $VERSION is not the champion; the servers answer as before (version $(served_version)). Without VERSION, make rollback lists what there is"
    start=$SECONDS
    while :; do
        waiting=''
        for pod in $(servers); do
            version=$(pod_ready "$pod" | field version)
            if [ "$version" != "$VERSION" ]; then waiting+=" $pod (${version:-not ready})"; fi
        done
        if [ -z "$waiting" ]; then break; fi
        progress "Waiting for version $VERSION:$waiting" "$start"
        if ((SECONDS - start >= TIMEOUT)); then
            die "version $VERSION is the champion, but does not serve everywhere after $TIMEOUT s:$waiting. The log says why: kubectl -n $NAMESPACE logs -l $inference"
        fi
        renew_lock
        sleep 1
    done
    say "Every server answers from version $VERSION"
    if [ "$(kn get cronjob trainer -o jsonpath='{.spec.suspend}')" != true ]; then
        say "The next training may promote a version again. To stop it: kubectl -n $NAMESPACE patch cronjob trainer -p '{\"spec\":{\"suspend\":true}}'"
    fi
}

roll_back_images() {
    head_line "Going back to $(if [ -n "${REVISION:-}" ]; then echo "revision $REVISION"; else echo "the revision before"; fi)"
    kn rollout undo deployment inference ${REVISION:+--to-revision="$REVISION"} >"$work/out" 2>"$work/err" ||
        die "it cannot be: $(reason). Without REVISION, make rollback lists what there is"
    if grep -q skipped "$work/out"; then say "It is that revision already"; fi
    wait_deployment inference "$inference" || die "the rollback is stuck: mend what is said above, choose another (REVISION=…), or go forward with make update"
    own_deployment
    follow_with_cronjob
    say "Servers run $(kn get deployment inference -o jsonpath='{.spec.template.spec.containers[0].image}'), version $(served_version) of the model"
    say "Settings (ConfigMaps) stay as they are, and so does the metrics service: an earlier one refuses the database of a later one"
    say "The next make update goes forward again"
}

# The undo wrote as another manager. Left so, the next deploy could not take away what it has put back, such as a
# variable: the whole Deployment, as it is, becomes the deploy's own.
own_deployment() {
    local own
    if kn get deployment inference -o json | k patch --local -f - --type=json -o yaml -p '[
            {"op": "remove", "path": "/metadata/annotations/deployment.kubernetes.io~1revision"},
            {"op": "remove", "path": "/metadata/resourceVersion"},
            {"op": "remove", "path": "/metadata/uid"},
            {"op": "remove", "path": "/status"}]' |
        kn apply --server-side --force-conflicts --field-manager=canopy-deploy -f - >/dev/null 2>"$work/err"; then
        own=$(kn get deployment inference --show-managed-fields -o jsonpath='{.metadata.managedFields[?(@.manager=="canopy-deploy")]}')
        if kn patch deployment inference --type=json -p "[{\"op\": \"replace\", \"path\": \"/metadata/managedFields\", \"value\": [$own]}]" >/dev/null 2>"$work/err"; then return; fi
    fi
    warn "the next make update may leave fields of this revision behind: $(reason)"
}

# The next training, and what VERSION=… runs, have the tag of the servers: a tag that cannot be pulled would hold them up.
follow_with_cronjob() {
    local servers trainer
    servers=$(kn get deployment inference -o jsonpath='{.spec.template.spec.containers[0].image}')
    trainer=$(kn get cronjob trainer -o jsonpath='{.spec.jobTemplate.spec.template.spec.containers[0].image}' 2>/dev/null) || return 0
    case $servers$trainer in *@*) return ;; esac # a digest says nothing of the other image's
    case ${trainer##*/} in canopy-trainer:*) ;; *) return ;; esac # one of somebody's own has tags of its own
    if [ "${servers##*:}" = "${trainer##*:}" ]; then return; fi
    kn set image cronjob/trainer "trainer=${trainer%:*}:${servers##*:}" >/dev/null
    say "CronJob trainer follows: ${trainer%:*}:${servers##*:}"
}

settings "$@"
VERSION=${VERSION:-} REVISION=${REVISION:-}
expect VERSION '^([1-9][0-9]{0,9})?$' "a model version's number"
expect REVISION '^([1-9][0-9]{0,9})?$' "a revision's number"
if [ -n "$VERSION" ] && { [ -n "$REVISION" ] || on IMAGES; }; then die "VERSION is the model, IMAGES and REVISION are the servers: one at a time"; fi
connect 'roll back'
need_namespace
exists deployment inference || die "nothing is deployed in $NAMESPACE: make deploy"
lock
if [ -n "$VERSION" ]; then
    roll_back_model
elif [ -n "$REVISION" ] || on IMAGES; then
    roll_back_images
else
    show_choices
fi
