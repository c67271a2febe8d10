{{/* Under its own name the chart is the release; under an alias (a dependency of an application's chart) it is one part of it. */}}
{{- define "service.name" -}}
{{- ternary .Release.Name .Chart.Name (eq .Chart.Name "service") | trunc 63 | trimAll "._-" -}}
{{- end -}}

{{/* A name for every object, a Service's, too: lower case, digits and dashes. One that is too long ends in its digest. */}}
{{- define "service.fullname" -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) (eq .Chart.Name "service") -}}
{{- $name := regexReplaceAll "[._]" $whole "-" | lower | trimSuffix "-" -}}
{{- if gt (len $name) 63 -}}
{{- $name = printf "%s-%s" (trunc 54 $name | trimSuffix "-") (sha256sum $whole | trunc 8) -}}
{{- end -}}
{{- if and (eq .Values.kind "web") (regexMatch "^[0-9]" $name) -}}
{{- fail (printf "the release is called %s, and the name of a Service begins with a letter. Install it under another name (an Application by spec.source.helm.releaseName)." .Release.Name) -}}
{{- end -}}
{{- $name -}}
{{- end -}}

{{- define "service.selector" -}}
app.kubernetes.io/name: {{ include "service.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "service.labels" -}}
{{ include "service.selector" . }}
app.kubernetes.io/version: {{ regexReplaceAll "@.*$" (toString .Values.image.tag) "" | trunc 63 | trimAll "._-" | quote }}
app.kubernetes.io/component: {{ .Values.kind }}
app.kubernetes.io/part-of: {{ .Release.Name | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* A number from a values file arrives as a float: 1000000 must not become 1e+06. */}}
{{- define "service.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* A quantity as a number to compare by: its digits times its unit. */}}
{{- define "service.amount" -}}
{{- $text := . | toString -}}
{{- $units := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
  "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $unit := regexFind "([KMGTPE]i|[numkMGTPE])$" $text -}}
{{- mulf (trimSuffix $unit $text | float64) (get $units $unit | default 1.0) -}}
{{- end -}}

{{/* Where the process listens, as text; empty for a worker that was given no port. */}}
{{- define "service.port" -}}
{{- .Values.port | default (ternary 8080 0 (eq .Values.kind "web")) | int | default "" -}}
{{- end -}}
