"""Hostile tar archives, generated: kinds of entry, names, lies about sizes, combinations, bombs.

Run as a module it feeds all of them to edgeboot's readers in a process of its own, watched by an
audit hook, and prints what happened: ``python -m tests.support.bundle.hostile STAGING``.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import zstandard

from edgeboot.bundle.build import image_files
from edgeboot.bundle.charts import package
from edgeboot.bundle.format.archive import Bundle
from edgeboot.bundle.store.blobs import Store
from edgeboot.bundle.tar import untar
from edgeboot.errors import Refused
from edgeboot.platform import AMD64
from tests.support.bundle import fakes

BLOCK = 512
END = bytes(2 * BLOCK)
TAKEN = b"05Lx\0"
KINDS = [bytes([k]) for k in range(256) if bytes([k]) not in TAKEN]
NAMES = (
    "..", "../x", "a/../../x", "a/..", "/etc/passwd", "//etc", "a//b", "a/./b", "a\\..\\b",
    "a\nb", "a\x1b[2Jb", "a\x7fb", "", "\t", "..\\x", "./../x", "././x", "/", "a/", "/..",
)  # fmt: skip
SIZES = (
    b"77777777777\0", b"00000100000\0", b"-0000000001\0", b"0x000000010\0", b"99999999999\0",
    b"\x80" + b"\xff" * 11, b"\x80" + bytes(3) + b"\x7f" + b"\xff" * 7, b"\xff" * 12,
    b"1 1         ", b"\x80" + bytes(5) + b"\xff" * 6,
)  # fmt: skip
MODES = (b"0004755\0", b"0002755\0", b"0006755\0", b"9999999\0")


def header(
    name: bytes,
    size: int | bytes = 0,
    kind: bytes = b"0",
    mode: bytes = b"0000644\0",
    magic: bytes = b"ustar\x0000",
    prefix: bytes = b"",
) -> bytes:
    """A header block with a right checksum, whatever it says."""
    digits = size if isinstance(size, bytes) else f"{size:011o}\0".encode()
    fields = name[:100].ljust(100, b"\0") + mode + b"0000000\0" * 2 + digits + b"00000000000\0"
    fields += b" " * 8 + kind + bytes(100) + magic + bytes(80) + prefix.ljust(155, b"\0")
    fields = fields.ljust(BLOCK, b"\0")
    return fields[:148] + f"{sum(fields):06o}\0 ".encode() + fields[156:]


def member(name: bytes, data: bytes = b"", kind: bytes = b"0", **fields: bytes) -> bytes:
    return header(name, len(data), kind, **fields) + data + bytes(-len(data) % BLOCK)


def pax(key: str, value: str) -> bytes:
    rest = f" {key}={value}\n".encode()
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length += 1
    return member(b"pax", str(length).encode() + rest, b"x")


def ways(name: str) -> Iterator[tuple[str, bytes]]:
    """The ways a name can be written."""
    raw = name.encode()
    for kind in (b"0", b"5", b"\0"):
        yield f"{kind!r}", member(raw, kind=kind)
        yield f"{kind!r} gnu", member(b"long", raw + b"\0", b"L") + member(b"cut", kind=kind)
        yield f"{kind!r} pax", pax("path", name) + member(b"cut", kind=kind)
        if "/" in name:
            head, _, tail = name.rpartition("/")
            yield f"{kind!r} prefix", member(tail.encode(), kind=kind, prefix=head.encode())


def is_harmless(name: str, way: str) -> bool:
    """``a/`` and ``./`` are how a directory is written; a pax value or prefix keeps its meaning."""
    return name in ("", "a/", "/") or (name == "//etc" and "prefix" in way)


def entries() -> Iterator[tuple[str, bytes]]:  # noqa: C901
    """Members that each refuse the whole archive; every one has a right checksum."""
    for kind in KINDS:
        yield f"kind {kind!r}", member(b"x", kind=kind)
    for name in NAMES:
        for way, data in ways(name):
            if not is_harmless(name, way):
                yield f"name {name!r} {way}", data
    yield "empty name", member(b"")
    yield "a file with a slash at its end", member(b"a/", kind=b"0")
    yield "a file with the top's name", member(b"./")
    yield "a name that is too long", pax("path", "d/" * 600 + "x") + member(b"cut")
    yield "not UTF-8", member(b"caf\xe9")
    yield "not UTF-8 in prefix", member(b"x", prefix=b"caf\xe9")
    for mode in MODES:
        for kind in (b"0", b"5"):
            yield f"mode {mode!r} {kind!r}", member(b"x", kind=kind, mode=mode)
    for size in SIZES:
        for kind in (b"0", b"5", b"L", b"x"):
            yield f"size {size!r} {kind!r}", header(b"x", size, kind) + b"y" * BLOCK
        yield f"size in pax {size!r}", pax("size", "9" * 13) + header(b"x", size) + b"y" * BLOCK
    yield "a directory with data", member(b"d", b"data", b"5")
    yield "a size that is too small", header(b"x", 3) + b"y" * (2 * BLOCK)
    yield "padding", header(b"x", 3) + b"xxx" + b"y" * (BLOCK - 3)
    yield "padding of a long name", header(b"L", 3, b"L") + b"xx\0" + b"y" * (BLOCK - 3)
    yield "a long name for nobody", member(b"L", b"name\0", b"L") + END
    yield "a pax size for nobody", pax("size", "3") + END
    yield "an extension header that is too long", member(b"L", b"n" * 70_000, b"L")
    yield "checksum", b"y" + member(b"x")[1:]
    for key in ("linkpath", "GNU.sparse.major", "GNU.sparse.name", "hdrcharset", "SCHILY.dev"):
        yield f"pax {key}", pax(key, "/etc") + member(b"x")
    yield "pax size that is no number", pax("size", "-1") + member(b"x")
    yield "pax size of many digits", pax("size", "1" * 20) + member(b"x")
    for record in (b"99 path=x\n", b"path=x\n", b"3 \n", b"0 path=x\n", b" 9 path=x\n"):
        yield f"pax record {record!r}", member(b"p", record, b"x") + member(b"x")
    for first, second in (("x", "x"), ("x", "./x"), ("B", "b"), ("é", "e\u0301"), ("ﬁ", "fi")):
        yield f"collision {first} {second}", member(first.encode()) + member(second.encode())
    yield "collision of kinds", member(b"x") + member(b"x", kind=b"5")
    lies = itertools.product(KINDS[::23], NAMES[:9], SIZES[:4], MODES[:2])
    for kind, name, size, mode in lies:
        yield f"all of {kind!r} {name!r} {size!r}", header(name.encode(), size, kind, mode)


def archives() -> Iterator[tuple[str, bytes]]:
    """Each entry first and last in an archive, plain; every seventh packed as well."""
    good = member(b"good", b"g" * 600)
    for number, (label, data) in enumerate(entries()):
        whole = good + data + END
        yield f"{label}, last", whole
        yield f"{label}, first", data + good + END
        if number % 7 == 0:
            yield f"{label}, gzip", gzip.compress(whole, 1)
            yield f"{label}, zstd", zstandard.compress(whole, 1)
    yield "no end", good
    yield "half an end", good + bytes(BLOCK - 1)
    yield "cut in the data", good[:700]
    yield "data after the end", good + END + member(b"hidden")
    packed = gzip.compress(good + END)
    yield "gzip without its end", packed[:-5]
    yield "gzip of another sum", packed[:-8] + bytes(4) + packed[-4:]
    yield "zstd cut", zstandard.compress(good * 90)[:-20]


def bombs() -> Iterator[tuple[str, bytes]]:
    """What would fill memory or disk, small on the wire."""
    zeros = header(b"z", 300 << 20)
    raw = io.BytesIO()
    with gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(zeros)
        for _ in range(300):
            file.write(bytes(1 << 20))
    yield "gzip bomb", raw.getvalue()
    packer = zstandard.ZstdCompressor(level=1).compressobj()
    parts = [packer.compress(zeros)]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(300)]
    yield "zstd bomb", b"".join([*parts, packer.flush()])
    wide = zstandard.ZstdCompressionParameters(window_log=30, compression_level=1)
    stream = zstandard.ZstdCompressor(compression_params=wide).compressobj()
    yield "zstd window", stream.compress(member(b"x")) + stream.flush()
    yield "gzip of long names", gzip.compress(member(b"L", b"n" * 60_000, b"L") * 600, 1)
    many = b"".join(header(f"{n:x}".encode()) for n in range(untar.LIMITS.members + 2))
    yield "members", gzip.compress(many + END, 1)
    yield "nested gzip", gzip.compress(gzip.compress(member(b"x")))


def in_a_layout(entry: bytes) -> bytes:
    """An image archive that would be taken but for one more member."""
    return fakes.k3s_layout(AMD64).tar().rstrip(b"\0") + bytes(BLOCK * 3) + entry + END


def outcome(path: Path) -> str | None:
    """What a plain walk through an archive says; None where nothing is refused."""
    try:
        with untar.opened(path, "the archive") as members:
            for found in members:
                for _ in found.chunks():
                    pass
    except Refused as error:
        return error.what
    return None


def main(staging: Path) -> None:
    outside: list[str] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            target, _mode, flags = arguments
            writes = int(str(flags)) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            wrote = [target] if writes and isinstance(target, str | bytes) else []
        elif event in ("os.mkdir", "os.remove", "os.symlink", "os.link", "os.rename", "os.chmod"):
            wrote = [a for a in arguments[:2] if isinstance(a, str | bytes)]
        else:
            return
        for path in wrote:
            if not Path(os.fsdecode(path)).resolve().is_relative_to(staging):
                outside.append(f"{event} {path!r}")

    sys.dont_write_bytecode = True
    mock.patch("os.fsync").start()  # thousands of blobs that nobody wants to keep
    store, path = Store(staging / "store"), staging / "hostile.tar"
    total, through = 0, []
    sys.addaudithook(watch)
    layout = fakes.k3s_layout(AMD64).tar()
    body = layout[: len(layout.rstrip(b"\0")) + -len(layout.rstrip(b"\0")) % BLOCK]
    path.write_bytes(body + END)
    assert image_files.take_apart(path, (AMD64,), store, "good")
    cases = [(n, d) for n, d in itertools.chain(itertools.islice(archives(), 0, None, 7), bombs())]
    cases += [
        (f"in a layout: {n}", body + d + END) for n, d in itertools.islice(entries(), 0, None, 3)
    ]
    for label, data in cases:
        path.write_bytes(data)
        for reader in (
            lambda: image_files.take_apart(path, (AMD64,), store, "it"),
            lambda: package.read(path, "chart"),
            lambda: Bundle.open(path).verify(),
        ):
            total += 1
            try:
                reader()
            except Refused:
                continue
            through.append(label)
    peak = int(re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[0]) << 10
    left = sorted(str(p.relative_to(staging)) for p in staging.rglob("*.part"))
    report = {"total": total, "through": through, "outside": outside, "peak": peak, "left": left}
    print(json.dumps(report))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
