#!/usr/bin/env bash
# Rolls new images or settings out to the servers, without training and without a failed request: one pod more at a time,
# and an old one goes when a new one is ready. The number of servers stays what the autoscaler has made of it.
#
# Settings, as variables: those of deploy.sh (NAMESPACE, OVERLAY, TAG, IMAGE_PREFIX, NODE_PORT, CONTEXT, TIMEOUT, STALL,
# BREAK_LOCK, CAUSE, KUBECTL, NO_COLOR), and
#   RESTART=1             new pods even where nothing has changed, as for an image that was built again under its tag
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/lib-apply.sh"
source "$here/lib-wait.sh"

revision() { kn get deployment inference -o jsonpath='{.metadata.annotations.deployment\.kubernetes\.io/revision}'; }

settings "$@"
connect update
need_namespace
exists deployment inference || die "nothing is deployed in $NAMESPACE: make deploy"
prepare
ensure_secrets
check_surroundings
before=$(revision)
head_line "Applying deploy/overlays/$OVERLAY, images $TAG"
apply_overlay
if on RESTART; then kn rollout restart deployment -l 'app.kubernetes.io/name=canopy' >/dev/null; fi
head_line "Waiting"
wait_deployment inference "$inference" ||
    die "the update is stuck; the old servers go on answering. Mend what is said above and make update, or go back: make rollback IMAGES=1"
wait_metrics 'make update'
prune "$work/objects" 'app.kubernetes.io/component!=monitoring'
after=$(revision)
if [ "$before" = "$after" ]; then
    say "No pod was replaced: images and settings are as before (RESTART=1 replaces them)"
else
    say "Revision $before → $after: $(kn get deployment inference -o jsonpath='{.metadata.annotations.kubernetes\.io/change-cause}')"
fi
say "Version $(served_version) is served"
