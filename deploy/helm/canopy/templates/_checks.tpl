{{/* What a schema cannot say: values that are right alone and wrong together. Each message names the values. */}}

{{/* A duration such as `5s`, `1m 30s` or `500ms`, in whole seconds, rounded up. Takes (dict "key" … "value" …). */}}
{{- define "canopy.seconds" -}}
{{- $text := toString .value }}
{{- if not (regexMatch "^( *[0-9]+ *(ms|msec|s|sec|m|min|h|hr))+ *$" $text) }}
{{- fail (printf "%s: %q is no time such as 5s, 500ms or 1m 30s" .key $text) }}
{{- end }}
{{- $ms := 0 }}
{{- range regexFindAll "[0-9]+ *[a-z]+" $text -1 }}
{{- $number := regexFind "[0-9]+" . | int }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $ms = add $ms (mul $number (get (dict "ms" 1 "msec" 1 "s" 1000 "sec" 1000 "m" 60000 "min" 60000 "h" 3600000 "hr" 3600000) $unit)) }}
{{- end }}
{{- div (add $ms 999) 1000 }}
{{- end }}

{{- define "canopy.checks" -}}
{{- $inference := .Values.inference.config }}
{{- $trainer := .Values.trainer.config }}
{{- $servers := dict "inference" .Values.inference }}
{{- if .Values.metrics.enabled }}{{ $_ := set $servers "metrics" .Values.metrics }}{{ end }}

{{/* A server killed while it drains loses requests. */}}
{{- range $name, $server := $servers }}
{{- $delay := include "canopy.seconds" (dict "key" (printf "%s.config.CANOPY_DRAIN_DELAY" $name) "value" (default "5s" $server.config.CANOPY_DRAIN_DELAY)) | int }}
{{- $timeout := include "canopy.seconds" (dict "key" (printf "%s.config.CANOPY_DRAIN_TIMEOUT" $name) "value" (default "30s" $server.config.CANOPY_DRAIN_TIMEOUT)) | int }}
{{- if le (int $server.terminationGracePeriodSeconds) (add $delay $timeout | int) }}
{{- fail (printf "%s.terminationGracePeriodSeconds (%d) must be more than CANOPY_DRAIN_DELAY and CANOPY_DRAIN_TIMEOUT of %s.config together (%d s)" $name (int $server.terminationGracePeriodSeconds) $name (add $delay $timeout)) }}
{{- end }}
{{- end }}

{{/* The first rollout waits for the first training. */}}
{{- if and .Values.trainer.job.enabled (lt (int .Values.inference.progressDeadlineSeconds) (int .Values.trainer.activeDeadlineSeconds)) }}
{{- fail (printf "inference.progressDeadlineSeconds (%d) must not be less than trainer.activeDeadlineSeconds (%d): servers are ready once the first training is over" (int .Values.inference.progressDeadlineSeconds) (int .Values.trainer.activeDeadlineSeconds)) }}
{{- end }}

{{/* Servers of a model that nobody trains would wait forever. */}}
{{- if and (or .Values.trainer.job.enabled .Values.trainer.cronjob.enabled) (not (has (toString $trainer.CANOPY_MODEL) (splitList "," (toString $inference.CANOPY_MODEL)))) }}
{{- fail (printf "inference.config.CANOPY_MODEL (%v) must name trainer.config.CANOPY_MODEL (%v), or trainer.job.enabled and trainer.cronjob.enabled false" $inference.CANOPY_MODEL $trainer.CANOPY_MODEL) }}
{{- end }}
{{- $metricsRegistry := dict "CANOPY_REGISTRY" (default $inference.CANOPY_REGISTRY .Values.metrics.config.CANOPY_REGISTRY) }}
{{- range $service, $config := dict "inference" $inference "trainer" $trainer "metrics" $metricsRegistry }}
{{- if not (regexMatch "^(/models(/|$)|s3://)" (toString $config.CANOPY_REGISTRY)) }}
{{- fail (printf "%s.config.CANOPY_REGISTRY (%v) must be /models or a folder in it, where the volume is, or s3://bucket/prefix" $service $config.CANOPY_REGISTRY) }}
{{- end }}
{{- end }}

{{- if .Values.autoscaling.enabled }}
{{- if lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas) }}
{{- fail (printf "autoscaling.maxReplicas (%d) must not be less than autoscaling.minReplicas (%d)" (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas)) }}
{{- end }}
{{- if not (or .Values.autoscaling.targetCPUUtilizationPercentage .Values.autoscaling.targetMemoryUtilizationPercentage .Values.autoscaling.extraMetrics) }}
{{- fail "autoscaling.enabled needs autoscaling.targetCPUUtilizationPercentage, autoscaling.targetMemoryUtilizationPercentage or autoscaling.extraMetrics" }}
{{- end }}
{{- $requests := default (dict) .Values.inference.resources.requests }}
{{- if and .Values.autoscaling.targetCPUUtilizationPercentage (not $requests.cpu) }}
{{- fail "autoscaling.targetCPUUtilizationPercentage is a share of inference.resources.requests.cpu, which is missing" }}
{{- end }}
{{- if and .Values.autoscaling.targetMemoryUtilizationPercentage (not $requests.memory) }}
{{- fail "autoscaling.targetMemoryUtilizationPercentage is a share of inference.resources.requests.memory, which is missing" }}
{{- end }}
{{- end }}

{{- if .Values.podDisruptionBudget.enabled }}
{{- if eq (eq .Values.podDisruptionBudget.minAvailable nil) (eq .Values.podDisruptionBudget.maxUnavailable nil) }}
{{- fail "podDisruptionBudget needs maxUnavailable or minAvailable, and null for the other" }}
{{- end }}
{{- $fewest := ternary .Values.autoscaling.minReplicas .Values.inference.replicas .Values.autoscaling.enabled | int }}
{{- if and (ne .Values.podDisruptionBudget.minAvailable nil) (not (kindIs "string" .Values.podDisruptionBudget.minAvailable)) (ge (int .Values.podDisruptionBudget.minAvailable) $fewest) }}
{{- fail (printf "podDisruptionBudget.minAvailable (%d) must be less than the fewest servers (%d), or no node can be drained" (int .Values.podDisruptionBudget.minAvailable) $fewest) }}
{{- end }}
{{- end }}

{{- if eq .Values.inference.service.type "ClusterIP" }}
{{- if .Values.inference.service.nodePort }}
{{- fail "inference.service.nodePort needs inference.service.type NodePort or LoadBalancer" }}
{{- end }}
{{- if .Values.inference.service.externalTrafficPolicy }}
{{- fail "inference.service.externalTrafficPolicy needs inference.service.type NodePort or LoadBalancer" }}
{{- end }}
{{- end }}
{{- if and .Values.inference.service.loadBalancerSourceRanges (ne .Values.inference.service.type "LoadBalancer") }}
{{- fail "inference.service.loadBalancerSourceRanges needs inference.service.type LoadBalancer" }}
{{- end }}

{{- if and (eq (toString .Values.inference.strategy.maxSurge) "0") (eq (toString .Values.inference.strategy.maxUnavailable) "0") }}
{{- fail "inference.strategy.maxSurge and inference.strategy.maxUnavailable must not both be 0: no server could be replaced" }}
{{- end }}

{{- if and .Values.apiKeys.existingClientKeySecret (not .Values.apiKeys.existingSecret) }}
{{- fail "apiKeys.existingClientKeySecret needs apiKeys.existingSecret: the servers would not know that key" }}
{{- end }}
{{- range $name, $server := $servers }}
{{- if and (not (include "canopy.apiKeysSecret" $)) (ne (toString $server.config.CANOPY_ALLOW_ANONYMOUS) "true") }}
{{- fail (printf "apiKeys.create is false and apiKeys.existingSecret is empty: name a Secret, or set %s.config.CANOPY_ALLOW_ANONYMOUS to \"true\", and nobody is asked for a key" $name) }}
{{- end }}
{{- if and (include "canopy.apiKeysSecret" $) (ne (toString $server.config.CANOPY_API_KEYS_FILE) "/etc/canopy/api-keys") }}
{{- fail (printf "%s.config.CANOPY_API_KEYS_FILE (%v) must be /etc/canopy/api-keys, where the Secret is" $name $server.config.CANOPY_API_KEYS_FILE) }}
{{- end }}
{{- end }}
{{- if ne .Values.metrics.config.CANOPY_EVENTS_KEYS_FILE "/etc/canopy-events/api-keys" }}
{{- fail (printf "metrics.config.CANOPY_EVENTS_KEYS_FILE (%v) must be /etc/canopy-events/api-keys, where the Secret is" .Values.metrics.config.CANOPY_EVENTS_KEYS_FILE) }}
{{- end }}

{{- if .Values.ingress.enabled }}
{{- $hosts := fromYamlArray (include "canopy.ingressHosts" .) }}
{{- range .Values.ingress.tls }}
{{- range .hosts }}
{{- if not (has . $hosts) }}
{{- fail (printf "ingress.tls: %s is not in ingress.hosts (%s)" . (join ", " $hosts)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- range .Values.metrics.ingress.tls }}
{{- range .hosts }}
{{- if not (has . $.Values.metrics.ingress.hosts) }}
{{- fail (printf "metrics.ingress.tls: %s is not in metrics.ingress.hosts (%s)" . (join ", " $.Values.metrics.ingress.hosts)) }}
{{- end }}
{{- end }}
{{- end }}

{{- if and .Values.resourceQuota.enabled (not .Values.resourceQuota.hard) }}
{{- fail "resourceQuota.enabled needs resourceQuota.hard" }}
{{- end }}
{{- if and .Values.limitRange.enabled (not .Values.limitRange.limits) }}
{{- fail "limitRange.enabled needs limitRange.limits" }}
{{- end }}
{{- if and .Values.monitoring.podMonitor.enabled .Values.monitoring.serviceMonitor.enabled }}
{{- fail "monitoring.podMonitor.enabled and monitoring.serviceMonitor.enabled: take one, as two scrapes of a pod make every sum twice as high" }}
{{- end }}
{{- end }}
