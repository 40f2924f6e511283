{{/* The name of all objects: short enough for what is put after it. */}}
{{- define "eurekube.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "eurekube.operator" -}}
{{ include "eurekube.fullname" . }}-operator
{{- end -}}

{{- define "eurekube.selector" -}}
app.kubernetes.io/name: eurekube
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "eurekube.labels" -}}
{{ include "eurekube.selector" . }}
{{ include "eurekube.commonLabels" . }}
{{- end -}}

{{- define "eurekube.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
app.kubernetes.io/part-of: eurekube
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "eurekube.injector" -}}
{{ include "eurekube.fullname" . }}-injector
{{- end -}}

{{- define "eurekube.injectorSelector" -}}
app.kubernetes.io/name: eurekube
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: injector
{{- end -}}

{{- define "eurekube.injectorLabels" -}}
{{ include "eurekube.injectorSelector" . }}
{{ include "eurekube.commonLabels" . }}
{{- end -}}

{{/* "true" if the injector is made: a webhook is of the whole cluster, and sidecars need 1.33. */}}
{{- define "eurekube.hasInjector" -}}
{{- if and .Values.injector.enabled (not .Values.watch.namespaces) (semverCompare ">=1.33.0-0" .Capabilities.KubeVersion.Version) -}}
true
{{- end -}}
{{- end -}}

{{/* The Secret with the injector's certificate; the operator knows it by the injector's name. */}}
{{- define "eurekube.injectorSecret" -}}
{{- if eq .Values.injector.certificates.mode "provided" -}}
{{- required "injector.certificates.secretName is needed with injector.certificates.mode=provided" .Values.injector.certificates.secretName -}}
{{- else -}}
{{ include "eurekube.injector" . }}-tls
{{- end -}}
{{- end -}}

{{/* An image's full name; of a dict with `root` and `image` (repository, tag, digest). */}}
{{- define "eurekube.image" -}}
{{- $registry := .root.Values.image.registry -}}
{{- $name := ternary (printf "%s/%s" (trimSuffix "/" $registry) .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name (default .root.Chart.AppVersion .image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "eurekube.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "eurekube.operator" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed with serviceAccount.create=false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* Flags of both operator and injector: so they decide alike which pods should have a sidecar. */}}
{{- define "eurekube.commonArgs" -}}
{{- if and (include "eurekube.hasInjector" .) (not .Values.injector.allowURLs) }}
- --no-urls
{{- end }}
{{- with .Values.clusterDomain }}
- {{ printf "--cluster-domain=%s" . | quote }}
{{- end }}
{{- with .Values.log.level }}
- {{ printf "--log-level=%s" (lower .) | quote }}
{{- end }}
{{- with .Values.log.format }}
- {{ printf "--log-format=%s" . | quote }}
{{- end }}
{{- end -}}

{{/* What the operator may do where it works: what `eureka_operator` does, and no more. */}}
{{- define "eurekube.rules" -}}
- apiGroups: [eurekube.io]
  resources: [eurekaclusters]
  verbs: [get, list, watch]
- apiGroups: [eurekube.io]
  resources: [eurekaclusters/status]
  verbs: [patch]
# Children block the deletion of their owner: OwnerReferencesPermissionEnforcement asks for this.
- apiGroups: [eurekube.io]
  resources: [eurekaclusters/finalizers]
  verbs: [update]
- apiGroups: [eurekube.io]
  resources: [eurekaregistrations]
  verbs: [get, list, watch]
- apiGroups: [eurekube.io]
  resources: [eurekaregistrations/status]
  verbs: [patch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services, configmaps, serviceaccounts]
  verbs: [get, list, watch, create, patch, delete]
{{- if .Values.rbac.secrets }}
# spec.tls: certificates of peers, by the names that EurekaClusters give them. Nothing lists Secrets.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get, create, update]
{{- end }}
- apiGroups: [apps]
  resources: [statefulsets]
  verbs: [get, list, watch, create, patch, delete]
# The pod templates of earlier revisions: a failed one is taken back.
- apiGroups: [apps]
  resources: [controllerrevisions]
  verbs: [list]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [monitoring.coreos.com]
  resources: [servicemonitors]
  verbs: [get, list, watch, create, patch, delete]
{{- $issued := .Values.rbac.certManager }}
{{- if kindIs "invalid" $issued }}
{{- $issued = .Capabilities.APIVersions.Has "cert-manager.io/v1/Certificate" }}
{{- end }}
{{- if $issued }}
# spec.tls.certManager: Certificates of peers.
- apiGroups: [cert-manager.io]
  resources: [certificates]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch, patch, delete]
# list: why a StatefulSet could not make a pod.
- apiGroups: [""]
  resources: [events]
  verbs: [list, create, patch]
{{- end -}}

{{/* A regular expression (RE2) of a list of patterns as a shell's, for texts in lower case. */}}
{{- define "eurekube.anyOf" -}}
{{- $found := list -}}
{{- range . -}}
{{- $found = append $found (regexQuoteMeta . | replace "\\*" ".*" | replace "\\?" "." | lower) -}}
{{- end -}}
^({{ join "|" $found }})$
{{- end -}}
