"""Tables of contents, and whole bundles."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from edgeboot.blob import Blob
from edgeboot.bundle.format.contents import Contents, Item, Role
from edgeboot.bundle.tar.writer import BLOCK, header, padding
from tests.support.bundle.readers import Case, Modules, Run, flipped

Edit = Callable[[dict[str, Any]], object]
TABLE = "edgeboot-bundle.json"


def table_of(bundle: bytes) -> bytes:
    return bundle[BLOCK : BLOCK + int(bundle[124:135], 8)]


def sealed(document: dict[str, Any]) -> bytes:
    """A table of contents with a right sha256 of its own, whatever it says."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    plain = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    whole = {**rest, "sha256": hashlib.sha256(plain).hexdigest()}
    return json.dumps(whole, sort_keys=True, indent=1).encode() + b"\n"


def at(key: str, value: object, index: int | None = None, inner: str = "") -> Edit:
    """Sets ``document[key]``, or a member of ``document[key][index]``."""

    def edit(document: dict[str, Any]) -> None:
        if index is None:
            document[key] = value
        else:
            document[key][index][inner] = value

    return edit


def twice(key: str, **changes: object) -> Edit:
    return lambda d: d[key].append({**d[key][0], **changes})


def edits() -> Iterator[tuple[str, Edit]]:  # noqa: C901
    """Changes to a table of contents that each must be refused."""
    value: object
    for key in ("format", "name", "k3s_version", "arches", "items", "images", "archives"):
        yield f"no {key}", lambda d, k=key: d.pop(k)  # type: ignore[misc]
    for key, members in (
        ("items", ("role", "name", "sha256", "size")),
        ("images", ("name", "arch", "digest", "manifest", "media_type", "blobs")),
        ("archives", ("name", "arch", "images", "sha256", "size")),
    ):
        for member in members:
            yield f"no {key}.{member}", lambda d, k=key, m=member: d[k][0].pop(m)  # type: ignore[misc]
        yield f"{key} unknown", at(key, 1, 0, "x")
        yield f"{key} no array", at(key, {"a": 1})
        yield f"{key} of texts", at(key, ["x"])
        yield f"{key} twice", twice(key)
        yield f"{key} many", at(key, [{}] * 10_001)
    for value in (2, 0, True, "1", 1.0, None):
        yield f"format {value!r}", at("format", value)
    for value in ("../a", "", "a/b", "A", 5, "a" * 5000, ["a"]):
        yield f"name {value!r:.20}", at("name", value)
        yield f"item {value!r:.20}", at("items", value if value != "A" else ".A", 0, "name")
        yield f"archive {value!r:.20}", at("archives", value, 0, "name")
    for value in ("-1", "", "a b", 1, "v" * 200):
        yield f"k3s {value!r:.20}", at("k3s_version", value)
        yield f"item version {value!r:.20}", at("items", value, 0, "version")
    for key, wrong in (("version", "a"), ("version", 1), ("expires", "2027-02-41"), ("lock", "0")):
        yield f"{key} {wrong!r}", at(key, wrong)
        yield f"{key} null", at(key, None)
    for key in ("items", "images", "archives"):
        for value in ("mips", "", 5):
            yield f"{key} arch {value!r}", at(key, value, 0, "arch")
        for value in ("A" * 64, "0" * 63, 5, "sha256:" + "0" * 64):
            name = "digest" if key == "images" else "sha256"
            yield f"{key} digest {value!r:.12}", at(key, value, 0, name)
    for value in (-1, 1.5, True, "1", 1 << 40, None):
        yield f"size {value!r}", at("items", value, 0, "size")
        yield f"archive size {value!r}", at("archives", value, 0, "size")
    yield "role", at("items", "exe", 0, "role")
    yield "role no text", at("items", 5, 0, "role")
    yield "namespace", at("items", "A/B", 0, "namespace")
    yield "values no text", at("items", 5, 0, "values")
    yield "values long", at("items", "v" * (257 << 10), 0, "values")
    yield "alike but for case", twice("items", name="HELLO")
    yield "arches without", at("arches", ["amd64"])
    yield "arches unknown", at("arches", ["amd64", "arm", "mips"])
    yield "unknown key", at("x", 1)
    yield "another manifest", at("images", "0" * 64, 0, "manifest")
    yield "another index", at("images", "0" * 64, 0, "digest")
    yield "blobs unknown key", lambda d: d["images"][0]["blobs"][0].update(x=1)
    yield "blobs many", at("images", [{"sha256": "0" * 64, "size": 1}] * 1001, 0, "blobs")
    yield "image in no archive", lambda d: d["archives"][0]["images"].pop()
    yield (
        "image in two archives",
        lambda d: d["archives"][1]["images"].extend(d["archives"][0]["images"]),
    )
    yield (
        "two sizes",
        lambda d: d["images"][0]["blobs"][0].update(
            size=d["images"][0]["blobs"][0]["size"] + 1, sha256=d["items"][0]["sha256"]
        ),
    )
    big = [{"sha256": f"{n:064x}", "size": 8**11 - 1} for n in range(200)]
    yield "bytes", lambda d: d["images"][0]["blobs"].extend(big)


def contents_cases(bundle: bytes) -> Iterator[Case]:
    """Tables of contents by themselves."""
    table = table_of(bundle)
    good = json.loads(table)

    def decoded(data: bytes) -> Run:
        return lambda m: m.encoding.decode(data).name

    yield "a good one", decoded(table)
    more = {**good, "version": "1.4", "expires": "2027-06-30", "lock": "0" * 64}
    more["items"] = [{**good["items"][0], "namespace": "a", "values": "a: 1\n"}, *good["items"][1:]]
    yield "a good one with all there can be", lambda m: repr(m.encoding.decode(sealed(more)))
    for label, edit in edits():
        document = copy.deepcopy(good)
        edit(document)
        yield label, decoded(sealed(document))
    yield "another spelling", decoded(table.replace(b": ", b":  ", 1))
    yield "a changed name", decoded(table.replace(b'"edge"', b'"edgy"'))
    for data in (b"", b"[]", b"5", b"null", b"\xff", b"[" * 100_000, b'{"a":1', b'"x"'):
        yield f"document {data[:5]!r}", decoded(data)


def bundle_cases(bundle: bytes, directory: Path) -> Iterator[Case]:
    """Whole bundles: every kind of place damaged, cut and moved."""
    path = directory / "it.bundle"

    def read(data: bytes) -> Run:
        def run(m: Modules) -> object:
            path.write_bytes(data)
            with m.archive.Bundle.open(path) as opened:
                opened.verify()
                return opened.contents.name

        return run

    table = table_of(bundle)
    begin = BLOCK + len(table) + -len(table) % BLOCK
    blob = int(bundle[begin + 124 : begin + 135], 8)
    second = begin + BLOCK + blob + -blob % BLOCK
    yield "a good bundle", read(bundle)
    places = (0, 100, 124, 130, 148, 257, 400, BLOCK + 5, BLOCK + len(table), begin, begin + 105)
    for place in (*places, begin + BLOCK, begin + BLOCK + blob, second + 3, len(bundle) - 5):
        yield f"flip at {place}", read(flipped(bundle, place))
    for length in (0, 1, 511, BLOCK, BLOCK + 9, begin - 1, begin, begin + 9, begin + BLOCK + 5):
        yield f"cut at {length}", read(bundle[:length])
    for length in (second - 1, second, second + BLOCK, len(bundle) - 1, len(bundle) - BLOCK):
        yield f"cut at {length}", read(bundle[:length])
    for tail in (b"\0", bytes(BLOCK), b"x"):
        yield f"tail {tail[:1]!r} {len(tail)}", read(bundle + tail)
    yield "no first blob", read(bundle[:begin] + bundle[second:])
    yield "first blob twice", read(bundle[:second] + bundle[begin:])
    for digits in (b"00000000000", b"77777777777", b"0000000009x", b"-0000000001", b"           "):
        yield f"size {digits!r}", read(bundle[:124] + digits + bundle[135:])
    yield "an empty table", read(header(TABLE, 0) + bundle[begin:])
    yield "a table over the limit", read(header(TABLE, (16 << 20) + 1) + bundle[BLOCK:])
    good = json.loads(table)
    for label, edit in (
        ("another archive", at("archives", "0" * 64, 0, "sha256")),
        ("an archive of another size", at("archives", 5, 0, "size")),
        ("a blob of another size", at("items", good["items"][0]["size"] + 1, 0, "size")),
        ("another order", lambda d: d["items"].reverse()),
    ):
        document = copy.deepcopy(good)
        edit(document)
        other = sealed(document)
        yield label, read(header(TABLE, len(other)) + other + padding(len(other)) + bundle[begin:])
    one = Blob("0" * 64, 1)
    large = Item(Role.CHART, "c", one, None, "1", "a", "v" * (17 << 20))
    contents = Contents("a", "v1", ("amd64",), (large,), (), ())
    yield "writing a table over the limit", lambda m: m.archive.write(path, contents, None)
    yield "no file", lambda m: m.archive.Bundle.open(directory / "gone")
    yield "a directory", lambda m: m.archive.Bundle.open(directory)
