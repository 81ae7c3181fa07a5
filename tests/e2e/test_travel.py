"""A bundle that came as a delta, through a registry and in parts installs like the one built."""

from __future__ import annotations

import filecmp
import json
import shutil
from dataclasses import replace
from pathlib import Path

import yaml

from tests.support.bundle.registries import docker_registry
from tests.support.command import Done
from tests.support.fleet import Fleet, stable


def ok(done: Done) -> Done:
    assert done.code == 0, done.all
    return done


def newer_bundle(fleet: Fleet, release: Path, work: Path) -> Path:
    """The next version of the site's bundle, signed; its key is beside it as ``travel.key``."""
    spec = work / "bundle.yml"
    spec.write_text(
        f"name: e2e\nversion: 2.0\nk3s:\n  source: {release}\n  arches: [amd64]\n"
        "manifests: [hello.yaml]\n"
    )
    (work / "hello.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hello\n  namespace: default\n"
    )
    ok(fleet.run("bundle", "keygen", "--no-passphrase", work / "travel.key"))
    built = work / "new.tar"
    key = ("--sign-key", work / "travel.key")
    ok(fleet.run("bundle", "build", "-f", spec, "--out", built, *key))
    return built


def test_by_delta_through_a_registry_in_parts_and_signed(
    bare: Fleet, release: Path, tmp_path: Path
) -> None:
    built = newer_bundle(bare, release, tmp_path)
    delta, made = tmp_path / "d", tmp_path / "made.tar"
    ok(bare.run("bundle", "delta", bare.bundle, built, "--out", delta))
    assert delta.stat().st_size < built.stat().st_size / 10
    ok(bare.run("bundle", "apply-delta", bare.bundle, delta, "--out", made))
    pulled = tmp_path / "pulled.tar"
    shutil.copy(f"{built}.minisig", f"{made}.minisig")
    with docker_registry(tmp_path / "registry") as host:
        ok(bare.run("bundle", "push", made, f"{host}/site/e2e:2"))
        elsewhere = replace(bare, work=tmp_path / "home")  # a machine that has no blob of it
        ok(elsewhere.run("bundle", "pull", f"{host}/site/e2e:2", "--out", pulled))
    signature = Path(f"{pulled}.minisig").read_bytes()
    assert signature == Path(f"{built}.minisig").read_bytes()
    stick = tmp_path / "stick"
    stick.mkdir()
    ok(bare.run("bundle", "split", "--size", "2M", pulled, "-d", stick))
    arrived = tmp_path / "arrived.tar"
    ok(bare.run("bundle", "join", stick / "pulled.tar.parts", "--out", arrived))
    assert filecmp.cmp(arrived, built, shallow=False)

    inventory = bare.inventory("server-1")
    document = yaml.safe_load(inventory.read_text())
    del document["allow-unsigned"]
    line = (tmp_path / "travel.pub").read_text().splitlines()[1]
    document["bundle-keys"] = [line]
    inventory.write_text(yaml.safe_dump(document))

    before = bare.snapshots()
    for words in (("plan", "-i", inventory), ("install", "-i", inventory, "--yes")):
        done = bare.run(*words, "--bundle", arrived)
        assert done.code == 5, done.all
        assert "is not signed" in done.err
    assert bare.snapshots() == before

    Path(f"{arrived}.minisig").write_bytes(signature)
    ok(bare.install(inventory, "--bundle", arrived))
    state = stable(bare)
    # The one that was built finds nothing left to do, and what it would put there is there.
    done = ok(bare.install(inventory, "--bundle", built))
    assert "No changes" in done.out
    assert stable(bare) == state
    record = json.loads(bare.on("server-1", "cat /var/lib/edgeboot/bundle.json"))
    assert (record["name"], record["version"]) == ("e2e", "2.0")

    older = bare.run("plan", "-i", inventory, "--bundle", bare.bundle, "--allow-unsigned")
    assert older.code == 5, older.all
    assert "it has had version 2.0 of the bundle e2e" in older.err
    flags = ("--allow-unsigned", "--allow-older")
    older = bare.run("plan", "-i", inventory, "--bundle", bare.bundle, *flags)
    assert older.code == 10, older.all
