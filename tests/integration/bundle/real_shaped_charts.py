"""Charts shaped like those in the wild, and the images that Helm gives for them."""

from __future__ import annotations

import gzip
from dataclasses import dataclass

from tests.support.bundle import fakes

_POD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {name}\nspec:\n  containers:\n"

_HELPERS = """\
{{/* As `helm create` and the common libraries write it */}}
{{- define "lib.image" -}}
{{- $registryName := .imageRoot.registry -}}
{{- $repositoryName := .imageRoot.repository -}}
{{- $separator := ":" -}}
{{- $termination := .imageRoot.tag | toString -}}
{{- if .global }}
  {{- if .global.imageRegistry }}
    {{- $registryName = .global.imageRegistry -}}
  {{- end -}}
{{- end -}}
{{- if .imageRoot.digest }}
  {{- $separator = "@" -}}
  {{- $termination = .imageRoot.digest | toString -}}
{{- end -}}
{{- if $registryName }}
  {{- printf "%s/%s%s%s" $registryName $repositoryName $separator $termination -}}
{{- else -}}
  {{- printf "%s%s%s" $repositoryName $separator $termination -}}
{{- end -}}
{{- end -}}
"""

_LIBRARY = {
    "Chart.yaml": "apiVersion: v2\nname: lib\nversion: 2.0.0\ntype: library\n",
    "templates/_images.tpl": _HELPERS,
}

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "web.fullname" . }}
  labels:
    {{- include "web.labels" . | nindent 4 }}
spec:
  {{- if not .Values.autoscaling.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      initContainers:
        - name: wait
          image: "{{ .Values.wait.image }}"
        {{- range $name, $it := .Values.extraInit }}
        - name: {{ $name }}
          image: {{ $it.image | quote }}
        {{- end }}
      containers:
        - name: {{ .Chart.Name }}
          image: "{{ .Values.image.repository }}:
{{- .Values.image.tag | default .Chart.AppVersion }}"
        {{- if .Values.metrics.enabled }}
        - name: metrics
          image: {{ .Values.metrics.image.repository }}:{{ .Values.metrics.image.tag }}
        {{- end }}
        {{- with .Values.sidecars }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
"""

_WEB_HELPERS = """\
{{- define "web.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}
{{- define "web.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
{{- if .Chart.AppVersion }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
{{- end }}
"""

_CRON = """\
{{- if .Values.backup.enabled -}}
{{- $image := .Values.backup.image }}
apiVersion: batch/v1
kind: CronJob
metadata: {name: backup}
spec:
  schedule: "@daily"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          initContainers:
          - image: {{ printf "%s/%s:%v" $image.registry $image.repository $image.tag }}
            name: prepare
          containers:
          - name: backup
            image: {{ $image.registry }}/{{ $image.repository }}@{{ $image.digest }}
{{- end }}
"""

_CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  names: {kind: Thing, plural: things}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          image:
            type: string
            default: example.com/not/deployed:1
"""

_OPERATOR = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: operator}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers:
      - name: operator
        {{- if .Values.image.sha }}
        image: "{{ .Values.image.repository }}@sha256:{{ .Values.image.sha }}"
        {{- else }}
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
        {{- end }}
        args:
        - --config-reloader-image={{ .Values.reloader.repository }}:{{ .Values.reloader.tag }}
---
apiVersion: example.com/v1
kind: Thing
metadata: {name: thing}
spec:
  image: {{ tpl .Values.thing.image . }}
"""

_TEST = """\
apiVersion: v1
kind: Pod
metadata:
  name: test
  annotations:
    "helm.sh/hook": test
spec:
  containers:
  - {name: wget, image: "registry.example/only/a-test:1"}
"""

DIGEST = "sha256:" + "ab" * 32


@dataclass(frozen=True)
class Shape:
    """A chart, values to install it with, and the images Helm gives."""

    name: str
    files: dict[str, str]
    images: frozenset[str]
    values: str = ""

    def packed(self) -> bytes:
        return packed(self.name, self.files)


def packed(name: str, files: dict[str, str]) -> bytes:
    return gzip.compress(
        fakes.tar_of({f"{name}/{path}": text.encode() for path, text in files.items()}), mtime=0
    )


def inside(name: str, files: dict[str, str]) -> dict[str, str]:
    """A chart's files as they lie in another chart."""
    return {f"charts/{name}/{path}": text for path, text in files.items()}


def chart_yaml(name: str, *more: str) -> str:
    head = f"apiVersion: v2\nname: {name}\nversion: 1.0.0\nappVersion: '4.2'\n"
    return head + "".join(f"{line}\n" for line in more)


_WEB = {
    "Chart.yaml": chart_yaml("web"),
    "values.yaml": (
        "replicaCount: 1\nautoscaling: {enabled: false}\nimagePullSecrets: []\n"
        "image: {repository: registry.example/web, tag: ''}\n"
        "wait: {image: busybox}\nextraInit: {}\nsidecars: []\n"
        "metrics: {enabled: false, image: {repository: registry.example/metrics, tag: v1}}\n"
    ),
    "templates/_helpers.tpl": _WEB_HELPERS,
    "templates/deployment.yaml": _DEPLOYMENT,
    "templates/tests/test.yaml": _TEST,
    "templates/NOTES.txt": "image: registry.example/only/notes:1\n",
}

_DATABASE = {
    "Chart.yaml": chart_yaml(
        "database", "dependencies: [{name: lib, version: 2.x, repository: ''}]"
    ),
    "values.yaml": (
        "image: {registry: docker.io, repository: example/db, tag: '16.1'}\n"
        "exporter:\n  enabled: true\n"
        "  image: {registry: docker.io, repository: example/db-exporter, tag: 1.0.0, digest: ''}\n"
    ),
    "templates/sts.yaml": _POD.format(name="db")
    + "  - name: db\n"
    + '    image: {{ include "database.image" . }}\n'
    + "  {{- if .Values.exporter.enabled }}\n  - name: exporter\n"
    + '    image: {{ include "lib.image" (dict "imageRoot" .Values.exporter.image "global" '
    + ".Values.global) }}\n  {{- end }}\n",
    "templates/_helpers.tpl": '{{- define "database.image" -}}\n{{- include "lib.image" '
    '(dict "imageRoot" .Values.image "global" .Values.global) -}}\n{{- end -}}\n',
    **inside("lib", _LIBRARY),
}

SHAPES = (
    Shape(
        "web",
        _WEB,
        frozenset(
            {
                "registry.example/web:4.2",
                "docker.io/library/busybox:latest",
                "registry.example/side:1",
                "registry.example/early:2",
            }
        ),
        "sidecars:\n- name: s\n  image: registry.example/side:1\n"
        "extraInit: {early: {image: 'registry.example/early:2'}}\n",
    ),
    Shape(
        "globals",
        {
            "Chart.yaml": chart_yaml(
                "globals",
                "dependencies:",
                "- {name: database, version: 1.x, repository: '', alias: main}",
                "- {name: database, version: 1.x, repository: '', alias: spare, "
                "condition: spare.enabled}",
            ),
            "values.yaml": (
                "global: {imageRegistry: ''}\n"
                "main: {image: {tag: '17.0'}}\nspare: {enabled: false, image: {tag: '15.0'}}\n"
            ),
            **inside("database", _DATABASE),
        },
        frozenset(
            {
                "mirror.example:5000/example/db:17.0",
                f"mirror.example:5000/example/db-exporter@{DIGEST}",
            }
        ),
        "global: {imageRegistry: 'mirror.example:5000'}\n"
        f"main: {{exporter: {{image: {{digest: '{DIGEST}'}}}}}}\n",
    ),
    Shape(
        "cron",
        {
            "Chart.yaml": chart_yaml("cron"),
            "values.yaml": (
                "backup:\n  enabled: true\n"
                f"  image: {{registry: quay.io, repository: a/b, tag: 1.21, digest: '{DIGEST}'}}\n"
            ),
            "templates/cron.yaml": _CRON,
        },
        frozenset({"quay.io/a/b:1.21", f"quay.io/a/b@{DIGEST}"}),
    ),
    Shape(
        "operator",
        {
            "Chart.yaml": chart_yaml("operator"),
            "values.yaml": (
                "image: {repository: quay.io/x/operator, tag: v0.9.0, sha: ''}\n"
                "reloader: {repository: quay.io/x/reloader, tag: v0.9.0}\n"
                "flavour: full\n"
                "thing: {image: 'quay.io/x/thing:{{ .Chart.AppVersion }}-{{ .Values.flavour }}'}\n"
            ),
            "crds/things.yaml": _CRD,
            "templates/operator.yaml": _OPERATOR,
        },
        frozenset(
            {"quay.io/x/operator:v0.9.0", "quay.io/x/reloader:v0.9.0", "quay.io/x/thing:4.2-full"}
        ),
    ),
    Shape(
        "umbrella",
        {
            "Chart.yaml": chart_yaml(
                "umbrella",
                "dependencies:",
                "- {name: web, version: '*', repository: '', tags: [front]}",
                "- {name: cron, version: '*', repository: '', tags: [back], condition: jobs.run}",
                "- {name: database, version: '*', repository: '', condition: db.used}",
            ),
            "values.yaml": (
                "tags: {front: true, back: false}\njobs: {run: true}\ndb: {used: false}\n"
                "web: {metrics: {enabled: true}, fullnameOverride: front}\n"
                "cron: {backup: {image: {tag: null}}}\n"
                "agents:\n- {image: 'registry.example/agent', version: 3}\n"
                "- {image: 'registry.example/agent', version: 4}\n"
            ),
            "templates/agents.yaml": "{{- range .Values.agents }}\n---\n"
            + _POD.format(name="agent-{{ .version }}")
            + '  - {name: a, image: "{{ .image }}:{{ .version }}"}\n{{- end }}\n',
            "templates/literal.yaml": _POD.format(name="literal")
            + "  - name: l\n    image: 'ghcr.io/a/literal:1' # pinned\n",
            **inside("web", _WEB),
            **inside(
                "cron",
                {
                    "Chart.yaml": chart_yaml("cron"),
                    "values.yaml": (
                        "backup:\n  enabled: true\n  image: {registry: quay.io, "
                        f"repository: c/d, tag: v1, digest: '{DIGEST}'}}\n"
                    ),
                    "templates/cron.yaml": _CRON.replace(":%v", "").replace(" $image.tag", ""),
                },
            ),
            **inside("database", _DATABASE),
        },
        frozenset(
            {
                "registry.example/web:4.2",
                "docker.io/library/busybox:latest",
                "registry.example/metrics:v1",
                "quay.io/c/d:latest",
                f"quay.io/c/d@{DIGEST}",
                "registry.example/agent:3",
                "registry.example/agent:4",
                "ghcr.io/a/literal:1",
            }
        ),
    ),
)
