from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.blob import Blob
from edgeboot.bundle.charts import package, vendoring
from edgeboot.bundle.charts.repository import Repositories
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.encoding import all_blobs
from edgeboot.bundle.store.blobs import Store, default_root
from edgeboot.cli.bundle.build import bundle
from edgeboot.errors import BadInput, EdgebootError, Refused, StepFailed
from tests.support.bundle import fakes
from tests.support.bundle.sites import write_site


def collect(path: Path, store: Store) -> vendoring.Chart:
    return vendoring.complete(path, store, Repositories(store))


CHART = "apiVersion: v2\nname: hello  # mine\nversion: '0.1.0+1'\ndescription: long\n  text\n"


def chart_at(directory: Path, text: str = CHART) -> Path:
    (directory / "templates").mkdir(parents=True)
    (directory / "Chart.yaml").write_text(text)
    (directory / "templates" / "a.yaml").write_text("kind: Pod\n")
    (directory / ".helmignore").write_text("x\n")
    return directory


def test_a_chart_directory_is_packed_the_same_way_each_time(tmp_path: Path) -> None:
    store = fakes.store(tmp_path)
    first = collect(chart_at(tmp_path / "a"), store)
    other = chart_at(tmp_path / "b")
    os.utime(other / "Chart.yaml", (1, 1))
    (other / "Chart.yaml").chmod(0o600)
    assert collect(other, store) == first
    assert (first.name, first.version) == ("hello", "0.1.0+1")
    data = b"".join(store.source(first.blob).open())
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = ["hello/.helmignore", "hello/Chart.yaml", "hello/templates/a.yaml"]
        assert tar.getnames() == names


def test_what_helmignore_names_does_not_travel(tmp_path: Path) -> None:
    """Helm itself is the referee in tests/integration/bundle/test_chart_repositories.py."""
    chart = chart_at(tmp_path / "a")
    (chart / ".helmignore").write_text("# mine\n\n*.swp\n.git/\n/notes\ndocs/[a-c]?.md\n")
    for name in (".git/config", "notes", "templates/notes", "docs/a1.md", "docs/d1.md", "b.swp"):
        (chart / name).parent.mkdir(exist_ok=True)
        (chart / name).write_text("x\n")
    (chart / ".git" / "link").symlink_to("/etc/passwd")
    (chart / "templates" / ".hidden").write_text("x\n")
    files = {"Chart.yaml", ".helmignore", "docs/d1.md", "templates/a.yaml", "templates/notes"}
    assert set(package.read(chart, "it")) == files


@pytest.mark.parametrize("line", ["a/**/b", "[a", "[]", "[z-a]", "a\\", "[-a]"])
def test_a_helmignore_that_makes_no_sense_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    chart = chart_at(tmp_path / "a")
    (chart / ".helmignore").write_text(f"x\n{line}\n")
    with pytest.raises(BadInput, match=r"\.helmignore:2: "):
        package.read(chart, "it")


def test_a_packed_chart_travels_as_it_is(tmp_path: Path) -> None:
    data = gzip.compress(
        fakes.tar_of({"hello/Chart.yaml": CHART.encode(), "hello/charts/b/Chart.yaml": b""})
    )
    (tmp_path / "hello.tgz").write_bytes(data)
    chart = collect(tmp_path / "hello.tgz", fakes.store(tmp_path))
    assert (chart.name, chart.version, chart.blob.sha256) == (
        "hello",
        "0.1.0+1",
        fakes.sha256(data),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name: a\n",
        "name: [a]\nversion: 1.0.0\n",
        "version: 1.0.0\n",
        "name: ../a\nversion: 1.0.0\n",
    ],
)
def test_a_chart_that_cannot_be_named_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"Chart\.yaml: missing or invalid chart"):
        collect(chart_at(tmp_path / "a", text), fakes.store(tmp_path))


def test_what_is_no_chart_is_refused(tmp_path: Path) -> None:
    store = fakes.store(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.tgz").write_bytes(gzip.compress(fakes.tar_of({"a/values.yaml": b""})))
    for path in (tmp_path / "empty", tmp_path / "x.tgz", tmp_path / "gone.tgz"):
        with pytest.raises(BadInput, match=path.name):
            collect(path, store)
    linked = chart_at(tmp_path / "linked")
    (linked / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(BadInput, match="passwd is neither a file nor a directory"):
        collect(linked, store)
    two = fakes.tar_of({"a/Chart.yaml": CHART.encode(), "b/Chart.yaml": CHART.encode()})
    (tmp_path / "two.tgz").write_bytes(two)
    with pytest.raises(Refused, match="two charts"):
        collect(tmp_path / "two.tgz", store)


def test_a_blob_is_trusted_by_its_hash_and_not_by_its_size(tmp_path: Path) -> None:
    store = fakes.store(tmp_path)
    blob = store.add([b"ab", b"c"], what="x")
    assert blob == Blob(fakes.sha256(b"abc"), 3)
    assert store.find(blob.sha256) == blob
    path = store.source(blob).path
    path.write_bytes(b"abd")
    with pytest.raises(StepFailed, match="removed damaged blob"):
        list(store.source(blob).open())
    assert not path.exists()
    path.write_bytes(b"abd")
    assert store.find(blob.sha256) is None
    assert not path.exists()
    with pytest.raises(StepFailed, match="cannot read"):
        list(store.source(blob).open())


def test_a_failed_add_leaves_nothing(tmp_path: Path) -> None:
    store = fakes.store(tmp_path)

    def breaks() -> Iterator[bytes]:
        yield b"x"
        raise BadInput("no more")

    with pytest.raises(BadInput, match="no more"):
        store.add(breaks(), what="x")
    with pytest.raises(Refused, match="x does not have the expected"):
        store.add([b"x"], expected="0" * 64, what="x")
    assert not list(store.root.iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(StepFailed, match="cannot store x"):
        Store(tmp_path / "file" / "below").add([b"x"], what="x")


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert default_root() == Path("/c/edgeboot/blobs/sha256")
    for relative in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", relative)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert default_root() == tmp_path / ".cache/edgeboot/blobs/sha256"


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return CliRunner()


def test_build_inspect_and_verify_from_the_command_line(runner: CliRunner, tmp_path: Path) -> None:
    release = fakes.release(tmp_path / "release", ("amd64", "arm"))
    spec = write_site(tmp_path / "site")
    built = runner.invoke(bundle, ["build", "-f", str(spec), "--k3s-release", str(release)])
    assert built.exit_code == 0, built.output
    assert "edge.tar" in built.output
    shown = runner.invoke(bundle, ["inspect", "edge.tar"]).output
    for part in (
        fakes.VERSION,
        "amd64, arm",
        "hello 0.1.0",
        "note.txt",
        fakes.PAUSE,
        "largest parts",
    ):
        assert part in shown
    told = runner.invoke(bundle, ["inspect", "edge.tar", "--sizes", "--output", "json"]).output
    rows = json.loads(told)
    with Bundle.open(Path("edge.tar")) as opened:
        blobs = all_blobs(opened.contents)
        (note,) = (i for i in opened.contents.items if i.name == "note.txt")
    assert sum(row["size"] for row in rows) == sum(blob.size for blob in blobs)
    assert {"kind": "file", "name": "note.txt", "size": note.blob.size} in rows
    assert [row["size"] for row in rows] == sorted((r["size"] for r in rows), reverse=True)
    (shared,) = (row["size"] for row in rows if row["kind"] == "shared")
    assert shared > 0
    lines = runner.invoke(bundle, ["inspect", "edge.tar", "--sizes"]).output.splitlines()
    assert len(lines) == len(rows)
    as_json = runner.invoke(bundle, ["inspect", "edge.tar", "--output", "json"]).output
    assert json.loads(as_json)["k3s_version"] == fakes.VERSION
    whole = runner.invoke(bundle, ["verify", "edge.tar"])
    assert whole.exit_code == 0
    assert "is intact" in whole.output
    assert "The signature was NOT checked" in whole.output
    assert "edgeboot bundle verify edge.tar --key KEY.pub" in whole.output


def test_verify_of_a_damaged_bundle_is_refused_with_code_5(
    runner: CliRunner, small_bundle: Path, tmp_path: Path
) -> None:
    data = bytearray(small_bundle.read_bytes())
    data[-2000] ^= 1
    (tmp_path / "x.bundle").write_bytes(data)
    error = runner.invoke(bundle, ["verify", "x.bundle"]).exception
    assert isinstance(error, EdgebootError)
    assert error.exit_code == 5
    assert "blobs/sha256/" in str(error)
