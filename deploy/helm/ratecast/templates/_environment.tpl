{{/* The environment of each program. */}}

{{/* YAML's numbers arrive as floats, and 1000000 would be written 1e+06. */}}
{{- define "ratecast.scalar" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end }}
{{- end }}

{{/* A secret by reference: as a variable, or as the file that the variable with _FILE names.
Takes root, variable, secret, key and file (below /etc/ratecast/secrets). */}}
{{- define "ratecast.secret" -}}
{{- if .root.Values.secretsAsFiles }}
- name: {{ .variable }}_FILE
  value: /etc/ratecast/secrets/{{ .file }}
{{- else }}
- name: {{ .variable }}
  valueFrom:
    secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}
{{- end }}
{{- end }}

{{/* Whether clients log in with a password. With OAUTHBEARER they send a token. */}}
{{- define "ratecast.hasPassword" -}}
{{- if and (hasPrefix "SASL" .Values.kafka.securityProtocol) (ne .Values.kafka.sasl.mechanism "OAUTHBEARER") }}yes{{ end }}
{{- end }}

{{/* What every program gets. Takes root, and settings: those of the program itself. */}}
{{- define "ratecast.environment" -}}
{{- $values := .root.Values -}}
{{- $kafka := $values.kafka -}}
- name: RATECAST_BOOTSTRAP_SERVERS
  value: {{ required "set kafka.bootstrapServers to the addresses of your brokers, such as kafka-1:9092,kafka-2:9092" $kafka.bootstrapServers | quote }}
- name: RATECAST_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
- name: RATECAST_SASL_MECHANISM
  value: {{ $kafka.sasl.mechanism }}
{{- if include "ratecast.hasPassword" .root }}
{{- $secret := required (printf "set kafka.sasl.existingSecret: %s needs a user name and a password" $kafka.securityProtocol) $kafka.sasl.existingSecret }}
- name: RATECAST_SASL_USERNAME
  valueFrom:
    secretKeyRef: {name: {{ $secret }}, key: {{ $kafka.sasl.usernameKey }}}
{{- include "ratecast.secret" (dict "root" .root "variable" "RATECAST_SASL_PASSWORD" "secret" $secret "key" $kafka.sasl.passwordKey "file" "sasl-password") }}
{{- end }}
{{- end }}
{{- if hasSuffix "SSL" $kafka.securityProtocol }}
{{- if $kafka.tls.caSecret }}
- name: RATECAST_SSL_CAFILE
  value: /etc/ratecast/kafka-ca/{{ $kafka.tls.caKey }}
{{- end }}
{{- if $kafka.tls.clientSecret }}
- name: RATECAST_SSL_CERTFILE
  value: /etc/ratecast/kafka-client/tls.crt
- name: RATECAST_SSL_KEYFILE
  value: /etc/ratecast/kafka-client/tls.key
{{- if $kafka.tls.clientKeyPasswordKey }}
{{- include "ratecast.secret" (dict "root" .root "variable" "RATECAST_SSL_PASSWORD" "secret" $kafka.tls.clientSecret "key" $kafka.tls.clientKeyPasswordKey "file" "ssl-password") }}
{{- end }}
{{- end }}
{{- end }}
{{- /* Not by mergeOverwrite, which ignores false and 0. */}}
{{- $settings := dict }}
{{- range list $values.settings (default (dict) .settings) }}
{{- range $name, $value := . }}{{ $_ := set $settings $name $value }}{{ end }}
{{- end }}
{{- range $name, $value := $settings }}
- name: RATECAST_{{ upper $name }}
  value: {{ include "ratecast.scalar" $value | quote }}
{{- end }}
{{- with $values.pods.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Whether models come from a URL and not from a volume. */}}
{{- define "ratecast.remoteModels" -}}
{{- if or .Values.models.url .Values.models.urlSecret }}yes{{ end }}
{{- end }}

{{/* For the programs that load a model. Takes the root. */}}
{{- define "ratecast.modelEnvironment" -}}
{{- if .Values.models.urlSecret }}
- name: RATECAST_MODELS_URL
  valueFrom:
    secretKeyRef: {name: {{ .Values.models.urlSecret }}, key: {{ .Values.models.urlKey }}}
{{- else if .Values.models.url }}
- name: RATECAST_MODELS_URL
  value: {{ .Values.models.url | quote }}
{{- end }}
{{- if .Values.models.publicKeys }}
- name: RATECAST_MODEL_KEY_FILE
  value: /etc/ratecast/model-keys/keys.txt
{{- end }}
{{- end }}
