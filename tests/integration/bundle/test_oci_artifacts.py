"""Bundles, charts and the charts' images in Debian's docker-registry; skopeo, crane, helm agree."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.build.lock import Lock
from edgeboot.bundle.build.resolve import resolve
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Role
from edgeboot.bundle.format.encoding import all_blobs, encode
from edgeboot.bundle.oci.reference import parse
from edgeboot.bundle.registry import artifact
from edgeboot.bundle.registry.client import Registry
from edgeboot.bundle.registry.hosts import RegistrySettings
from edgeboot.cli.main import cli
from edgeboot.errors import BadInput, Refused
from edgeboot.platform import ARCHES
from tests.integration.bundle import gotools
from tests.integration.bundle import real_shaped_charts as shapes
from tests.support.bundle import fakes
from tests.support.bundle.containerd import need
from tests.support.bundle.registries import Issuer, docker_registry, front

pytestmark = pytest.mark.integration
EXAMPLES = Path(__file__).parents[3] / "bundles"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A docker-registry of the module's own: ``127.0.0.1:PORT``."""
    need("docker-registry", "skopeo")
    with docker_registry(tmp_path_factory.mktemp("docker-registry")) as host:
        yield host


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("NETRC", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def run(*words: str | Path) -> str:
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_pulled_bundle_is_the_pushed_one_byte_for_byte(
    registry: str, bundle_file: Path, tmp_path: Path
) -> None:
    reference = parse(f"{registry}/site/edge:1")
    beside = artifact.signature_beside(bundle_file)
    beside.write_text("signature\n")
    try:
        digest, sent = artifact.push(bundle_file, reference, Registry())
        assert artifact.push(bundle_file, reference, Registry()) == (digest, 0)
    finally:
        beside.unlink()
    assert sent > 0
    manifest = json.loads(Registry().manifest(reference).data)
    assert manifest["artifactType"] == "application/vnd.edgeboot.bundle.v1"
    assert {layer["mediaType"] for layer in manifest["layers"]} == {  # published: never change
        "application/vnd.edgeboot.bundle.contents.v1+json",
        "application/vnd.edgeboot.bundle.blob.v1",
        "application/vnd.edgeboot.bundle.minisig.v1",
    }
    out = tmp_path / "out.bundle"
    assert artifact.pull(reference, out, Registry(), fakes.store(tmp_path)) == digest
    assert out.read_bytes() == bundle_file.read_bytes()
    assert artifact.signature_beside(out).read_text() == "signature\n"


@pytest.mark.parametrize("repository", ["org/tags/app", "org/manifests/app", "blobs/uploads"])
def test_a_token_is_for_the_whole_name_of_the_repository(
    repository: str, bundle_file: Path, tmp_path: Path
) -> None:
    """A docker-registry that takes signed tokens checks the name that each one was issued for."""
    need("docker-registry")
    with front() as tokens:
        issuer = Issuer(f"http://{tokens.host}/token")
        tokens.rules.append(issuer.answer)
        with docker_registry(tmp_path / "registry", issuer=issuer) as host:
            reference, out = parse(f"{host}/{repository}:1"), tmp_path / "out.bundle"
            artifact.push(bundle_file, reference, Registry())
            artifact.pull(reference, out, Registry(), fakes.store(tmp_path))
            assert Registry().tags(reference) == ("1",)
    assert out.read_bytes() == bundle_file.read_bytes()
    wanted = {f"repository:{repository}:{actions}" for actions in ("pull", "pull,push")}
    assert set(issuer.scopes) == wanted


def test_skopeo_and_crane_see_every_blob(registry: str, bundle_file: Path, tmp_path: Path) -> None:
    name = f"{registry}/site/referees:1"
    artifact.push(bundle_file, parse(name), Registry())
    raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}")
    with Bundle.open(bundle_file) as bundle:
        blobs = {f"sha256:{blob.sha256}": blob.size for blob in all_blobs(bundle.contents)}
    layers = {layer["digest"]: layer["size"] for layer in json.loads(raw)["layers"][1:]}
    assert layers == blobs
    run("skopeo", "copy", "--src-tls-verify=false", f"docker://{name}", f"dir:{tmp_path / 'd'}")
    crane = gotools.go_tool("crane", "github.com/google/go-containerregistry/cmd/crane@v0.20.6")
    assert json.loads(run(crane, "manifest", "--insecure", name)) == json.loads(raw)
    run(crane, "copy", "--insecure", name, f"{registry}/copied/edge:1")
    out = tmp_path / "copied.bundle"
    artifact.pull(parse(f"{registry}/copied/edge:1"), out, Registry(), fakes.store(tmp_path))
    assert out.read_bytes() == bundle_file.read_bytes()


def test_a_second_bundle_sends_only_what_is_new(registry: str, tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64",))
    bundles = []
    for note in ("one", "another"):
        site = tmp_path / note
        text = "name: edge\nk3s: {arches: [amd64]}\nfiles:\n- path: note\n"
        path = fakes.spec_file(site, text)
        (site / "note").write_text(note * 500)
        store = fakes.store(tmp_path)
        bundles.append(build(spec.load(path), site / "x.tar", release=release, store=store))
    reference = parse(f"{registry}/site/twice:1")
    artifact.push(bundles[0], reference, Registry())
    _, sent = artifact.push(bundles[1], reference, Registry())
    with Bundle.open(bundles[1]) as bundle:
        table = len(encode(bundle.contents))
        (bill,) = bundle.contents.of(Role.SBOM)  # tells what is inside, so it is new as well
    assert sent == table + bill.blob.size + len("another" * 500)


def test_a_pull_takes_what_is_at_hand_and_mends_what_is_damaged(
    registry: str, bundle_file: Path, tmp_path: Path
) -> None:
    reference, store = parse(f"{registry}/site/cached:1"), fakes.store(tmp_path)
    artifact.push(bundle_file, reference, Registry())
    out = tmp_path / "out.bundle"
    artifact.pull(reference, out, Registry(), store)
    blobs = sorted(path for path in store.root.iterdir() if path.is_file())
    blobs[0].write_bytes(bytes(blobs[0].stat().st_size))
    blobs[1].unlink()
    notes: list[object] = []
    artifact.pull(reference, out, Registry(), store, notes.append)
    assert "pulling" in str(notes[0])
    assert out.read_bytes() == bundle_file.read_bytes()


def test_what_is_no_bundle_is_refused(registry: str, tmp_path: Path) -> None:
    put_image(registry, "plain/image:1", tmp_path)
    out = tmp_path / "x"
    with pytest.raises(Refused, match="is not a bundle"):
        artifact.pull(parse(f"{registry}/plain/image:1"), out, Registry(), fakes.store(tmp_path))
    with pytest.raises(BadInput, match=r"gone"):
        artifact.pull(parse(f"{registry}/gone:1"), out, Registry(), fakes.store(tmp_path))
    assert not out.exists()


def test_push_and_pull_from_the_command_line(
    registry: str, bundle_file: Path, tmp_path: Path
) -> None:
    name, out = f"{registry}/site/cli:1", tmp_path / "out.tar"
    pushed = CliRunner().invoke(cli, ["bundle", "push", str(bundle_file), name])
    assert pushed.exit_code == 0, pushed.output
    assert "@sha256:" in pushed.output
    pulled = CliRunner().invoke(cli, ["bundle", "pull", name, "--out", str(out)])
    assert pulled.exit_code == 0, pulled.output
    assert out.read_bytes() == bundle_file.read_bytes()


def put_image(registry: str, name: str, directory: Path, *arches: str) -> None:
    layout = fakes.Layout()
    children = [
        layout.manifest([fakes.layer(f"{name}-{a}".replace("/", "-"))], a, ARCHES[a].oci_variant)
        for a in arches or ("amd64",)
    ]
    layout.name(f"{registry}/{name}", layout.index(children) if arches else children[0])
    path = directory / "image.tar"
    path.write_bytes(layout.tar())
    target = f"docker://{registry}/{name}"
    run("skopeo", "copy", "--all", "--dest-tls-verify=false", f"oci-archive:{path}", target)


def site(tmp_path: Path, registry: str, charts: str, more: str = "") -> Path:
    text = f"name: edge\nk3s: {{arches: [amd64]}}\n{more}charts:\n{charts}"
    return fakes.spec_file(tmp_path / "site", text.replace("REGISTRY", registry))


WEB = {
    "Chart.yaml": shapes.chart_yaml("web"),
    "values.yaml": "image: {repository: example/web, tag: '1'}\n",
    "templates/a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n"
    "  - {name: a, image: '{{ .Values.image.repository }}:{{ .Values.image.tag }}'}\n",
}


def test_a_chart_from_a_registry_brings_its_images(registry: str, tmp_path: Path) -> None:
    """``helm push`` puts it there; a range finds it; the lock holds chart and image."""
    helm = gotools.helm()
    for version in ("1.0.0", "1.1.0+site.1", "2.0.0"):
        files = WEB | {"Chart.yaml": WEB["Chart.yaml"].replace("1.0.0", version)}
        (tmp_path / "web.tgz").write_bytes(shapes.packed("web", files))
        run(helm, "push", "--plain-http", tmp_path / "web.tgz", f"oci://{registry}/charts")
    put_image(registry, "apps/web:7", tmp_path)
    release = fakes.release(tmp_path / "release", ("amd64",))
    chart = (
        "- oci: oci://REGISTRY/charts/web\n  version: ^1.0\n  namespace: apps\n"
        "  values: {image: {repository: REGISTRY/apps/web, tag: '7'}}\n"
    )
    wanted, store = spec.load(site(tmp_path, registry, chart)), fakes.store(tmp_path)
    lock = resolve(wanted, store=store, release=release, helm=str(helm))
    path = build(
        wanted, tmp_path / "x.tar", release=release, store=store, lock=lock, helm=str(helm)
    )
    with Bundle.open(path) as bundle:
        bundle.verify()
        (item,) = (i for i in bundle.contents.items if i.name == "web")
        names = {image.name for image in bundle.contents.images}
    assert (item.version, item.namespace) == ("1.1.0+site.1", "apps")
    assert f"{registry}/apps/web:7" in names
    again = fakes.store(tmp_path / "again")
    same = build(
        wanted, tmp_path / "y.tar", release=release, store=again, lock=lock, helm=str(helm)
    )
    assert same.read_bytes() == path.read_bytes()
    moved = Lock({k: v for k, v in lock.pins.items() if k[0] != "chart-images"})
    with pytest.raises(Refused, match="the lock does not have it"):
        build(wanted, tmp_path / "z.tar", release=release, store=store, lock=moved, helm=str(helm))


def test_images_of_charts_are_listed_with_their_reasons(registry: str, tmp_path: Path) -> None:
    odd = WEB | {"templates/b.yaml": "kind: Thing\nspec:\n  image: {{ .Values.none | quote }}\n"}
    odd["values.yaml"] = odd["values.yaml"].replace("example/web", f"{registry}/apps/web")
    put_image(registry, "apps/web:1", tmp_path)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "web.tgz").write_bytes(shapes.packed("web", odd))
    path = site(tmp_path, registry, "- path: web.tgz\n")
    helm = str(gotools.helm())
    words = ["bundle", "images", "-f", str(path), "--why", "--helm", helm]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert f"{registry}/apps/web:1\n    web: helm template, Pod/a\n" in done.output
    assert "not known:" in done.output
    path = site(tmp_path, registry, "- path: web.tgz\n", "strict: true\n")
    refused = CliRunner().invoke(cli, words).exception
    assert isinstance(refused, BadInput)
    release = fakes.release(tmp_path / "release", ("amd64",))
    with pytest.raises(BadInput, match=r"bundle.yml:5: some images of chart web are unknown"):
        build(
            spec.load(path), tmp_path / "x", release=release, store=fakes.store(tmp_path), helm=helm
        )


@pytest.mark.parametrize("name", ["minimal", "edge", "monitoring", "ha-mirror"])
def test_the_examples_build(registry: str, tmp_path: Path, name: str) -> None:
    """Against a fake release, and the test's registry as mirror of those they name."""
    put_image(registry, "prometheus/node-exporter:v1.9.1", tmp_path, *ARCHES)
    put_image(registry, "library/registry:2.8.3", tmp_path, "amd64")
    mirror = (f"http://{registry}",)
    client = Registry([RegistrySettings(host, mirror) for host in ("docker.io", "quay.io")])
    release = fakes.release(tmp_path / "release")
    wanted, store = spec.load(EXAMPLES / f"{name}.yml"), fakes.store(tmp_path)
    path = build(wanted, tmp_path / "x.tar", release=release, store=store, registry=client)
    with Bundle.open(path) as bundle:
        bundle.verify()
        images = {(image.name, image.arch) for image in bundle.contents.images}
        namespaces = {item.namespace for item in bundle.contents.items if item.values}
    exporter = {("quay.io/prometheus/node-exporter:v1.9.1", arch) for arch in ARCHES}
    assert (exporter <= images) == (name == "monitoring")
    assert namespaces == ({"monitoring"} if name == "monitoring" else set())
    assert (("docker.io/library/registry:2.8.3", "amd64") in images) == (name == "ha-mirror")
