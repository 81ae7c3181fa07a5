"""The bill of materials, and looking after the cache."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgeboot.bundle.build import sbom, spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.format.contents import Role
from edgeboot.bundle.store import pruning
from edgeboot.bundle.store.blobs import Store
from edgeboot.cli.bundle.build import bundle as commands
from tests.support.bundle import fakes
from tests.support.bundle.sites import write_site


def materials(path: Path) -> dict[str, Any]:
    done = CliRunner().invoke(commands, ["sbom", str(path)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout_bytes)
    assert isinstance(found, dict)
    return found


def test_everything_in_a_bundle_is_listed_with_its_digest(small_bundle: Path) -> None:
    listed = {c["bom-ref"]: c for c in materials(small_bundle)["components"]}
    with Bundle.open(small_bundle) as opened:
        contents = opened.contents
        (item,) = contents.of(Role.SBOM)
        assert sbom.document(contents, opened.source) == b"".join(opened.source(item.blob).open())
    wanted = {
        **{
            f"{i.role.value}:{i.name}:{i.arch or 'any'}": i.blob.sha256
            for i in contents.items
            if i.role is not Role.SBOM
        },
        **{f"image:{i.name}:{i.arch}": i.manifest for i in contents.images},
    }
    assert {ref: c["hashes"][0]["content"] for ref, c in listed.items()} == wanted
    k3s = listed["k3s-binary:k3s:amd64"]
    assert k3s["licenses"][0]["license"]["id"] == "Apache-2.0"


def test_it_knows_no_clock_and_no_chance(small_bundle: Path) -> None:
    found = materials(small_bundle)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.5")
    assert "serialNumber" not in found
    assert set(found["metadata"]) == {"component"}


def test_licences_come_from_labels_and_annotations(tmp_path: Path) -> None:
    site = write_site(tmp_path / "site")
    chart = tmp_path / "site" / "hello" / "Chart.yaml"
    chart.write_text(chart.read_text() + "annotations:\n  artifacthub.io/license: MIT\n")
    app = fakes.Layout()
    layer = fakes.layer("x")
    children = []
    for arch in ("amd64", "arm"):
        manifest = app.manifest([layer], arch)
        document = json.loads(app.blobs[f"blobs/sha256/{str(manifest['digest'])[7:]}"])
        config = json.loads(app.blobs[f"blobs/sha256/{document['config']['digest'][7:]}"])
        config["config"] = {"Labels": {"org.opencontainers.image.licenses": "BSD-3-Clause OR MIT"}}
        document["config"] = app.blob(fakes.OCI_CONFIG, fakes.to_json(config))
        entry = app.blob(fakes.OCI_MANIFEST, fakes.to_json(document))
        children.append({**entry, "platform": manifest["platform"]})
    app.name("registry.example/app:1", app.index(children))
    (tmp_path / "site" / "app.tar").write_bytes(app.tar())
    release = fakes.release(tmp_path / "release", ("amd64", "arm"))
    path = build(spec.load(site), tmp_path / "e.tar", release=release, store=fakes.store(tmp_path))
    listed = {c["bom-ref"]: c for c in materials(path)["components"]}
    assert listed["chart:hello:any"]["licenses"] == [{"license": {"id": "MIT"}}]
    image = listed["image:registry.example/app:1:arm"]
    assert image["licenses"] == [{"expression": "BSD-3-Clause OR MIT"}]
    assert image["purl"].startswith("pkg:oci/app@sha256:")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return Store(tmp_path / "edgeboot" / "blobs" / "sha256")


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(commands, ["cache", *words], standalone_mode=False)
    assert done.exception is None, done.exception
    return done.return_value or 0, done.output


def test_an_empty_cache_is_no_error(store: Store) -> None:
    assert "0 files" in run("ls")[1]
    assert run("verify")[0] == 0
    assert "removed 0 files" in run("prune")[1]
    assert not store.root.exists()


def test_prune_goes_by_use(store: Store) -> None:
    old, used, new = (store.add([text], what="x") for text in (b"old", b"used", b"new"))
    leftover, fresh = store.root / "new-a.part", store.root / "new-b.part"
    leftover.write_bytes(b"half")
    fresh.write_bytes(b"half")
    past = time.time() - 40 * pruning.DAY
    for path in (store.root / old.sha256, store.root / used.sha256, leftover):
        os.utime(path, (past, past))
    assert store.find(used.sha256) == used
    rows = json.loads(run("ls", "--output", "json")[1])["entries"]
    assert [r["name"] for r in rows][:2] == sorted([old.sha256, leftover.name])
    assert "removed 2 files" in run("prune")[1]
    left = {p.name for p in store.root.iterdir()}
    assert left == {used.sha256, new.sha256, fresh.name}
    assert "removed 2 files" in run("prune", "--days", "0")[1]
    assert [p.name for p in store.root.iterdir()] == [fresh.name]


def test_a_damaged_blob_of_the_right_size_is_found_and_removed(store: Store) -> None:
    good, bad = store.add([b"good"], what="x"), store.add([b"bad!"], what="x")
    (store.root / bad.sha256).write_bytes(b"BAD!")
    code, said = run("verify")
    assert code == 1
    assert bad.sha256 in said
    assert [p.name for p in store.root.iterdir()] == [good.sha256]
    assert run("verify")[0] == 0
    shutil.rmtree(store.root)
