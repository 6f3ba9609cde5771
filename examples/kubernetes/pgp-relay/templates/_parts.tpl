{{- /* What several objects share. `part` is relay or web: which of the two the object belongs to. */}}

{{- define "pgp-relay.selector" -}}
app.kubernetes.io/name: pgp-relay
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "pgp-relay.labels" -}}
{{ include "pgp-relay.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pgp-relay.image" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "pgp-relay.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- /* The whole pod: no account of the cluster, never root, the group of the volumes. */}}
{{- define "pgp-relay.pod" -}}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 35 # what is in flight has 25 s
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 990
  runAsGroup: 990
  fsGroup: 990
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- /* A volume for each pod. */}}
{{- define "pgp-relay.claim" -}}
metadata:
  name: state
spec:
  accessModes: [ReadWriteOncePod]
  {{- with .class }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests: {storage: {{ .size }}}
{{- end }}

{{- define "pgp-relay.channel-tls" -}}
certificate: /etc/pgp-relay-secrets/channel/tls.crt
key: /etc/pgp-relay-secrets/channel/tls.key
ca_file: /etc/pgp-relay-secrets/channel/ca.crt
{{- end }}

{{- /* Folder: Secret, for the relay's pods. */}}
{{- define "pgp-relay.secrets" -}}
{{- $secrets := deepCopy .Values.secrets }}
{{- if .Values.web.enabled }}{{ $_ := set $secrets "channel" .Values.web.channel.relay }}{{ end }}
{{- toYaml $secrets }}
{{- end }}

{{- /* The relay's configuration: the site's, and what follows from the pod. */}}
{{- define "pgp-relay.config" -}}
{{- $pod := dict "listen" (list "smtp://0.0.0.0:10025") "keyring" "/var/lib/pgp-relay/keyring" "metrics" "0.0.0.0:9125" }}
{{- if .Values.inbound }}{{ $_ := set $pod "inbound" (dict "listen" (list "lmtp://0.0.0.0:10035")) }}{{ end }}
{{- if .Values.web.enabled }}
{{- $tls := include "pgp-relay.channel-tls" . | fromYaml }}
{{- $_ := set $pod "web" (dict "channel" (printf "%s-web:8443" .Release.Name) "channel_tls" $tls) }}
{{- end }}
{{- toYaml (mergeOverwrite (deepCopy .Values.config) $pod) }}
{{- end }}

{{- /* The public web service's configuration, which holds nothing of the relay's. */}}
{{- define "pgp-relay.web-config" -}}
web:
  public: "0.0.0.0:8080"
  public_database: /var/lib/pgp-relay-web/database/public.db
  channel: "0.0.0.0:8443"
  channel_tls:
    {{- include "pgp-relay.channel-tls" . | nindent 4 }}
  proxies: {{ toJson .Values.web.proxies }}
{{- end }}
