"""Images of charts: what edgeboot finds by itself against what Helm renders."""

from __future__ import annotations

import os
import platform
import subprocess
import tarfile
from pathlib import Path

import pytest

from edgeboot.bundle.build.resolve import releases
from edgeboot.bundle.build.spec import load
from edgeboot.bundle.charts import discover, package
from edgeboot.bundle.charts.helm import Helm, find
from edgeboot.bundle.charts.values import scope_of
from edgeboot.errors import BadInput, StepFailed
from edgeboot.platform import arch_of_machine
from tests.integration.bundle import gotools
from tests.integration.bundle import real_shaped_charts as shapes
from tests.support.bundle import fakes

pytestmark = pytest.mark.integration
RELEASE = {"Name": "site", "Namespace": "site", "Service": "Helm"}


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm(str(gotools.helm()), "v1.36.2")


def statically(shape: shapes.Shape) -> discover.Discovery:
    files = package.unpack(shape.packed(), shape.name)
    return discover.from_chart(scope_of(files, shape.values, shape.name), RELEASE)


def by_helm(helm: Helm, shape: shapes.Shape, directory: Path) -> discover.Discovery:
    path = directory / "chart.tgz"
    path.write_bytes(shape.packed())
    return discover.from_rendered(helm.template(path, "site", "site", shape.values or None))


@pytest.mark.parametrize("shape", shapes.SHAPES, ids=lambda s: s.name)
def test_helm_is_the_truth(helm: Helm, shape: shapes.Shape, tmp_path: Path) -> None:
    found = by_helm(helm, shape, tmp_path)
    assert set(found.images) == shape.images
    assert not found.unresolved


@pytest.mark.parametrize("shape", shapes.SHAPES, ids=lambda s: s.name)
def test_without_helm_the_same_images_are_found(shape: shapes.Shape) -> None:
    found = statically(shape)
    assert set(found.images) == shape.images, found
    assert not found.unresolved


def test_what_only_helm_could_tell_is_said(helm: Helm, tmp_path: Path) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n"
    files = {
        "Chart.yaml": shapes.chart_yaml("odd"),
        "values.yaml": "b: {repository: registry.example/b, tag: '1'}\nunused: "
        "{image: {repository: registry.example/never, tag: '1'}}\n",
        "templates/a.yaml": f'{pod}  - name: a\n    image: {{{{ "YS9iOjE=" | b64dec }}}}\n',
        "templates/b.yaml": pod.replace("{name: a}", "{name: b}")
        + "  - name: b\n    image: {{ mustRegexReplaceAll `x` .Values.b.repository `x` }}:"
        "{{ .Values.b.tag }}\n",
    }
    shape = shapes.Shape("odd", files, frozenset())
    assert set(by_helm(helm, shape, tmp_path).images) == {
        "docker.io/a/b:1",
        "registry.example/b:1",
    }
    found = statically(shape)
    assert found.images == ("registry.example/b:1",)  # from values that a template reads
    assert found.found[0].how == "values"
    assert len(found.unresolved) == 1
    assert "templates/a.yaml" in found.unresolved[0]


def test_what_a_chart_declares_counts() -> None:
    files = {
        "Chart.yaml": shapes.chart_yaml(
            "declares",
            "annotations:",
            "  artifacthub.io/images: |",
            "    - {name: a, image: quay.io/a/a:1}",
        ),
        "Images.lock": "kind: ImagesLock\nimages:\n- {name: b, image: 'quay.io/b/b:1.10'}\n",
        "templates/a.yaml": 'image: {{ "YS9iOjE=" | b64dec }}\n',
    }
    found = statically(shapes.Shape("declares", files, frozenset()))
    assert found.images == ("quay.io/a/a:1", "quay.io/b/b:1.10")
    assert not found.unresolved


@pytest.mark.parametrize(
    "text",
    [
        '{{ define "a" }}{{ include "a" . }}{{ end }}image: {{ include "a" . }}',
        "image: {{ tpl .Values.loop . }}",
        "{{ if }}",
        "{{ else }}",
        "image: {{ | }} {{ ( }}",
        "{{ range .Values.x }}",
        "{{ " + '"' * 2001,
        "{{ " * 20_000,
        "{{ " + "(" * 2000,
        "{{ " + "(" * 2000 + ")" * 2000 + " }}",
        "{{ if .a }}" * 1500 + "{{ end }}" * 1500,
        "image: {{ printf `%999999999s` `x` }} {{ indent 999999999 `x` }} {{ indent `x` }}",
        '{{ define "d" }}{{ $x := print . . }}{{ include "d" $x }}{{ end }}{{ include "d" "aa" }}',
    ],
)
def test_templates_that_make_no_sense_end(text: str) -> None:
    files = {
        "Chart.yaml": shapes.chart_yaml("bad"),
        "values.yaml": "loop: '{{ tpl .Values.loop . }}'\n",
        "templates/a.yaml": text,
    }
    assert not statically(shapes.Shape("bad", files, frozenset())).images


def test_helms_own_words_are_told(helm: Helm, tmp_path: Path) -> None:
    shape = shapes.Shape(
        "bad",
        {"Chart.yaml": shapes.chart_yaml("bad"), "templates/a.yaml": '{{ fail "no" }}'},
        frozenset(),
    )
    with pytest.raises(StepFailed, match=r"helm template site: .*no"):
        by_helm(helm, shape, tmp_path)
    with pytest.raises(BadInput, match="there is no program /gone"):
        find("/gone")


def test_helm_gets_nothing_of_the_users(tmp_path: Path) -> None:
    """Neither settings nor credentials: an environment of its own."""
    fake = tmp_path / "helm"
    fake.write_text('#!/bin/sh\nenv >&2\necho "$@" >&2\nexit 1\n')
    fake.chmod(0o755)
    os.environ["EDGEBOOT_TEST_SECRET"] = "x"
    try:
        with pytest.raises(StepFailed) as caught:
            Helm(str(fake), "v1.36.2").template(fake, "a", "b", None)
    finally:
        del os.environ["EDGEBOOT_TEST_SECRET"]
    assert "EDGEBOOT_TEST_SECRET" not in str(caught.value)
    assert "--kube-version v1.36.2" in str(caught.value)


def test_a_pinned_helm_is_taken_out_of_its_archive_and_asked(tmp_path: Path) -> None:
    """A real helm, in an archive as Helm publishes it; the chart tells its image to nobody else."""
    arch = arch_of_machine(platform.machine())
    assert arch is not None
    (tmp_path / "helm").mkdir()
    name = f"helm-{gotools.HELM_VERSION}-linux-{arch.name}.tar.gz"
    archive = tmp_path / "helm" / name
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(gotools.helm(), f"linux-{arch.name}/helm")
    sums = subprocess.run(
        ["sha256sum", name], cwd=archive.parent, capture_output=True, text=True, check=True
    )
    (archive.parent / f"{name}.sha256sum").write_text(sums.stdout)
    (tmp_path / "odd.tgz").write_bytes(
        shapes.packed(
            "odd",
            {
                "Chart.yaml": shapes.chart_yaml("odd"),
                "templates/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
                '  containers: [{name: a, image: {{ "YS9iOjE=" | b64dec }}}]\n',
            },
        )
    )
    charts = "charts: [{path: odd.tgz}]\n"
    pinned = f"helm: {{version: {gotools.HELM_VERSION}, source: helm}}\n"
    store = fakes.store(tmp_path)
    (release,) = releases(
        load(fakes.spec_file(tmp_path, f"name: a\n{charts}{pinned}")), store=store
    )
    (found,) = release.discovery.found
    assert (found.image, found.how) == ("docker.io/a/b:1", "helm template")
    assert not release.discovery.unresolved
