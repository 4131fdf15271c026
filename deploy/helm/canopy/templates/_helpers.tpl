{{/* Names, labels and the parts that several objects share. What may not be said together is in _checks.tpl. */}}

{{/* The label app.kubernetes.io/name. */}}
{{- define "canopy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The name of this installation. 40 characters leave room for the longest name of an object and a Job's suffix in 63. */}}
{{- define "canopy.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if or (not .Values.nameOverride) (contains .Values.nameOverride .Release.Name) }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Before each object's name: nothing for `canopy`, so that its objects are named as in deploy/base, else NAME-. */}}
{{- define "canopy.prefix" -}}
{{- $fullname := include "canopy.fullname" . }}
{{- if ne $fullname .Chart.Name }}{{ $fullname }}-{{ end }}
{{- end }}

{{/* Labels that never change: two releases in one namespace differ in the instance. Takes (dict "root" $ "component" …). */}}
{{- define "canopy.selector" -}}
app.kubernetes.io/name: {{ include "canopy.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of pods: without the chart's version, as a new chart alone is no reason to roll pods or to train. */}}
{{- define "canopy.podLabels" -}}
{{ include "canopy.selector" . }}
app.kubernetes.io/part-of: canopy
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of objects. */}}
{{- define "canopy.labels" -}}
{{ include "canopy.podLabels" . }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The metadata of an object. Takes (dict "root" $ "component" … "name" … "annotations" … "labels" …). */}}
{{- define "canopy.metadata" -}}
{{- $annotations := merge (dict) (default (dict) .annotations) .root.Values.commonAnnotations -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "canopy.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Registry, repository, and digest or tag. Takes (dict "root" $ "image" …). */}}
{{- define "canopy.image" -}}
{{- $name := .image.repository }}
{{- with .root.Values.image.registry }}{{ $name = printf "%s/%s" (trimSuffix "/" .) $name }}{{ end }}
{{- if .image.digest }}
{{- printf "%s@%s" $name .image.digest }}
{{- else }}
{{- printf "%s:%s" $name (coalesce .image.tag .root.Values.image.tag .root.Chart.AppVersion) }}
{{- end }}
{{- end }}

{{/* What every pod says in the same way: it has no token, no variables of Services, and is not root. */}}
{{- define "canopy.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- if ne .Values.securityContext.runAsUser nil }}
  runAsUser: {{ int64 .Values.securityContext.runAsUser }}
  {{- end }}
  {{- if ne .Values.securityContext.runAsGroup nil }}
  runAsGroup: {{ int64 .Values.securityContext.runAsGroup }}
  {{- end }}
  {{- if ne .Values.securityContext.fsGroup nil }}
  fsGroup: {{ int64 .Values.securityContext.fsGroup }}
  fsGroupChangePolicy: OnRootMismatch
  {{- end }}
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* What every container says in the same way. */}}
{{- define "canopy.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{/* Where a pod may run. Takes inference, trainer or metrics of the values. */}}
{{- define "canopy.placement" -}}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A value as a variable's text: Helm reads 1000000 as a float and would print 1e+06. */}}
{{- define "canopy.text" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* A config as the data of a ConfigMap; null takes a setting out. */}}
{{- define "canopy.config" -}}
{{- range $key, $value := . }}
{{- if ne $value nil }}
{{ $key }}: {{ include "canopy.text" $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* The server's settings; without keys there is no file of keys, and events go to this release's metrics service. */}}
{{- define "canopy.inferenceConfig" -}}
{{- $config := .Values.inference.config }}
{{- if .Values.metrics.enabled }}
{{- $url := printf "http://%smetrics:%d" (include "canopy.prefix" .) (int .Values.metrics.service.port) }}
{{- $config = merge (dict) $config (dict "CANOPY_METRICS_URL" $url "CANOPY_METRICS_KEY_FILE" "/etc/canopy-events/key") }}
{{- end }}
{{- if not (include "canopy.apiKeysSecret" .) }}{{ $config = omit $config "CANOPY_API_KEYS_FILE" }}{{ end }}
{{- include "canopy.config" $config }}
{{- end }}

{{/* The metrics service's: it looks at this release's servers, and reads the registry that they read. */}}
{{- define "canopy.metricsConfig" -}}
{{- $targets := printf "dns+http://%sinference-pods:8000" (include "canopy.prefix" .) }}
{{- $config := merge (dict) .Values.metrics.config (dict "CANOPY_TARGETS" $targets "CANOPY_REGISTRY" .Values.inference.config.CANOPY_REGISTRY) }}
{{- if not (include "canopy.apiKeysSecret" .) }}{{ $config = omit $config "CANOPY_API_KEYS_FILE" }}{{ end }}
{{- include "canopy.config" $config }}
{{- end }}

{{- define "canopy.inferenceServiceAccount" -}}
{{- $default := ternary (printf "%sinference" (include "canopy.prefix" .)) "default" .Values.inference.serviceAccount.create }}
{{- default $default .Values.inference.serviceAccount.name }}
{{- end }}

{{- define "canopy.trainerServiceAccount" -}}
{{- $default := ternary (printf "%strainer" (include "canopy.prefix" .)) "default" .Values.trainer.serviceAccount.create }}
{{- default $default .Values.trainer.serviceAccount.name }}
{{- end }}

{{- define "canopy.metricsServiceAccount" -}}
{{- $default := ternary (printf "%smetrics" (include "canopy.prefix" .)) "default" .Values.metrics.serviceAccount.create }}
{{- default $default .Values.metrics.serviceAccount.name }}
{{- end }}

{{- define "canopy.modelsClaim" -}}
{{- default (printf "%smodels" (include "canopy.prefix" .)) .Values.persistence.existingClaim }}
{{- end }}

{{- define "canopy.dataClaim" -}}
{{- default (printf "%sdata" (include "canopy.prefix" .)) .Values.trainer.dataVolume.existingClaim }}
{{- end }}

{{- define "canopy.metricsClaim" -}}
{{- default (printf "%smetrics" (include "canopy.prefix" .)) .Values.metrics.persistence.existingClaim }}
{{- end }}

{{/* The Secret with the key for events and its digest. */}}
{{- define "canopy.eventsKeySecret" -}}
{{- default (printf "%smetrics-events-key" (include "canopy.prefix" .)) .Values.metrics.eventsKey.existingSecret }}
{{- end }}

{{/* The Secret with the digests; empty where the servers ask for no key. */}}
{{- define "canopy.apiKeysSecret" -}}
{{- if .Values.apiKeys.existingSecret }}{{ .Values.apiKeys.existingSecret }}
{{- else if .Values.apiKeys.create }}{{ include "canopy.prefix" . }}inference-api-keys{{ end }}
{{- end }}

{{/* The Secret with the key itself; empty where the chart knows none. */}}
{{- define "canopy.clientKeySecret" -}}
{{- if .Values.apiKeys.existingSecret }}{{ .Values.apiKeys.existingClientKeySecret }}
{{- else if .Values.apiKeys.create }}{{ include "canopy.prefix" . }}inference-client-key{{ end }}
{{- end }}

{{- define "canopy.priorityClass" -}}
{{- default (printf "%s-inference" (include "canopy.fullname" .)) .Values.priorityClass.name }}
{{- end }}

{{/* Prometheus, in this namespace or in the one that is named: peers of a NetworkPolicy. */}}
{{- define "canopy.fromPrometheus" -}}
- podSelector:
    matchLabels:
      {{- toYaml .Values.networkPolicy.prometheus.podLabels | nindent 6 }}
- namespaceSelector:
    matchLabels:
      {{- toYaml .Values.networkPolicy.prometheus.namespaceLabels | nindent 6 }}
  podSelector:
    matchLabels:
      {{- toYaml .Values.networkPolicy.prometheus.podLabels | nindent 6 }}
{{- end }}

{{/* The ingress controller, a peer of a NetworkPolicy. */}}
{{- define "canopy.fromIngressController" -}}
- namespaceSelector:
    matchLabels:
      {{- toYaml .Values.networkPolicy.ingressController.namespaceLabels | nindent 6 }}
  podSelector:
    matchLabels:
      {{- toYaml .Values.networkPolicy.ingressController.podLabels | nindent 6 }}
{{- end }}

{{/* Pods of this release, a peer of a NetworkPolicy. Takes (dict "root" $ "component" …). */}}
{{- define "canopy.pods" -}}
- podSelector:
    matchLabels:
      {{- include "canopy.selector" . | nindent 6 }}
{{- end }}

{{/* A test can run: it is wanted, and there is a key for it or none is asked for. */}}
{{- define "canopy.testable" -}}
{{- if and .Values.tests.enabled (or (include "canopy.clientKeySecret" .) (not (include "canopy.apiKeysSecret" .))) }}yes{{ end }}
{{- end }}

{{/* Egress to DNS, a rule of a NetworkPolicy. */}}
{{- define "canopy.egressDns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          {{- toYaml .Values.networkPolicy.dns.namespaceLabels | nindent 10 }}
      podSelector:
        matchLabels:
          {{- toYaml .Values.networkPolicy.dns.podLabels | nindent 10 }}
  ports:
    - { protocol: UDP, port: 53 }
    - { protocol: TCP, port: 53 }
{{- end }}

{{/* The hosts of the Ingress, as a YAML list. */}}
{{- define "canopy.ingressHosts" -}}
{{- toYaml (default (list (ternary "canopy.local" "inference.canopy.local" (eq .Values.ingress.style "paths"))) .Values.ingress.hosts) }}
{{- end }}
