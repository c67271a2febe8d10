{{- define "gateway.selector" -}}
app.kubernetes.io/name: traefik
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gateway.labels" -}}
{{ include "gateway.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | trunc 63 | quote }}
app.kubernetes.io/component: gateway
app.kubernetes.io/part-of: automatrix
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}
