"""Images of charts: what a real Helm renders, what it may use, and what is known without it."""

from __future__ import annotations

import io
import platform
import subprocess
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.bundle.build.resolve import releases
from edgeboot.bundle.build.spec import load
from edgeboot.bundle.charts import discover, package
from edgeboot.bundle.charts.helm import Helm, find
from edgeboot.bundle.store.blobs import Store
from edgeboot.cli.bundle.build import bundle
from edgeboot.errors import BadInput, StepFailed
from edgeboot.platform import arch_of_machine
from tests.integration.bundle import gotools
from tests.integration.bundle import real_shaped_charts as shapes
from tests.support.bundle import fakes

pytestmark = pytest.mark.integration

POD = (
    "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n    image: "
)
LONG = "very-long-directory-name/" * 3 + "_prometheus-operator-webhook-helper.tpl"


@pytest.fixture(scope="session")
def helm() -> Helm:
    return Helm(str(gotools.helm()), "v1.36.2")


def one(template: str, **more: str) -> dict[str, str]:
    """A chart with one template; ``more`` are other files, ``_`` standing for a dot."""
    files = {name.replace("_", "."): text for name, text in more.items()}
    return {"Chart.yaml": shapes.chart_yaml("odd"), "templates/a.yaml": template, **files}


def rendered(helm: Helm, files: dict[str, str], directory: Path, values: str = "") -> object:
    path = directory / "chart.tgz"
    path.write_bytes(shapes.packed("odd", files))
    return discover.from_rendered(helm.template(path, "site", "site", values or None))


@pytest.mark.parametrize("shape", shapes.SHAPES, ids=lambda s: s.name)
def test_charts_like_those_in_the_wild(helm: Helm, shape: shapes.Shape, tmp_path: Path) -> None:
    path = tmp_path / "chart.tgz"
    path.write_bytes(shape.packed())
    found = discover.from_rendered(helm.template(path, "site", "site", shape.values or None))
    assert set(found.images) == shape.images
    assert not found.unresolved


ODD = {
    "a plain = in the output": (
        one(f"{POD}q.io/x/y:1\n---\nkind: ConfigMap\nmetadata: {{name: x}}\nop: =\n"),
        "q.io/x/y:1",
    ),
    "a field after a parenthesis is another argument": (
        one(
            POD + '"{{ .Values.image.repository }}:'
            '{{ default (printf "v%s" .Chart.AppVersion) .Values.image.tag }}"\n',
            values_yaml="image: {repository: q.io/x/y, tag: ''}\n",
        ),
        "q.io/x/y:v4.2",
    ),
    "merge and toYaml": (
        one(
            "{{- $m := merge (dict) .Values.a .Values.b }}\n"
            + POD
            + 'q.io/x/y:1\n    env: {{ toYaml (dict "x" $m) | nindent 10 }}\n',
            values_yaml="a: {k: 1}\nb: {l: 2}\n",
        ),
        "q.io/x/y:1",
    ),
    "a named template in quotes": (
        {
            **one(
                POD + '"{{ template "img" (tuple .Values.image "z") }}"\n',
                values_yaml="image: {name: ctl, tag: v1}\n",
            ),
            "templates/_h.tpl": '{{- define "img" -}}\n{{- $image := index . 0 -}}\n'
            '{{- $r := printf "q.io/%s" $image.name -}}\n{{- $r -}}\n'
            "{{- if and $image.tag $image.digest -}}\n"
            '    {{- printf ":%s@%s" $image.tag $image.digest -}}\n'
            '{{- else if $image.tag -}}\n    {{- printf ":%s" $image.tag -}}\n{{- end -}}\n'
            "{{- end }}\n",
        },
        "q.io/ctl:v1",
    ),
    "on a line of its own": (one(f"{POD}>-\n      q.io/x/y:1\n"), "q.io/x/y:1"),
    "in parts, for an operator": (
        one(
            "kind: Thing\nmetadata: {name: a}\nspec:\n"
            "  image: {registry: q.io, repository: x/y, tag: 1.10, pullPolicy: Always}\n"
        ),
        "q.io/x/y:1.10",
    ),
}


@pytest.mark.parametrize(("files", "image"), ODD.values(), ids=ODD)
def test_odd_charts(helm: Helm, files: dict[str, str], image: str, tmp_path: Path) -> None:
    found = rendered(helm, files, tmp_path)
    assert isinstance(found, discover.Discovery)
    assert (found.images, found.unresolved) == ((image,), ())


def test_an_image_that_is_none_is_told(helm: Helm, tmp_path: Path) -> None:
    found = rendered(helm, one(f"{POD}''\n"), tmp_path)
    assert isinstance(found, discover.Discovery)
    assert found.unresolved == ("Pod/a: invalid image ''",)


@pytest.mark.parametrize("name", [f"templates/{LONG}", "templates/caf\u00e9.tpl", "n" * 300])
def test_helm_reads_long_and_foreign_names(helm: Helm, tmp_path: Path, name: str) -> None:
    """Of a directory that edgeboot packs; other tools read the archive as well."""
    top = tmp_path / "odd"
    top.mkdir()
    for below, text in one(f"{POD}q.io/x/y:1\n").items():
        (top / below).parent.mkdir(exist_ok=True)
        (top / below).write_text(text)
    files = {**package.read(top, "it"), name: b'{{- define "x" }}{{ end }}'}
    path = tmp_path / "odd.tgz"
    path.write_bytes(b"".join(package.pack("odd", files)))
    documents = helm.template(path, "site", "site", None)
    assert discover.from_rendered(documents).images == ("q.io/x/y:1",)
    assert package.read(path, "it") == files
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as tar:
        assert f"odd/{name}" in tar.getnames()


HOSTILE = {
    "memory": (
        '{{- $x := "aaaa" }}{{ range until 40 }}{{ $x = print $x $x }}{{ end }}',
        r"used more than 768 MiB of memory",
    ),
    "time": (
        "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}",
        r"took longer than 3 s|was killed: it used more than 3 s",
    ),
    "output": (
        '{{ range until 40000 }}a{{ . }}: {{ repeat 1000 "x" }}\n{{ end }}',
        r"printed more than 32 MiB|used more than 768 MiB",
    ),
    "recursion": ('{{ define "a" }}{{ include "a" . }}{{ end }}{{ include "a" . }}', r"failed: "),
    "depth": ("a: " + "[" * 50_000, r"failed: "),
}


@pytest.mark.parametrize(("template", "told"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_chart_ends(helm: Helm, template: str, told: str, tmp_path: Path) -> None:
    bounded = Helm(helm.program, helm.kube_version, 3 if "took" in told else 60)
    with pytest.raises(StepFailed, match=rf"^helm template site {told}"):
        rendered(bounded, one(template), tmp_path)


def test_a_name_is_not_looked_up(helm: Helm, tmp_path: Path) -> None:
    found = rendered(helm, one(f'{POD}q.io/x/y:a{{{{ getHostByName "localhost" }}}}\n'), tmp_path)
    assert isinstance(found, discover.Discovery)
    assert found.images == ("q.io/x/y:a",)


def test_helms_own_words_are_told(helm: Helm, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=r"helm template site failed: .*no such luck"):
        rendered(helm, one('{{ fail "no such luck" }}'), tmp_path)
    with pytest.raises(BadInput, match="program /gone not found"):
        find("/gone")


def test_helm_gets_nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings nor credentials: an environment of its own."""
    fake = tmp_path / "helm"
    fake.write_text('#!/bin/sh\nenv | sort >&2\necho "$@" >&2\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setenv("EDGEBOOT_TEST_SECRET", "x")
    monkeypatch.setenv("HELM_PLUGINS", str(tmp_path))
    monkeypatch.setattr("edgeboot.bundle.charts.helm._WORDS_MAX", 5000)
    with pytest.raises(StepFailed) as caught:
        Helm(str(fake), "v1.36.2").template(fake, "a", "b", None)
    words = str(caught.value)
    assert "EDGEBOOT_TEST_SECRET" not in words
    assert f"HELM_PLUGINS={tmp_path}" not in words
    assert "KUBECONFIG=/dev/null" in words
    assert "HELM_NO_PLUGINS=1" in words
    assert "--kube-version v1.36.2" in words


def test_a_pinned_helm_is_taken_out_of_its_archive_and_asked(tmp_path: Path) -> None:
    """A real helm, in an archive as Helm publishes it."""
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
        shapes.packed("odd", one(POD + '{{ "YS9iOjE=" | b64dec }}\n'))
    )
    (release,) = releases(
        load(
            site_with_a_chart(
                tmp_path, f"helm: {{version: {gotools.HELM_VERSION}, source: helm}}\n"
            )
        ),
        store=fakes.store(tmp_path),
    )
    (found,) = release.discovery.found
    assert (found.image, found.how) == ("docker.io/a/b:1", "helm template")
    assert not release.discovery.unresolved


def site_with_a_chart(directory: Path, more: str = "") -> Path:
    return fakes.spec_file(directory, f"name: a\ncharts: [{{path: odd.tgz}}]\n{more}")


def declared(*subcharts: dict[str, str]) -> dict[str, str]:
    """A chart that declares its images in both ways, with subcharts."""
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
    for number, inner in enumerate(subcharts):
        files |= shapes.inside(f"sub{number}", inner)
    return files


@pytest.mark.parametrize(
    ("files", "images", "unresolved"),
    [
        (declared(), ("quay.io/a/a:1", "quay.io/b/b:1.10"), ()),
        (declared(one("a: 1\n")), ("quay.io/a/a:1", "quay.io/b/b:1.10"), ()),
        (one("a: 1\n"), (), ("it",)),
        (
            one("a: 1\n") | shapes.inside("d", declared()),
            ("quay.io/a/a:1", "quay.io/b/b:1.10"),
            ("it",),
        ),
        (
            {"Chart.yaml": shapes.chart_yaml("umbrella")} | shapes.inside("odd", one("a: 1\n")),
            (),
            ("it: charts/odd",),
        ),
        ({"Chart.yaml": shapes.chart_yaml("lib", "type: library"), "templates/a.yaml": ""}, (), ()),
        ({"Chart.yaml": shapes.chart_yaml("none"), "templates/_a.tpl": ""}, (), ()),
    ],
)
def test_without_helm_what_a_chart_declares_counts(
    files: dict[str, str], images: tuple[str, ...], unresolved: tuple[str, ...]
) -> None:
    read = package.unpack(shapes.packed("a", files), "it")
    found = discover.from_declarations(read, "it")
    assert found.images == images
    assert found.unresolved == tuple(f"{what}: {discover.NOT_RENDERED}" for what in unresolved)


def test_without_helm_the_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "odd.tgz").write_bytes(shapes.packed("odd", one(f"{POD}q.io/x/y:1\n")))
    run = CliRunner().invoke
    said = run(bundle, ["images", "-f", str(site_with_a_chart(tmp_path))])
    assert (said.exit_code, said.stdout) == (0, "")
    assert "warning: no helm found to render charts" in said.stderr
    assert f"odd: odd: {discover.NOT_RENDERED}" in said.stderr
    strict = run(bundle, ["images", "-f", str(site_with_a_chart(tmp_path, "strict: true\n"))])
    assert isinstance(strict.exception, BadInput)


def test_aliases_in_what_helm_printed_are_followed_once() -> None:
    """Thirty levels of ten aliases each would be visited 10^30 times."""
    node: object = {"image": "q.io/x/y:1"}
    for _ in range(30):
        node = [node] * 10
    loop: list[object] = []
    loop.append(loop)
    document = {"kind": "Pod", "metadata": {"name": "a"}, "spec": node, "loop": loop}
    assert discover.from_rendered([document]).images == ("q.io/x/y:1",)


def test_a_helm_on_the_path_needs_no_pin(
    helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(helm.program).parent}:/usr/bin:/bin")
    (tmp_path / "odd.tgz").write_bytes(shapes.packed("odd", one(f"{POD}q.io/x/y:1\n")))
    store: Store = fakes.store(tmp_path)
    (release,) = releases(load(site_with_a_chart(tmp_path)), store=store)
    assert release.discovery.images == ("q.io/x/y:1",)
