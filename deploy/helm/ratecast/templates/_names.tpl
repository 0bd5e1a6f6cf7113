{{/* The names, labels and images of everything. */}}

{{- define "ratecast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* Short enough for a suffix and for the hash that a StatefulSet adds to the names of its revisions. */}}
{{- define "ratecast.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "ratecast.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "ratecast.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* What selects all pods of a release. */}}
{{- define "ratecast.release" -}}
app.kubernetes.io/name: {{ include "ratecast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What selects the pods of one program. Takes root, component. */}}
{{- define "ratecast.selector" -}}
{{ include "ratecast.release" .root }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* The labels of every object. Takes root, component. */}}
{{- define "ratecast.labels" -}}
{{ include "ratecast.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "ratecast.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "ratecast.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* Takes root, and image: worker, web or training. */}}
{{- define "ratecast.image" -}}
{{- $images := .root.Values.images }}
{{- $image := get $images .image }}
{{- $repository := $image.repository }}
{{- if $images.registry }}
{{- $repository = printf "%s/%s" (trimSuffix "/" $images.registry) $image.repository }}
{{- end }}
{{- if $image.digest }}
{{- printf "%s@%s" $repository $image.digest }}
{{- else }}
{{- printf "%s:%s" $repository (default .root.Chart.AppVersion $images.tag) }}
{{- end }}
{{- end }}

{{/* Partitions of the input topic. 4 is the default of the setting. */}}
{{- define "ratecast.partitions" -}}
{{- int (default 4 .Values.settings.topic_partitions) }}
{{- end }}

{{/* The programs that serve metrics, as a list in JSON. The pods of each have its name as component. */}}
{{- define "ratecast.served" -}}
{{- $served := list "worker" }}
{{- if .Values.web.enabled }}{{ $served = append $served "web" }}{{ end }}
{{- if .Values.feed.enabled }}{{ $served = append $served "feed" }}{{ end }}
{{- if .Values.sink.enabled }}{{ $served = append $served "sink" }}{{ end }}
{{- toJson $served }}
{{- end }}
