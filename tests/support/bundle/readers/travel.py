"""Deltas between bundles, and bundles in parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from edgeboot.bundle.format import archive
from edgeboot.bundle.tar.writer import BLOCK, header, padding
from edgeboot.bundle.travel import delta, split
from tests.support.bundle.fakes import sha256
from tests.support.bundle.readers import Case, Modules, Run, flipped


def delta_cases(bundle: bytes, directory: Path) -> Iterator[Case]:
    """Deltas, made by the real writer and damaged."""
    old, made, out = directory / "old.tar", directory / "a.delta", directory / "out.tar"
    new, other = directory / "new.tar", directory / "other.tar"
    old.write_bytes(bundle)
    with archive.Bundle.open(old) as opened:
        contents = opened.contents
        kept = tuple(i for i in contents.items if i.role.value not in ("chart", "file"))
        smaller = replace(contents, items=kept)
        archive.write(other, smaller, opened.source)
    with archive.Bundle.open(other) as before, archive.Bundle.open(old) as after:
        delta.make(before, after, made)
    whole = made.read_bytes()
    new.write_bytes(whole)

    def apply(data: bytes, base: Path = other) -> Run:
        def run(m: Modules) -> object:
            new.write_bytes(data)
            out.unlink(missing_ok=True)
            with m.archive.Bundle.open(base) as before, m.delta.opened(new) as found:
                m.delta.apply(before, found, out)
            return sha256(out.read_bytes())

        return run

    yield "a good delta", apply(whole)
    yield "another base", apply(whole, old)
    head = int(whole[124:135], 8)
    table_at = BLOCK + head + -head % BLOCK
    table = int(whole[table_at + 124 : table_at + 135], 8)
    blobs_at = table_at + BLOCK + table + -table % BLOCK
    blob = int(whole[blobs_at + 124 : blobs_at + 135], 8)
    second = blobs_at + BLOCK + blob + -blob % BLOCK
    for place in (0, 105, 126, BLOCK + 9, BLOCK + head, table_at, table_at + 126, table_at + BLOCK):
        yield f"delta flip at {place}", apply(flipped(whole, place))
    for place in (table_at + BLOCK + table, blobs_at, blobs_at + BLOCK, second - 1, second):
        yield f"delta flip at {place}", apply(flipped(whole, place))
    yield "delta flip at its end", apply(flipped(whole, len(whole) - 1))
    for length in (
        0,
        9,
        BLOCK,
        BLOCK + 9,
        table_at,
        table_at + BLOCK + 9,
        blobs_at,
        len(whole) - 1,
    ):
        yield f"delta cut at {length}", apply(whole[:length])
    yield "delta with a tail", apply(whole + bytes(BLOCK))
    document = json.loads(whole[BLOCK : BLOCK + head])
    body = whole[table_at + BLOCK : table_at + BLOCK + table]
    for change in (
        {"format": 2}, {"format": None}, {"base": "0"}, {"base": "0" * 64}, {"base_name": 5},
        {"x": 1}, {"sha256": "0" * 64},
    ):  # fmt: skip
        changed = {**document, **change}
        if "sha256" not in change:
            changed.pop("sha256")
            plain = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode()
            changed["sha256"] = hashlib.sha256(plain + body).hexdigest()
        data = json.dumps(changed, sort_keys=True, separators=(",", ":")).encode()
        rest = whole[table_at:]
        yield (
            f"delta head {str(change)[:30]}",
            apply(header("edgeboot-delta.json", len(data)) + data + padding(len(data)) + rest),
        )
    blank = {**document, "base_name": ""}
    room = BLOCK - len(json.dumps(blank, sort_keys=True, separators=(",", ":")))
    name = {**blank, "base_name": "n" * room}
    block = json.dumps(name, sort_keys=True, separators=(",", ":")).encode()
    yield "a head of one block, cut", apply(header("edgeboot-delta.json", BLOCK) + block[:99])
    long = b" " * 5000
    yield "a long head", apply(header("edgeboot-delta.json", 5000) + long + padding(5000) + rest)
    yield "an empty head", apply(header("edgeboot-delta.json", 0) + rest)
    yield "no digits", apply(whole[:124] + b"0000000008x" + whole[135:])
    yield "an eight", apply(whole[:124] + b"00000000089" + whole[135:])
    yield "no delta", lambda m: m.delta.opened(directory / "gone").__enter__()


def parts_cases(directory: Path) -> Iterator[Case]:
    """Indexes of parts, and parts."""
    whole = directory / "whole.tar"
    whole.write_bytes(bytes(range(256)) * 10)
    home = directory / "parts"
    home.mkdir()
    index, _ = split.split(whole, 1000, home)
    good = index.read_bytes()
    changed, out = home / "changed.parts", directory / "joined.tar"

    def read(data: bytes) -> Run:
        def run(m: Modules) -> object:
            changed.write_bytes(data)
            return repr(m.split.read_index(changed))

        return run

    def encoded(document: object) -> bytes:
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"

    yield "a good index", read(good)
    document = json.loads(good)
    change: Mapping[str, object]
    for change in (
        {"format": 2}, {"format": None}, {"name": "../x"}, {"name": 5}, {"name": ""}, {"size": 5},
        {"size": -1}, {"size": 1 << 41}, {"sha256": "0"}, {"parts": 5}, {"parts": [5]},
        {"parts": []}, {"parts": [{"size": 1, "sha256": "0" * 64}] * 1000}, {"x": 1},
        {"parts": [{**document["parts"][0], "x": 1}]}, {"parts": document["parts"][:2]},
        {"parts": [{"size": 1 << 41, "sha256": "0" * 64}]},
    ):  # fmt: skip
        yield f"index {str(change)[:40]}", read(encoded({**document, **change}))
    yield "index in other words", read(good.replace(b":", b": ", 1))
    yield "index that is long", read(b" " * ((1 << 20) + 1))
    for data in (b"", b"[]", b"{}", b"\xff"):
        yield f"index {data!r}", read(data)
    yield "no index", lambda m: m.split.read_index(home / "gone")

    def join(data: bytes | None, part: bytes | None) -> Run:
        name = home / "whole.tar.002"
        right = name.read_bytes()

        def run(m: Modules) -> object:
            out.unlink(missing_ok=True)
            changed.write_bytes(good if data is None else data)
            if part is None:
                name.unlink()
            else:
                name.write_bytes(part)
            try:
                missing = m.split.join(changed, [], out)
                return missing, out.exists() and sha256(out.read_bytes())
            finally:
                name.write_bytes(right)
                out.with_name("joined.tar.joining").unlink(missing_ok=True)

        return run

    second = (home / "whole.tar.002").read_bytes()
    yield "join", join(None, second)
    yield "join with a damaged part", join(None, flipped(second, 5))
    yield "join with a longer part", join(None, second + b"x")
    yield "join without a part", join(None, None)
    yield "join to another whole", join(encoded({**document, "sha256": "0" * 64}), second)
    yield from split_cases(whole, directory)


def split_cases(whole: Path, directory: Path) -> Iterator[Case]:
    """What is split, and where some of it lies already; each in a directory of its own."""

    def parted(path: Path, size: int = 1000, there: Mapping[str, bytes] | None = None) -> Run:
        def run(m: Modules) -> object:
            with TemporaryDirectory(dir=directory) as room:
                for name, data in (there or {}).items():
                    (Path(room) / name).write_bytes(data)
                m.split.split(path, size, Path(room))
                return {p.name: sha256(p.read_bytes()) for p in sorted(Path(room).iterdir())}

        return run

    def changing(m: Modules) -> object:
        """Read a second time, the file is another."""
        really, seen = m.split._range, set()

        def read(path: Path, start: int, length: int) -> Iterator[bytes]:
            data = b"".join(really(path, start, length))
            yield flipped(data, 5) if start in seen else data
            seen.add(start)

        m.split._range = read
        return parted(whole)(m)

    second = whole.read_bytes()[1000:2000]
    yield "split", parted(whole)
    yield "split where a part is there", parted(whole, there={"whole.tar.002": second})
    damaged = {"whole.tar.002": flipped(second, 5)}
    yield "split where a part is damaged", parted(whole, there=damaged)
    yield "split where a part is longer", parted(whole, there={"whole.tar.002": second + b"x"})
    yield "split of what changes", changing
    yield "split into too many", parted(whole, 1)
    yield "split of nothing", parted(directory / "gone", 1)
    (directory / "-odd").write_bytes(b"x")
    yield "split of an odd name", parted(directory / "-odd", 1)
    (directory / "empty").write_bytes(b"")
    yield "split of an empty file", parted(directory / "empty", 1)
