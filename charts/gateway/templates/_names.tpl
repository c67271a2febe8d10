{{- define "gateway.selector" -}}
app.kubernetes.io/name: traefik
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "gateway.labels" -}}
{{ include "gateway.selector" . }}
app.kubernetes.io/version: {{ regexReplaceAll "@.*$" (toString .Values.image.tag) "" | trunc 63 | trimAll "._-" | quote }}
app.kubernetes.io/component: gateway
app.kubernetes.io/part-of: automatrix
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
