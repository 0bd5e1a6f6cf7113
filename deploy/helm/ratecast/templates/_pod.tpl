{{/* What the pods of all programs have in common. */}}

{{- define "ratecast.podMetadata" -}}
labels:
  {{- include "ratecast.labels" . | nindent 2 }}
  {{- with .root.Values.pods.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .root.Values.pods.annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes root, component. */}}
{{- define "ratecast.podSpec" -}}
{{- $pods := .root.Values.pods -}}
serviceAccountName: {{ include "ratecast.serviceAccount" .root }}
automountServiceAccountToken: false # no program talks to Kubernetes
enableServiceLinks: false
securityContext:
  {{- toYaml $pods.securityContext | nindent 2 }}
{{- with .root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $pods.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $pods.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Over zones, then over nodes. A cluster too small for that still runs every pod. Takes root, component. */}}
{{- define "ratecast.spread" -}}
topologySpreadConstraints:
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "ratecast.selector" $ | nindent 8 }}
{{- end }}
{{- end }}

{{/* Takes root, image, and resources. */}}
{{- define "ratecast.container" -}}
image: {{ include "ratecast.image" . }}
imagePullPolicy: {{ .root.Values.images.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end }}

{{/* Kafka has no part in startup and liveness: a restart would not bring a broker back. In an outage workers, feed and sink
are unready, which ends none of them. */}}
{{- define "ratecast.probes" -}}
startupProbe: # two minutes for loading a model
  httpGet: {path: /health, port: http}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /health, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /ready, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}

{{/* Takes root, and what the program uses: models ("read" or "write"), signs, webToken and dsn (Secrets by name and key). */}}
{{- define "ratecast.mounts" -}}
{{- $kafka := .root.Values.kafka -}}
- {name: tmp, mountPath: /tmp}
{{- if .models }}
- {name: models, mountPath: /models{{ if and (eq .models "read") (not (include "ratecast.remoteModels" .root)) }}, readOnly: true{{ end }}}
{{- if .root.Values.models.publicKeys }}
- {name: model-keys, mountPath: /etc/ratecast/model-keys, readOnly: true}
{{- end }}
{{- if and (eq .models "write") .root.Values.models.signingSecret }}
- {name: signing-key, mountPath: /etc/ratecast/signing-key, readOnly: true}
{{- end }}
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- if $kafka.tls.caSecret }}
- {name: kafka-ca, mountPath: /etc/ratecast/kafka-ca, readOnly: true}
{{- end }}
{{- if $kafka.tls.clientSecret }}
- {name: kafka-client, mountPath: /etc/ratecast/kafka-client, readOnly: true}
{{- end }}
{{- end }}
{{- if include "ratecast.secretFiles" . }}
- {name: secrets, mountPath: /etc/ratecast/secrets, readOnly: true}
{{- end }}
{{- with .root.Values.pods.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "ratecast.volumes" -}}
{{- $values := .root.Values -}}
{{- $tls := $values.kafka.tls -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- if .models }}
- name: models
  {{- if include "ratecast.remoteModels" .root }}
  emptyDir: {sizeLimit: 512Mi}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ default (printf "%s-models" (include "ratecast.fullname" .root)) $values.models.existingClaim }}
  {{- end }}
{{- if $values.models.publicKeys }}
- name: model-keys
  configMap: {name: {{ include "ratecast.fullname" .root }}-model-keys}
{{- end }}
{{- if and (eq .models "write") $values.models.signingSecret }}
- name: signing-key
  secret:
    secretName: {{ $values.models.signingSecret }}
    defaultMode: 0440
    items: [{key: {{ $values.models.signingKey }}, path: key.pem}]
{{- end }}
{{- end }}
{{- if hasSuffix "SSL" $values.kafka.securityProtocol }}
{{- if $tls.caSecret }}
- name: kafka-ca
  secret:
    secretName: {{ $tls.caSecret }}
    items: [{key: {{ $tls.caKey }}, path: {{ $tls.caKey }}}]
{{- end }}
{{- if $tls.clientSecret }}
- name: kafka-client
  secret:
    secretName: {{ $tls.clientSecret }}
    defaultMode: 0440 # for the group, which is the pod's fsGroup
    items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}]
{{- end }}
{{- end }}
{{- with include "ratecast.secretFiles" . }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- . | trim | nindent 6 }}
{{- end }}
{{- with $values.pods.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The sources of the projected volume of secrets; nothing if the program has none as a file. */}}
{{- define "ratecast.secretFiles" -}}
{{- if .root.Values.secretsAsFiles }}
{{- $kafka := .root.Values.kafka }}
{{- if include "ratecast.hasPassword" .root }}
- secret: {name: {{ $kafka.sasl.existingSecret }}, items: [{key: {{ $kafka.sasl.passwordKey }}, path: sasl-password}]}
{{- end }}
{{- if and (hasSuffix "SSL" $kafka.securityProtocol) $kafka.tls.clientSecret $kafka.tls.clientKeyPasswordKey }}
- secret: {name: {{ $kafka.tls.clientSecret }}, items: [{key: {{ $kafka.tls.clientKeyPasswordKey }}, path: ssl-password}]}
{{- end }}
{{- with .webToken }}
- secret: {name: {{ .secret }}, items: [{key: {{ .key }}, path: web-token}]}
{{- end }}
{{- with .dsn }}
- secret: {name: {{ .secret }}, items: [{key: {{ .key }}, path: postgres-dsn}]}
{{- end }}
{{- end }}
{{- end }}
