"""Bundles in parts and as deltas: whole and identical, or refused by name."""

from __future__ import annotations

import gzip
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeboot.blob import Blob, Source
from edgeboot.bundle.build import spec
from edgeboot.bundle.build.builder import build
from edgeboot.bundle.format.archive import Bundle, write
from edgeboot.bundle.format.contents import Item, Role
from edgeboot.bundle.travel import delta, difference, split
from edgeboot.cli.bundle.build import bundle as commands
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.plan.resources import text
from edgeboot.platform import AMD64
from tests.support.bundle import fakes

SIZE = 7000


@pytest.fixture(scope="module")
def newer(small_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same bundle with another note, one item fewer and a version."""
    path = tmp_path_factory.mktemp("newer") / "edge-2.tar"
    note = text("another note\n" * 300)
    with Bundle.open(small_bundle) as old:
        blob = Blob(note.sha256, note.size)
        kept = [i for i in old.contents.items if i.role not in (Role.FILE, Role.CHART)]
        items = (*kept, Item(Role.FILE, "note.txt", blob))

        def fetch(wanted: Blob) -> Source:
            return note if wanted == blob else old.source(wanted)

        write(path, replace(old.contents, items=items, version="2"), fetch)
    return path


@pytest.fixture
def made(small_bundle: Path, newer: Path, tmp_path: Path) -> Path:
    with Bundle.open(small_bundle) as old, Bundle.open(newer) as new:
        delta.make(old, new, tmp_path / "edge.delta")
    return tmp_path / "edge.delta"


def applied(old: Path, made: Path, output: Path) -> bytes:
    with Bundle.open(old) as before, delta.opened(made) as found:
        delta.apply(before, found, output)
    return output.read_bytes()


def test_a_delta_gives_the_new_bundle_byte_for_byte(
    small_bundle: Path, newer: Path, made: Path, tmp_path: Path
) -> None:
    assert applied(small_bundle, made, tmp_path / "out") == newer.read_bytes()
    with Bundle.open(small_bundle) as old, Bundle.open(newer) as new:
        added = sum(blob.size for blob in delta.added(old.contents, new.contents))
        table = len(made.read_bytes()) - added
        assert added == 13 * 300
        assert table < 20_000


def test_the_delta_to_the_next_k3s_is_as_large_as_what_changed(tmp_path: Path) -> None:
    """Two of four images changed, and the binary; all the rest is within one percent."""
    chance = random.Random(7)
    layers = {name: chance.randbytes(400_000) for name in ("a", "b", "c", "d", "c2", "d2")}
    bundles = []
    for version, names in (("v1.36.2+k3s1", "a b c d"), ("v1.36.3+k3s1", "a b c2 d2")):
        layout = fakes.Layout()
        for name in names.split():
            tag = f"docker.io/rancher/{name[0]}:{len(name)}"
            layout.name(tag, layout.manifest([layers[name]], "amd64"))
        binary = fakes.elf(AMD64, version) + chance.randbytes(1_000_000)
        directory = tmp_path / version
        directory.mkdir()
        fakes.put_release(directory, AMD64, binary, layout.tar(), ".tar")
        wanted = spec.load(fakes.spec_file(tmp_path, "name: edge\nk3s: {arches: [amd64]}\n"))
        store = fakes.store(tmp_path)
        bundles.append(build(wanted, tmp_path / f"{version}.tar", release=directory, store=store))
    out = tmp_path / "d"
    with Bundle.open(bundles[0]) as old, Bundle.open(bundles[1]) as new:
        delta.make(old, new, out)
        told = difference.between(old.contents, new.contents)
    assert applied(bundles[0], out, tmp_path / "out") == bundles[1].read_bytes()
    changed = len(gzip.compress(layers["c2"])) + len(gzip.compress(layers["d2"])) + len(binary)
    assert changed < out.stat().st_size < changed * 1.01
    assert (told.old_k3s, told.new_k3s) == ("v1.36.2+k3s1", "v1.36.3+k3s1")
    images = [(c.name, c.old is None) for c in told.changes if c.kind == "image"]
    labels = [f"docker.io/rancher/{n} (amd64)" for n in ("c:1", "c:2", "d:1", "d:2")]
    assert images == list(zip(labels, (False, True, False, True), strict=True))


def test_a_delta_goes_on_top_of_its_own_base_only(newer: Path, made: Path, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="it was made from edge"):
        applied(newer, made, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_row_29_every_damage_to_a_delta_is_refused(
    small_bundle: Path, made: Path, tmp_path: Path
) -> None:
    whole = made.read_bytes()
    rng = random.Random(4)
    flips = [(rng.randrange(len(whole)), 1 << rng.randrange(8)) for _ in range(250)]
    changed = [whole[:p] + bytes([whole[p] ^ b]) + whole[p + 1 :] for p, b in flips]
    changed += [whole[: rng.randrange(len(whole))] for _ in range(60)]
    changed += [whole + b"\0", whole + bytes(512), b"", b"not a delta"]
    for data in changed:
        made.write_bytes(data)
        with pytest.raises((Refused, StepFailed)):
            applied(small_bundle, made, tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["edge.delta"]


def test_what_differs_is_told(small_bundle: Path, newer: Path) -> None:
    with Bundle.open(small_bundle) as old, Bundle.open(newer) as new:
        found = difference.between(old.contents, new.contents)
        same = difference.between(old.contents, old.contents)
    assert [(c.kind, c.name, c.new is None) for c in found.changes] == [
        ("chart", "hello", True),
        ("file", "note.txt", False),
    ]
    assert found.added == 13 * 300
    assert (same.changes, same.added, same.removed) == ((), 0, 0)


@pytest.fixture
def parts(small_bundle: Path, tmp_path: Path) -> Path:
    """A directory with the parts; the index is ``edge.bundle.parts``."""
    directory = tmp_path / "stick"
    directory.mkdir()
    split.split(small_bundle, SIZE, directory)
    return directory


def names(directory: Path) -> list[str]:
    return sorted(p.name for p in directory.iterdir())


def test_parts_come_together_whatever_the_order(
    small_bundle: Path, parts: Path, tmp_path: Path
) -> None:
    """One stick at a time, the last part first; what was joined is not asked for again."""
    whole = small_bundle.read_bytes()
    index = parts / "edge.bundle.parts"
    bundle_parts = [n for n in names(parts) if n != index.name]
    assert len(bundle_parts) == -(-len(whole) // SIZE) >= 3
    away = tmp_path / "away"
    away.mkdir()
    for name in bundle_parts:
        (parts / name).rename(away / name)
    out = tmp_path / "edge.tar"
    assert split.join(index, [], out) == tuple(bundle_parts)
    for number, name in enumerate(reversed(bundle_parts), 1):
        (away / name).rename(parts / name)
        missing = split.join(index, [], out)
        assert missing == tuple(bundle_parts[:-number])
        (parts / name).unlink()
        assert out.exists() == (not missing)
    assert out.read_bytes() == whole
    assert not out.with_name("edge.tar.joining").exists()


def test_a_join_that_was_cut_goes_on(small_bundle: Path, parts: Path, tmp_path: Path) -> None:
    whole = small_bundle.read_bytes()
    out = tmp_path / "edge.tar"
    partial = tmp_path / "edge.tar.joining"
    for cut in (0, 1, SIZE - 1, SIZE, SIZE * 2 + 5, len(whole) + 900):
        partial.write_bytes((whole + bytes(1000))[:cut])
        assert split.join(parts / "edge.bundle.parts", [], out) == ()
        assert out.read_bytes() == whole


def test_row_29_a_damaged_part_is_named_and_the_others_are_kept(
    small_bundle: Path, parts: Path, tmp_path: Path
) -> None:
    out, second = tmp_path / "edge.tar", parts / "edge.bundle.002"
    right = second.read_bytes()
    for wrong in (right[:-1], right + b"x", bytes([right[0] ^ 1]) + right[1:], b""):
        second.write_bytes(wrong)
        with pytest.raises(Refused, match=r"damaged parts of edge\.bundle: edge\.bundle\.002"):
            split.join(parts / "edge.bundle.parts", [], out)
        assert not out.exists()
    other = tmp_path / "other"
    other.mkdir()
    (other / second.name).write_bytes(right)
    assert split.join(parts / "edge.bundle.parts", [other], out) == ()
    assert out.read_bytes() == small_bundle.read_bytes()


def test_splitting_again_keeps_right_parts_and_mends_wrong_ones(
    small_bundle: Path, parts: Path
) -> None:
    before = {n: (parts / n).stat().st_ino for n in names(parts)}
    (parts / "edge.bundle.002").write_bytes(b"cut")
    split.split(small_bundle, SIZE, parts)
    after = {n: (parts / n).stat().st_ino for n in names(parts)}
    changed = {n for n in before if before[n] != after[n]}
    assert changed <= {"edge.bundle.002", "edge.bundle.parts"}
    assert (parts / "edge.bundle.002").stat().st_size == SIZE


def test_every_changed_byte_of_an_index_is_refused_or_harmless(parts: Path) -> None:
    """An index names no paths: a changed name or digest only fails to find its parts."""
    index = parts / "edge.bundle.parts"
    whole = index.read_bytes()
    right = split.read_index(index)
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1
        index.write_bytes(changed)
        try:
            found = split.read_index(index)
        except Refused:
            continue
        assert found != right
        assert "/" not in found.name
    hostile = whole.replace(b'"edge.bundle"', b'"../x"')
    assert hostile != whole
    index.write_bytes(hostile)
    with pytest.raises(Refused, match="plain file name"):
        split.read_index(index)


def test_sizes_that_make_no_sense_are_bad_input(small_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="more than 999"):
        split.split(small_bundle, 10, tmp_path)
    with pytest.raises(BadInput, match="cannot read"):
        split.split(tmp_path / "gone", 10, tmp_path)


def test_travelling_from_the_command_line(
    small_bundle: Path, newer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()

    def run(*words: str | Path) -> str:
        done = runner.invoke(commands, [str(word) for word in words])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    assert "edge-2.tar.001" in run("split", "--size", "20k", newer)
    run("join", "edge-2.tar.parts", "--out", "joined.tar")
    assert (tmp_path / "joined.tar").read_bytes() == newer.read_bytes()
    assert "- chart" in run("diff", small_bundle, newer)
    run("diff", small_bundle, newer, "--output", "json")
    run("delta", small_bundle, "joined.tar", "--out", "d")
    run("apply-delta", small_bundle, "d", "--out", "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == newer.read_bytes()
    (tmp_path / "edge-2.tar.001").unlink()
    done = runner.invoke(commands, ["join", "edge-2.tar.parts", "--out", "other.tar"])
    assert isinstance(done.exception, StepFailed)
    assert "edge-2.tar.001" in str(done.exception)


def test_a_bundle_tells_of_itself_in_json(small_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "d"
    words = ["delta", str(small_bundle), str(small_bundle), "--out", str(out)]
    done = CliRunner().invoke(commands, [*words, "-o", "json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"file": str(out), "size": out.stat().st_size}
