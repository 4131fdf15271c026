#!/usr/bin/env bash
# How manifests reach the cluster: the namespace, the Secrets, rendering an overlay, applying, pruning. Sourced, not run.
#
# Objects are applied server-side as the manager `canopy-deploy`. The server then knows which fields are ours: what the
# manifests no longer say is removed, what others set beside it (the autoscaler, a node-pool's webhook) stays, no copy of
# an object is kept in an annotation, and objects of an earlier plain `kubectl apply -f` are taken over with their fields.
# A field that somebody changed by hand is set back, and named first. The autoscaler writes `replicas`, which cannot be
# left out (without an owner it would fall to 1): it is sent as it is in the cluster.
# shellcheck disable=SC2034 # results such as live_replicas are read by the scripts that source this one
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

manager=canopy-deploy
namespace_is_ours=''
live_replicas=''
job_checksum=''
job_action=none # keep, make, replace, or none
prunable=deployments.apps,statefulsets.apps,daemonsets.apps,jobs.batch,cronjobs.batch,services,configmaps,serviceaccounts
prunable+=,horizontalpodautoscalers.autoscaling,poddisruptionbudgets.policy,networkpolicies.networking.k8s.io
prunable+=,ingresses.networking.k8s.io,resourcequotas,limitranges,roles.rbac.authorization.k8s.io,rolebindings.rbac.authorization.k8s.io

# --- Rendering --------------------------------------------------------------------------------------------------------

# Renders OVERLAY with this run's settings into $work/objects, a file for each object in the order of applying.
render() {
    local folder=$root/deploy/overlays/$OVERLAY
    k kustomize "$folder" >"$work/overlay.yaml" 2>"$work/err" || die "deploy/overlays/$OVERLAY does not render: $(reason)"
    if [ -z "$IMAGE_PREFIX" ] && grep -q 'image: registry\.example\.com/' "$work/overlay.yaml"; then
        die "deploy/overlays/$OVERLAY names images of registry.example.com: say where yours are, IMAGE_PREFIX=ghcr.io/team/"
    fi
    config_checksum=$(object_data "$work/overlay.yaml" ConfigMap inference | sha256)
    trainer_checksum=$(object_data "$work/overlay.yaml" ConfigMap trainer | sha256)
    metrics_checksum=''
    if compgen -G "$work/split/*-Deployment-metrics.yaml" >/dev/null; then
        metrics_checksum=$(object_data "$work/overlay.yaml" ConfigMap metrics | sha256)
    fi
    mkdir -p "$work/kustomize" "$work/objects"
    kustomization "$folder" >"$work/kustomize/kustomization.yaml"
    k kustomize "$work/kustomize" >"$work/all.yaml" 2>"$work/err" || die "the settings do not fit deploy/overlays/$OVERLAY: $(reason)"
    split_objects "$work/all.yaml" "$work/objects"
    # The server forgets a Job's settings with the ConfigMap they came from: the Job carries what they were.
    local job
    job=$(object Job trainer)
    if [ -n "$job" ]; then
        job_checksum=$(cat "$job" - <<<"$trainer_checksum" | sha256)
        k annotate --local -f "$job" "canopy.dev/job-checksum=$job_checksum" -o yaml >"$work/job.yaml"
        mv "$work/job.yaml" "$job"
    fi
}

kustomization() { # OVERLAY
    local up
    up=$(sed 's#[^/]\{1,\}#..#g; s#^/##' <<<"$work/kustomize") # kustomize wants relative paths
    cat <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $NAMESPACE
sortOptions: { order: legacy }
resources: ["$up$1"]
YAML
    images
    if [[ $TAG =~ ^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$ ]]; then # a tag may be longer than a label
        printf 'labels:\n  - pairs: { app.kubernetes.io/version: "%s" }\n    includeTemplates: true\n' "$TAG"
    fi
    if [ -n "$live_replicas" ]; then printf 'replicas: [{ name: inference, count: %s }]\n' "$live_replicas"; fi
    cat <<YAML
patches:
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: inference
        annotations:
          kubernetes.io/change-cause: '$(change_cause)'
          canopy.dev/overlay: "$OVERLAY"
          canopy.dev/image-prefix: "$IMAGE_PREFIX"
          canopy.dev/node-port: "$NODE_PORT"
      spec: { template: { metadata: { annotations: { canopy.dev/config-checksum: $config_checksum } } } }
YAML
    if [ -n "$metrics_checksum" ]; then
        cat <<YAML
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata: { name: metrics }
      spec: { template: { metadata: { annotations: { canopy.dev/config-checksum: $metrics_checksum } } } }
YAML
    fi
    if [ -n "$NODE_PORT" ]; then
        cat <<YAML
  - patch: |
      apiVersion: v1
      kind: Service
      metadata: { name: inference }
      spec: { type: NodePort, ports: [{ name: http, port: 8000, nodePort: $NODE_PORT }] }
YAML
    fi
}

# Each image of ours that the overlay names, with the tag and the prefix of this run; a pinned digest stays unless TAG is given.
images() {
    local image base
    echo 'images:'
    awk '$1 == "image:" { print $2 } $1 == "-" && $2 == "image:" { print $3 }' "$work/overlay.yaml" | sort -u |
        while read -r image; do
            case $image in *@*) if [ -z "$tag_given" ]; then continue; fi ;; esac
            image=${image%@*}
            case ${image##*/} in *:*) image=${image%:*} ;; esac
            base=${image##*/}
            case $base in canopy-*) ;; *) continue ;; esac
            printf '  - { name: "%s", newName: "%s", newTag: "%s" }\n' "$image" "${IMAGE_PREFIX:-${image%"$base"}}$base" "$TAG"
        done
}

# The same for the same images and settings, so that a second run changes nothing.
change_cause() {
    local cause=${CAUSE:-"canopy $TAG, overlay $OVERLAY, settings ${config_checksum:0:8}"}
    printf '%s' "${cause//[\'$'\n']/ }"
}

split_objects() { # FILE FOLDER
    awk -v folder="$2" '
        function flush() {
            if (kind != "") { file = sprintf("%s/%03d-%s-%s.yaml", folder, ++n, kind, name); printf "---\n%s", doc > file; close(file) }
            doc = ""; kind = ""; name = ""; meta = 0
        }
        /^---$/ { flush(); next }
        /^kind: / { kind = $2 }
        /^[^ ]/ { meta = ($1 == "metadata:") }
        meta && /^  name: / { name = $2; gsub(/"/, "", name) }
        { doc = doc $0 "\n" }
        END { flush() }' "$1"
}

object() { # KIND NAME → the file of a rendered object, or nothing
    find "$work/objects" -name "[0-9]*-$1-$2.yaml"
}

object_data() { # FILE KIND NAME → the `data:` of one object
    rm -rf "$work/split" && mkdir "$work/split"
    split_objects "$1" "$work/split"
    awk '/^[^ ]/ { data = ($1 == "data:") } data' "$work/split"/*-"$2-$3.yaml" 2>/dev/null || true
}

# What the deploy before this one was told, where this one is told nothing: production stays production.
adopt_settings() {
    local overlay prefix port
    IFS='|' read -r overlay prefix port < <(kn get deployment inference -o \
        jsonpath='{.metadata.annotations.canopy\.dev/overlay}|{.metadata.annotations.canopy\.dev/image-prefix}|{.metadata.annotations.canopy\.dev/node-port}' 2>/dev/null && echo) || return 0
    if [ -z "$overlay_given" ] && [ -n "$overlay" ] && [ "$overlay" != "$OVERLAY" ]; then
        [ -f "$root/deploy/overlays/$overlay/kustomization.yaml" ] ||
            die "$NAMESPACE was deployed from deploy/overlays/$overlay, which is not here: name another with OVERLAY=…"
        OVERLAY=$overlay
        say "OVERLAY=$OVERLAY, as it was deployed"
    fi
    if [ -z "$prefix_given" ] && [ -n "$prefix" ]; then IMAGE_PREFIX=$prefix; say "IMAGE_PREFIX=$prefix, as it was deployed"; fi
    if [ -z "$port_given" ] && [ -n "$port" ]; then NODE_PORT=$port; say "NODE_PORT=$port, as it was deployed"; fi
}

# How many servers there are, where an autoscaler decides that.
read_replicas() {
    live_replicas=''
    if [ -n "$(kn get horizontalpodautoscaler -o jsonpath='{.items[?(@.spec.scaleTargetRef.name=="inference")].metadata.name}' 2>/dev/null)" ]; then
        live_replicas=$(kn get deployment inference -o jsonpath='{.spec.replicas}' 2>/dev/null) || true
        if [ "$live_replicas" = 0 ]; then live_replicas=''; fi # somebody stopped it: a deploy starts it
    fi
}

# --- The namespace ----------------------------------------------------------------------------------------------------

# Makes the namespace, or brings ours up to date. One that was there before belongs to somebody else and stays as it is.
ensure_namespace() {
    local part phase
    case $NAMESPACE in default | kube-*) die "NAMESPACE=$NAMESPACE is Kubernetes' own: choose another" ;; esac
    wait_namespace_gone
    if part=$(k get namespace "$NAMESPACE" -o jsonpath='{.metadata.labels.app\.kubernetes\.io/part-of}' 2>"$work/err"); then
        if [ "$part" != canopy ]; then
            warn "namespace $NAMESPACE was there before and is used as it is; make undeploy will leave it"
            return
        fi
        namespace_is_ours=1
        if [ "$(k auth can-i patch namespaces 2>/dev/null)" != yes ]; then return; fi
    elif ! grep -q NotFound "$work/err"; then
        die "namespace $NAMESPACE cannot be read: $(reason)"
    fi
    namespace_is_ours=1
    apply "$(object Namespace "$NAMESPACE")" >/dev/null 2>"$work/err" || die "namespace $NAMESPACE cannot be made: $(reason)"
    phase=$(k get namespace "$NAMESPACE" -o jsonpath='{.status.phase}')
    [ "$phase" = Active ] || die "namespace $NAMESPACE is $phase: try again"
}

wait_namespace_gone() {
    local start=$SECONDS resource
    while [ "$(k get namespace "$NAMESPACE" -o jsonpath='{.status.phase}' 2>/dev/null)" = Terminating ]; do
        progress "Namespace $NAMESPACE is being deleted: waiting" "$start"
        if ((SECONDS - start >= TIMEOUT || SECONDS - start >= ${NAMESPACE_TIMEOUT:-180})); then
            say "Namespace $NAMESPACE has been terminating for $(age "$(k get namespace "$NAMESPACE" -o jsonpath='{.metadata.deletionTimestamp}')"):"
            k get namespace "$NAMESPACE" -o jsonpath='{range .status.conditions[?(@.status=="True")]}{.message}{"\n"}{end}' >"$work/hangs"
            indent <"$work/hangs"
            grep -oE '[a-z0-9.-]+ has [0-9]+ resource' "$work/hangs" | sed 's/\.\{0,1\} has.*//' | while read -r resource; do
                kn get "$resource" -o jsonpath="{range .items[*]}$resource/{.metadata.name}: finalizers {.metadata.finalizers}{\"\\n\"}{end}" 2>/dev/null | indent
            done
            die "namespace $NAMESPACE does not go away: remove what hangs (kubectl describe namespace $NAMESPACE), or choose another NAMESPACE"
        fi
        sleep 2
    done
    progress_end
}

# --- Secrets ----------------------------------------------------------------------------------------------------------

# Random keys, where there are none. They go from here to the server through pipes, in no argument.
ensure_secrets() {
    ensure_client_key
    ensure_events_key
}

# For the first client: the servers get its digest.
ensure_client_key() {
    local keys='' client='' key digest
    if exists secret inference-api-keys; then keys=1; fi
    if exists secret inference-client-key; then client=1; fi
    if [ -n "$keys$client" ]; then
        if [ -z "$keys" ]; then
            die "Secret inference-client-key is there but inference-api-keys is not. From the key: printf 'default %s\\n' \"\$(kubectl -n $NAMESPACE get secret inference-client-key -o go-template='{{.data.key|base64decode}}' | sha256sum | cut -d' ' -f1)\" | kubectl -n $NAMESPACE create secret generic inference-api-keys --from-file=api-keys=/dev/stdin. Or, for a new pair: kubectl -n $NAMESPACE delete secret inference-client-key"
        fi
        if [ -z "$client" ]; then
            warn "Secret inference-client-key is missing, which make verify needs: store a key of yours with kubectl -n $NAMESPACE create secret generic inference-client-key --from-file=key=/dev/stdin"
        fi
        return
    fi
    key=$(random_key)
    digest=$(digest_of "$key")
    { secret inference-api-keys inference api-keys "default $digest\n"; secret inference-client-key inference key "$key"; } |
        kn create -f - >/dev/null 2>"$work/err" || die "the Secrets cannot be made: $(reason)"
    say "Secrets inference-api-keys and inference-client-key made, with a random key"
    if on SHOW_KEY; then say "The key: $key"; fi
}

# By which the servers send events: they get the key, the metrics service its digest.
ensure_events_key() {
    local key digest
    if [ -z "$(object Deployment metrics)" ] || exists secret metrics-events-key; then return; fi
    key=$(random_key)
    digest=$(digest_of "$key")
    secret metrics-events-key metrics key "$key" api-keys "inference $digest\n" |
        kn create -f - >/dev/null 2>"$work/err" || die "Secret metrics-events-key cannot be made: $(reason)"
    say "Secret metrics-events-key made, with a random key"
}

digest_of() { # KEY
    local digest
    digest=$(printf %s "$1" | sha256)
    [ "${#digest}" = 64 ] || die "no SHA-256 could be made: install sha256sum or shasum"
    echo "$digest"
}

# 192 bits, as 48 hexadecimal digits.
random_key() {
    local key
    key=$(od -An -tx1 -N24 /dev/urandom | tr -d ' \n')
    [ "${#key}" = 48 ] || die "no random key could be made from /dev/urandom"
    echo "$key"
}

secret() { # NAME COMPONENT FIELD VALUE [FIELD VALUE]
    printf -- '---\napiVersion: v1\nkind: Secret\ntype: Opaque\nmetadata:\n  name: %s\n  labels:\n' "$1"
    printf '    app.kubernetes.io/%s\n' 'name: canopy' "component: $2" 'part-of: canopy' 'managed-by: canopy-scripts'
    printf 'stringData:\n'
    shift 2
    printf '  %s: "%s"\n' "$@"
}

# --- Hints ------------------------------------------------------------------------------------------------------------

# What will hinder, as far as that can be seen before: each a warning with what to do.
check_surroundings() {
    local missing class pvc name
    for name in models metrics; do
        pvc=$(object PersistentVolumeClaim $name)
        if [ -z "$pvc" ] || exists persistentvolumeclaim $name; then continue; fi
        class=$(awk '$1 == "storageClassName:" { print $2 }' "$pvc")
        if [ -n "$class" ]; then
            k get storageclass "$class" -o name >/dev/null 2>&1 || warn "StorageClass $class is not there, and the volume $name asks for it: kubectl get storageclass"
        elif ! k get storageclass -o jsonpath='{.items[*].metadata.annotations.storageclass\.kubernetes\.io/is-default-class}' 2>/dev/null | grep -q true; then
            warn "no StorageClass is the default, so the volume $name may stay without a place (minikube addons enable default-storageclass)"
        fi
    done
    if [ "$(k get apiservice v1beta1.metrics.k8s.io -o jsonpath='{.status.conditions[?(@.type=="Available")].status}' 2>/dev/null)" != True ]; then
        warn "there are no metrics, so the autoscaler does not scale: minikube addons enable metrics-server"
    fi
    missing=$(missing_images)
    if [ -n "$missing" ]; then
        warn "no node lists ${missing//$'\n'/, } (a new image is listed after a while): make images makes and loads what is missing"
    fi
    local skew=$(($(version_number "$server_version") - $(version_number "$client_version")))
    if ((skew > 1 || skew < -1)); then
        warn "kubectl $client_version beside a $server_version server: only one minor version apart is supported"
    fi
}

# Local images that no node lists. A node lists its 50 largest images, so on full nodes nothing is said.
missing_images() {
    local image listed
    listed=$(k get nodes -o jsonpath='{range .items[*].status.images[*]}{.names}{"\n"}{end}' 2>/dev/null) || return 0
    if [ -z "$listed" ] || [ "$(grep -c . <<<"$listed")" -ge 50 ]; then return 0; fi
    sed -n 's/^ *\(- \)\{0,1\}image: //p' "$work/all.yaml" | sort -u | while read -r image; do
        case $image in */*) ;; *) grep -qF "/$image\"" <<<"$listed" || echo "$image" ;; esac
    done
}

# Says what is there already, and refuses where another tool is in charge.
check_existing() {
    local by version managers
    IFS='|' read -r by version < <(kn get deployment inference -o \
        jsonpath='{.metadata.labels.app\.kubernetes\.io/managed-by}|{.spec.template.metadata.labels.app\.kubernetes\.io/version}' 2>/dev/null && echo) || true
    # Their Services would reach each other's pods.
    if [ "$by" = Helm ] || [ -n "$(kn get deployments -l app.kubernetes.io/name=canopy,app.kubernetes.io/managed-by=Helm -o name 2>/dev/null)" ]; then
        die "Canopy in $NAMESPACE belongs to a Helm release: helm upgrade, or another NAMESPACE"
    fi
    if [ -n "$version" ]; then
        if [ "$version" = "$TAG" ]; then say "Canopy $TAG is there"; else say "Canopy $version → $TAG"; fi
    fi
    managers=$(kn get deployment inference --show-managed-fields -o jsonpath='{range .metadata.managedFields[*]}{.manager}{"\n"}{end}' 2>/dev/null |
        grep -E '^(helm|argocd|flux|kustomize-controller|Terraform|pulumi)' | sort -u | tr '\n' ' ') || true
    if [ -n "$managers" ]; then warn "Deployment inference is also managed by ${managers% }, which may undo what is done here"; fi
}

# All that comes before anything of ours is changed: what is meant, in which namespace, and by nobody else just now.
prepare() {
    adopt_settings
    read_replicas
    render
    ensure_namespace
    lock
    check_existing
}

# --- Applying ---------------------------------------------------------------------------------------------------------

apply() { # FILE…, then kubectl's flags after --
    local files=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do files+=("$1"); shift; done
    if [ $# -gt 0 ]; then shift; fi
    cat "${files[@]}" | kn apply --server-side --force-conflicts --field-manager=$manager "$@" -f -
}

versions='{{define "o"}}{{.kind}}/{{.metadata.name}} {{.metadata.resourceVersion}}{{"\n"}}{{end}}'
versions+='{{if .items}}{{range .items}}{{template "o" .}}{{end}}{{else}}{{template "o" .}}{{end}}'

# Tries everything without a change, names what others have changed, applies, and says what was made and what changed.
apply_all() { # FILE…
    local conflicts
    if ! apply "$@" -- --dry-run=server --force-conflicts=false -o name >/dev/null 2>"$work/err"; then
        conflicts=$(sed -n 's/^error: Apply failed with [0-9]* conflicts*: //p; s/^- \./    ./p' "$work/err")
        if [ -n "$conflicts" ]; then
            # Fields of an earlier plain `kubectl apply` are ours already.
            conflicts=$(awk '/^conflicts* with/ { show = !/"kubectl-client-side-apply"/ } show' <<<"$conflicts")
            if [ -n "$conflicts" ]; then warn "changed by others, and set to what the manifests say:"; indent <<<"$conflicts" >&2; fi
        fi
    fi
    if ! apply "$@" -- --dry-run=server -o go-template="$versions" >"$work/before" 2>"$work/err"; then
        refused
    fi
    apply "$@" -- -o go-template="$versions" >"$work/after" 2>"$work/err" || refused
    grep '^Warning:' "$work/err" >&2 || true
    awk 'NR == FNR { before[$1] = $2; next }
        { what = !($1 in before) || before[$1] == "<no" || before[$1] == "" ? "made" : before[$1] == $2 ? "" : "changed"; if (what != "") print "  " what "  " $1; else same++ }
        END { if (same) print "  " same " unchanged" }' "$work/before" "$work/after"
}

# The server's refusals, each with what to do where that is known. Nothing has been changed if it was the dry run.
refused() {
    progress_end
    grep -E '^(The |Error|error|Warning)|^\* ' "$work/err" | indent >&2 || indent <"$work/err" >&2
    case $(cat "$work/err") in
        *'provided port is already allocated'*) die "the NodePort is taken by another Service: choose one, NODE_PORT=30801 (kubectl get services -A)" ;;
        *'host "'*'" and path "'*'is already defined'*) die "another Ingress has the same host: change deploy/overlays/$OVERLAY" ;;
        *'field is immutable'* | *'may not be changed'*) die "an object of an earlier version cannot be changed in place: delete the one named above, and run this again" ;;
        *'exceeded quota'*) die "the namespace's quota does not allow it: kubectl -n $NAMESPACE describe quota" ;;
        *orbidden*'cannot'*) die "you lack the right named above on $context" ;;
        *) die "the server refuses the manifests of deploy/overlays/$OVERLAY" ;;
    esac
}

# The claims that can be applied; one whose fixed fields differ stays as it is in the cluster, with the data in it.
applicable_claims() { # FILE…
    local file name
    for file in "$@"; do
        if [ ! -f "$file" ]; then continue; fi
        name=${file##*-PersistentVolumeClaim-}
        name=${name%.yaml}
        if [ -n "$(kn get persistentvolumeclaim "$name" -o jsonpath='{.metadata.deletionTimestamp}' 2>/dev/null)" ]; then
            die "volume $name is being deleted, and held by its pods until then: delete those (kubectl -n $NAMESPACE describe pvc $name), then make deploy"
        fi
        if exists persistentvolumeclaim "$name" && ! apply "$file" -- --dry-run=server >/dev/null 2>"$work/err"; then
            warn "volume $name is kept as it is ($(claim_facts "$name")): its manifest differs in what cannot be changed ($(sed -n '/spec[.:]/{s/.*\(spec[.:]\)/\1/;p;q;}' "$work/err" | cut -c 1-120))"
        else
            echo "$file"
        fi
    done
}

claim_facts() {
    kn get persistentvolumeclaim "$1" -o jsonpath='{.spec.resources.requests.storage}, {.spec.accessModes[0]}, class {.spec.storageClassName}'
}

# All but the namespace, which was made before for the lock; the Job as $job_action says.
apply_overlay() {
    local file files
    applicable_claims "$work"/objects/*-PersistentVolumeClaim-*.yaml >"$work/claims"
    mapfile -t files <"$work/claims"
    for file in "$work"/objects/*.yaml; do
        case $file in
            *-Namespace-* | *-PersistentVolumeClaim-* | *-Job-trainer.yaml) ;;
            *) files+=("$file") ;;
        esac
    done
    apply_all "${files[@]}"
    case $job_action in
        replace) kn delete job trainer --cascade=foreground --timeout=120s >/dev/null ;;
        make) ;;
        *) return 0 ;;
    esac
    apply_all "$(object Job trainer)"
}

# --- Pruning ----------------------------------------------------------------------------------------------------------

# Deletes what earlier manifests had and the files of FOLDER have not. Claims and Secrets stay, and so does what something
# else owns, such as a CronJob's Jobs.
prune() { # FOLDER SELECTOR
    local kept=$work/kept object owner
    find "$1" -name '*.yaml' | sed 's#.*/[0-9]*-\([A-Za-z]*\)-\(.*\)\.yaml#\1/\2#' >"$kept"
    local kind
    # Kind by kind: who may not list one of them, such as roles, tidies up the others.
    for kind in ${prunable//,/ }; do
        kn get "$kind" -l "app.kubernetes.io/part-of=canopy,app.kubernetes.io/managed-by=kustomize,$2" \
            -o jsonpath='{range .items[*]}{.kind}/{.metadata.name} {.metadata.ownerReferences[0].kind}{"\n"}{end}' 2>/dev/null || true
    done |
        while read -r object owner; do
            if [ -n "$owner" ] || grep -qxF "$object" "$kept"; then continue; fi
            if kn delete "${object%%/*}" "${object#*/}" --wait=false >/dev/null 2>"$work/err" </dev/null; then
                say "  removed  $object, which the manifests no longer have"
            else
                warn "$object is no longer in the manifests, and cannot be removed: $(reason)"
            fi
        done
}
