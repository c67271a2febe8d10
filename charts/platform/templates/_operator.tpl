{{- /*
What every operator gets. Each takes a dict:
  root        the chart's context
  name        gitops-engine
  module      operators.gitops
  component   gitops
  namespace   where it runs
  values      its part of values.yaml: env, resources, cacheSizeLimit
  env         list of further variables
A new operator is one more file beside gitops.yaml: these includes, and its rights.
*/ -}}

{{- define "platform.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
{{- end -}}

{{- define "platform.labels" -}}
{{ include "platform.selector" . }}
app.kubernetes.io/version: {{ regexReplaceAll "@.*$" (toString .root.Values.image.tag) "" | trunc 63 | trimAll "._-" | quote }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/part-of: automatrix
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{- define "platform.metadata" -}}
name: {{ .name }}
namespace: {{ .namespace | quote }}
labels: {{- include "platform.labels" . | nindent 2 }}
{{- end -}}

{{- /* Whether an object of this name is somebody else's: it is there and no part of this release. */ -}}
{{- define "platform.isForeign" -}}
{{- $found := lookup .apiVersion .kind .namespace .name -}}
{{- if $found -}}
  {{- $owner := dig "metadata" "annotations" "meta.helm.sh/release-name" "" $found -}}
  {{- if ne $owner .root.Release.Name -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Whether to bring a definition: by mode, and in mode auto unless somebody else has brought it. */ -}}
{{- define "platform.wantsCrd" -}}
{{- if eq .mode "always" -}}yes
{{- else if eq .mode "auto" -}}
  {{- $crd := dict "root" .root "apiVersion" "apiextensions.k8s.io/v1" "kind" "CustomResourceDefinition" "namespace" "" "name" .name -}}
  {{- if ne "yes" (include "platform.isForeign" $crd) -}}yes{{- end -}}
{{- end -}}
{{- end -}}

{{- define "platform.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata: {{- include "platform.metadata" . | nindent 2 }}
spec:
  # One is at work at a time, by Lease: a second pod would only wait. So the old one goes first.
  replicas: 1
  strategy:
    type: Recreate
  revisionHistoryLimit: 3
  selector:
    matchLabels: {{- include "platform.selector" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "platform.labels" . | nindent 8 }}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8080"
        prometheus.io/path: /metrics
    spec:
      serviceAccountName: {{ .name }}
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ . | quote }}
        {{- end }}
      {{- end }}
      containers:
        - name: operator
          image: "{{ .root.Values.image.repository }}:{{ .root.Values.image.tag }}"
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: [python3, -m, {{ .module }}]
          env:
            - name: POD_NAME
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
            - name: POD_NAMESPACE
              valueFrom:
                fieldRef:
                  fieldPath: metadata.namespace
            - name: HOME
              value: /tmp
            {{- with .env }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
            {{- range $name, $value := .values.env }}
            - name: {{ $name }}
              value: {{ $value | quote }}
            {{- end }}
          ports:
            - name: http
              containerPort: 8080
          startupProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 1
            timeoutSeconds: 5
            failureThreshold: 120
          # Fails when a watch has been silent for too long, whatever the reason: only a restart helps then.
          livenessProbe:
            httpGet:
              path: /healthz
              port: http
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
          readinessProbe:
            httpGet:
              path: /readyz
              port: http
            periodSeconds: 2
            timeoutSeconds: 5
            failureThreshold: 2
          resources: {{- toYaml .values.resources | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          volumeMounts:
            - name: cache
              mountPath: /var/cache/automatrix
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: cache
          emptyDir:
            sizeLimit: {{ .values.cacheSizeLimit }}
        - name: tmp
          emptyDir:
            sizeLimit: 1Gi
{{- end -}}

{{- define "platform.service" -}}
apiVersion: v1
kind: Service
metadata: {{- include "platform.metadata" . | nindent 2 }}
spec:
  selector: {{- include "platform.selector" . | nindent 4 }}
  ports:
    - name: http
      port: 8080
      targetPort: http
{{- end -}}

{{- define "platform.serviceaccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata: {{- include "platform.metadata" . | nindent 2 }}
{{- end -}}

{{- /* One pod, which may be evicted: a node is drained without asking, and the Lease passes on. */ -}}
{{- define "platform.poddisruptionbudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "platform.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "platform.selector" . | nindent 6 }}
{{- end -}}

{{- /* In and out of `networks` on `ports`, as the rules of a NetworkPolicy. */ -}}
{{- define "platform.egressTo" -}}
- to:
    {{- range .cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
  ports:
    {{- range .ports }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
{{- end -}}

{{- define "platform.egressDns" -}}
- to:
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
  ports:
    - protocol: UDP
      port: 53
    - protocol: TCP
      port: 53
{{- end -}}
