{{- define "git.selector" -}}
app.kubernetes.io/name: git
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "git.labels" -}}
{{ include "git.selector" . }}
app.kubernetes.io/version: {{ regexReplaceAll "@.*$" (toString .Values.image.tag) "" | trunc 63 | trimAll "._-" | quote }}
app.kubernetes.io/component: git
app.kubernetes.io/part-of: automatrix
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- /* The name is fixed: it is part of the address that every Application has in its source. */ -}}
{{- define "git.metadata" -}}
name: git
namespace: {{ .Release.Namespace | quote }}
labels: {{- include "git.labels" . | nindent 2 }}
{{- end -}}

{{- /*
The data of one of the chart's Secrets. Made once: what is there already stays as it is.
  root   the chart's context
  name   the Secret
  fresh  its data where there is none
*/ -}}
{{- define "git.secretData" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .name | default dict -}}
{{- toYaml ($found.data | default .fresh) -}}
{{- end -}}

{{- /* Whether the Secret is somebody else's (`amx up` makes it first): it is there and no part of this release. */ -}}
{{- define "git.isForeign" -}}
{{- $found := lookup "v1" "Secret" .root.Release.Namespace .name -}}
{{- if $found -}}
  {{- if ne (dig "metadata" "annotations" "meta.helm.sh/release-name" "" $found) .root.Release.Name -}}yes{{- end -}}
{{- end -}}
{{- end -}}
