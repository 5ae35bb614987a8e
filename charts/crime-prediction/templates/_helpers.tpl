{{/*
Shared by the subcharts: a parent's named templates are theirs too. `.` is a subchart's context. What has another name
than its chart passes a dict of `Name`, `Values` (with `global`), `Chart` and `Release` instead.
*/}}

{{/* Stands before the name of every object. */}}
{{- define "crime.prefix" -}}
{{- if not (hasKey .Values.global "imageRegistry") }}
{{- fail "these values are of chart 0.1: upgrade with --reset-then-reuse-values instead of --reuse-values" }}
{{- end }}
{{- with .Values.global.fullnameOverride }}{{ . }}-{{ end }}
{{- end }}

{{- define "crime.selector" -}}
app.kubernetes.io/name: {{ .Name | default .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "crime.labels" -}}
{{ include "crime.selector" . }}
app.kubernetes.io/part-of: crime-prediction
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "crime.image" -}}
{{- $image := .Values.image }}
{{- with $image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end }}
{{- $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{/* The value of (list NAME VALUE) in quotes. It fails if the value is a URI with a password. */}}
{{- define "crime.noPassword" -}}
{{- $value := index . 1 | toString }}
{{- if regexMatch "://[^:/]*:[^@]*@|(?i:[?&](ssl)?password=)" $value }}
{{- fail (printf "%s holds a password, which `helm get values` shows to everybody: take it from a Secret, of a database as PGPASSWORD in the one that mlflow.secret names, of a variable by {valueFrom: {secretKeyRef: ...}}" (index . 0)) }}
{{- end }}
{{- $value | quote }}
{{- end }}

{{/* The address of the registry in quotes: yours or the chart's. Empty if there is none. */}}
{{- define "crime.trackingUri" -}}
{{- with .Values.global.trackingUri | default (.Values.global.exports).trackingUri }}{{ tpl . $ | quote }}{{ end }}
{{- end }}

{{/*
A setting of a component's pods as YAML, empty if there is none: (list CONTEXT NAME) or (list CONTEXT NAME DEFAULT).
Maps are merged, a component's own keys over the global ones over the default's, and null removes a key. Of lists and
strings a component's own replaces the global one.
*/}}
{{- define "crime.setting" -}}
{{- $name := index . 1 }}
{{- $values := (index . 0).Values }}
{{- $own := get $values $name }}
{{- $global := get $values.global $name }}
{{- if or (kindIs "map" $own) (kindIs "map" $global) }}
  {{- $merged := dict }}
  {{- range concat (slice . 2) (list $global $own) }}
    {{- range $key, $value := . }}
      {{- if kindIs "invalid" $value }}
        {{- $_ := unset $merged $key }}
      {{- else }}
        {{- $_ := set $merged $key $value }}
      {{- end }}
    {{- end }}
  {{- end }}
  {{- with $merged }}{{ toYaml . }}{{ end }}
{{- else }}
  {{- with $own | default $global }}{{ toYaml . }}{{ end }}
{{- end }}
{{- end }}

{{/* Labels and annotations of a pod. `Annotations` of a context are the component's default. */}}
{{- define "crime.podMetadata" -}}
labels:
  {{- include "crime.setting" (list . "podLabels" (fromYaml (include "crime.labels" .))) | nindent 2 }}
{{- with include "crime.setting" (list . "podAnnotations" .Annotations) }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{/* What the specs of all pods have in common. */}}
{{- define "crime.podSpec" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "crime.setting" (list . "imagePullSecrets") }}
imagePullSecrets:
  {{- range fromYamlArray . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  {{- $restricted := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") }}
  {{- include "crime.setting" (list . "podSecurityContext" $restricted) | nindent 2 }}
{{- with include "crime.setting" (list . "priorityClassName") }}
priorityClassName: {{ . }}
{{- end }}
{{- range $name := list "nodeSelector" "tolerations" "affinity" }}
{{- with include "crime.setting" (list $ $name) }}
{{ $name }}:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* Pods are spread over nodes where there are several. */}}
{{- define "crime.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "crime.selector" . | nindent 8 }}
{{- end }}

{{/* What all containers have in common. */}}
{{- define "crime.container" -}}
image: {{ include "crime.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- $restricted := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) }}
  {{- include "crime.setting" (list . "containerSecurityContext" $restricted) | nindent 2 }}
{{- end }}

{{/*
The variables of `env`. A file's large numbers are floats to Helm: toJson writes them without an exponent. It fails if
a value is a password, by the variable's name or in a URI.
*/}}
{{- define "crime.env" -}}
{{- range $name, $value := fromYaml (include "crime.setting" (list . "env")) }}
- name: {{ $name | quote }}
  {{- if kindIs "map" $value }}
  {{- toYaml $value | nindent 2 }}
  {{- else if regexMatch "(PASSWORD|SECRET|TOKEN|ACCESS_KEY)$" $name }}
  {{- fail (printf "env.%s is a secret, which `helm get values` shows to everybody: take it from a Secret by {valueFrom: {secretKeyRef: ...}}" $name) }}
  {{- else }}
  value: {{ include "crime.noPassword" (list (printf "env.%s" $name) (kindIs "string" $value | ternary $value (toJson $value))) }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "crime.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "crime.prefix" . }}{{ .Chart.Name }}
  labels:
    {{- include "crime.labels" . | nindent 4 }}
  {{- with .Values.serviceAccount.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end }}

{{- define "crime.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "crime.prefix" . }}{{ .Chart.Name }}
  labels:
    {{- include "crime.labels" . | nindent 4 }}
spec:
  maxUnavailable: {{ .Values.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      {{- include "crime.selector" . | nindent 6 }}
{{- end }}
