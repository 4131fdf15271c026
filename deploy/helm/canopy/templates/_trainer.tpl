{{/* The training, which the Job and the CronJob share, and when the Job is there. */}}

{{- define "canopy.jobSpec" -}}
backoffLimit: {{ int .Values.trainer.backoffLimit }}
activeDeadlineSeconds: {{ int .Values.trainer.activeDeadlineSeconds }}
podFailurePolicy:
  rules:
    # An evicted or preempted pod is no failure of the training.
    - action: Ignore
      onPodConditions: [{ type: DisruptionTarget, status: "True" }]
    # 2: the settings make no sense; 3: published, but a gate holds it back. Another try gives the same.
    - action: FailJob
      onExitCodes: { containerName: trainer, operator: In, values: [2, 3] }
template:
  metadata:
    labels:
      {{- include "canopy.podLabels" (dict "root" . "component" "trainer") | nindent 6 }}
      {{- with .Values.trainer.podLabels }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    {{- with .Values.trainer.podAnnotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    restartPolicy: Never
    terminationGracePeriodSeconds: {{ int .Values.trainer.terminationGracePeriodSeconds }}
    serviceAccountName: {{ include "canopy.trainerServiceAccount" . }}
    {{- include "canopy.podSecurity" . | nindent 4 }}
    {{- include "canopy.placement" .Values.trainer | nindent 4 }}
    {{- with .Values.trainer.priorityClassName }}
    priorityClassName: {{ . }}
    {{- end }}
    containers:
      - name: trainer
        image: {{ include "canopy.image" (dict "root" . "image" .Values.trainer.image) }}
        imagePullPolicy: {{ .Values.image.pullPolicy }}
        args:
          {{- toYaml .Values.trainer.args | nindent 10 }}
        {{- with .Values.trainer.extraEnv }}
        env:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        envFrom:
          - configMapRef: { name: {{ include "canopy.prefix" . }}trainer }
          # AWS_ACCESS_KEY_ID and its like, for data in a bucket.
          {{- if .Values.trainer.credentialsSecret }}
          - secretRef: { name: {{ .Values.trainer.credentialsSecret }} }
          {{- else }}
          - secretRef: { name: {{ include "canopy.prefix" . }}trainer-credentials, optional: true }
          {{- end }}
          {{- with .Values.trainer.extraEnvFrom }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
        resources:
          {{- toYaml .Values.trainer.resources | nindent 10 }}
        volumeMounts:
          - { name: models, mountPath: /models }
          - { name: tmp, mountPath: /tmp } # a table from a URL is kept here while it is read
          {{- if .Values.trainer.dataVolume.enabled }}
          - { name: data, mountPath: {{ .Values.trainer.dataVolume.mountPath }}, readOnly: true }
          {{- end }}
          {{- with .Values.trainer.extraVolumeMounts }}
          {{- toYaml . | nindent 10 }}
          {{- end }}
        securityContext:
          {{- include "canopy.containerSecurity" . | nindent 10 }}
    volumes:
      - name: models
        persistentVolumeClaim: { claimName: {{ include "canopy.modelsClaim" . }} }
      - name: tmp
        emptyDir: { sizeLimit: {{ .Values.trainer.tmpSizeLimit }} }
      {{- if .Values.trainer.dataVolume.enabled }}
      - name: data
        persistentVolumeClaim: { claimName: {{ include "canopy.dataClaim" . }} }
      {{- end }}
      {{- with .Values.trainer.extraVolumes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end }}

{{/* Everything a training is made of. It is an annotation of the ConfigMap `trainer`, which outlives the Job. */}}
{{- define "canopy.jobChecksum" -}}
{{- list (include "canopy.jobSpec" .) (include "canopy.config" .Values.trainer.config) .Values.trainer.job.trigger | join "\n" | sha256sum }}
{{- end }}

{{/*
The name of the Job; empty where nothing is to be trained. A Job's template cannot be changed, so another training
needs another name, and the Job goes a day after it is done, which is no reason to train again:

- An install, or no cluster to look at (`helm template`): `trainer`, as in deploy/base.
- An upgrade whose training is another than the last: `trainer-CHECKSUM`; Helm takes the Job before away.
- An upgrade with the same training: the Job as it is while it is there, afterwards none.

It is no hook: `--wait` runs hooks after the servers are ready, and they are ready once it has trained.
*/}}
{{- define "canopy.jobName" -}}
{{- $plain := printf "%strainer" (include "canopy.prefix" .) }}
{{- $checksum := include "canopy.jobChecksum" . }}
{{- $suffixed := printf "%s-%s" $plain (trunc 8 $checksum) }}
{{- $config := lookup "v1" "ConfigMap" .Release.Namespace $plain }}
{{- $last := dig "metadata" "annotations" "checksum/job" "" $config }}
{{- if or .Release.IsInstall (not $last) }}
{{- $plain }}
{{- else if ne $last $checksum }}
{{- $suffixed }}
{{- else if lookup "batch/v1" "Job" .Release.Namespace $suffixed }}
{{- $suffixed }}
{{- else }}
{{- $job := lookup "batch/v1" "Job" .Release.Namespace $plain }}
{{- if eq (dig "metadata" "annotations" "checksum/job" "" $job) $checksum }}{{ $plain }}{{ end }}
{{- end }}
{{- end }}
