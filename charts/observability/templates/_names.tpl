{{- /* Each takes a dict: root, name (prometheus or metrics-server), image. */ -}}
{{- define "observability.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- end -}}

{{- define "observability.labels" -}}
{{ include "observability.selector" . }}
app.kubernetes.io/version: {{ regexReplaceAll "@.*$" (toString .image.tag) "" | trunc 63 | trimAll "._-" | quote }}
app.kubernetes.io/component: metrics
app.kubernetes.io/part-of: automatrix
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "observability.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "observability.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
