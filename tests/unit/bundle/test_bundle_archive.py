from __future__ import annotations

import hashlib
import io
import os
import random
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgeboot.blob import Blob
from edgeboot.bundle.format import encoding
from edgeboot.bundle.format.archive import Bundle, write
from edgeboot.bundle.format.contents import Role
from edgeboot.bundle.tar.writer import BLOCK, header
from edgeboot.errors import BadInput, Refused, StepFailed
from tests.support.bundle import fakes

TABLE = encoding.FILE_NAME


@dataclass(frozen=True)
class Span:
    """Where a member is, padding included."""

    name: str
    start: int
    end: int


@pytest.fixture(scope="session")
def whole(small_bundle: Path) -> bytes:
    return small_bundle.read_bytes()


@pytest.fixture(scope="session")
def spans(small_bundle: Path) -> list[Span]:
    """The members as Python's own tar reader sees them."""
    with tarfile.open(small_bundle) as tar:
        members = tar.getmembers()
    return [Span(m.name, m.offset, m.offset_data + -(-m.size // BLOCK) * BLOCK) for m in members]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "x.bundle"


def refusal(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(Refused) as caught, Bundle.open(path) as bundle:
        bundle.verify()
    assert caught.value.exit_code == 5
    return str(caught.value)


def named_at(spans: list[Span], position: int) -> set[str]:
    """Which members a message may name for a bad byte: its own, or the one that ends there."""
    names = [span.name for span in spans]
    found = next((i for i, s in enumerate(spans) if s.start <= position < s.end), len(spans))
    return set(names[max(found - 1, 0) : found + 1])


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_row_29_any_flipped_bit_is_noticed_and_its_member_named(
    whole: bytes, spans: list[Span], work: Path, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    damaged = bytearray(whole)
    damaged[position] ^= 1 << bit
    message = refusal(work, bytes(damaged))
    assert any(name in message for name in named_at(spans, position))


def test_row_29_a_flipped_bit_in_every_kind_of_place_is_noticed(
    whole: bytes, spans: list[Span], work: Path
) -> None:
    """Every byte of one header, one padding and the end; every 37th byte of the contents."""
    span = spans[3]
    size = int(whole[span.start + 124 : span.start + 135], 8)
    places = [
        *range(span.start, span.start + BLOCK),
        *range(span.start + BLOCK + size, span.end),
        *range(spans[-1].end, len(whole)),
        *range(BLOCK),
        *range(BLOCK, spans[0].end, 37),
    ]
    for position in places:
        damaged = bytearray(whole)
        damaged[position] ^= 0x20
        message = refusal(work, bytes(damaged))
        assert any(name in message for name in named_at(spans, position)), position


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_row_29_any_truncation_is_noticed_and_its_member_named(
    whole: bytes, spans: list[Span], work: Path, data: st.DataObject
) -> None:
    length = data.draw(st.integers(0, len(whole) - 1))
    message = refusal(work, whole[:length])
    assert any(name in message for name in named_at(spans, length))


def test_row_29_of_ten_thousand_flips_and_truncations_none_is_accepted(
    small_bundle: Path, work: Path
) -> None:
    """Of a bundle with one image and one file, read to its last byte each time."""
    with Bundle.open(small_bundle) as bundle:
        contents = bundle.contents
        image = next(i for i in contents.images_of("amd64") if i.name == fakes.PAUSE)
        archives = tuple(a for a in contents.archives_of("amd64") if a.images == (image.name,))
        items = tuple(i for i in contents.items if i.role is Role.FILE)
        less = replace(contents, arches=("amd64",), items=items, images=(image,), archives=archives)
        write(work, less, bundle.source)
    chance, accepted, whole = random.Random(29), [], work.read_bytes()
    with work.open("r+b", buffering=0) as file:
        for _ in range(9_000):
            position, bit = chance.randrange(len(whole)), 1 << chance.randrange(8)
            os.pwrite(file.fileno(), bytes([whole[position] ^ bit]), position)
            accepted += [position] if is_accepted(work) else []
            os.pwrite(file.fileno(), whole[position : position + 1], position)
        assert is_accepted(work)
        for length in sorted((chance.randrange(len(whole)) for _ in range(1_000)), reverse=True):
            file.truncate(length)
            accepted += [length] if is_accepted(work) else []
    assert accepted == []


def is_accepted(path: Path) -> bool:
    try:
        with Bundle.open(path) as bundle:
            for blob in encoding.all_blobs(bundle.contents):
                for _ in bundle.source(blob).open():
                    pass
    except (Refused, StepFailed):
        return False
    return True


@pytest.mark.parametrize("tail", [b"\0", bytes(512), b"x", bytes(10240)])
def test_row_29_bytes_after_the_end_are_refused(whole: bytes, work: Path, tail: bytes) -> None:
    assert "follow the end" in refusal(work, whole + tail)


def test_row_29_a_missing_a_doubled_and_a_swapped_member_are_refused(
    whole: bytes, spans: list[Span], work: Path
) -> None:
    parts = [whole[s.start : s.end] for s in spans]
    end = whole[spans[-1].end :]
    for changed in (
        [*parts[:2], *parts[3:]],
        [*parts[:3], parts[2], *parts[3:]],
        [parts[0], parts[2], parts[1], *parts[3:]],
        [parts[1], parts[0], *parts[2:]],
    ):
        message = refusal(work, b"".join(changed) + end)
        assert any(span.name in message for span in spans)


HOSTILE: dict[str, dict[str, object]] = {
    "parent": {"name": "blobs/sha256/../../../etc/passwd"},
    "absolute": {"name": "/etc/passwd"},
    "symlink": {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    "hardlink": {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"},
    "device": {"type": tarfile.CHRTYPE},
    "block device": {"type": tarfile.BLKTYPE},
    "fifo": {"type": tarfile.FIFOTYPE},
    "directory": {"type": tarfile.DIRTYPE},
    "setuid": {"mode": 0o4755},
    "owner": {"uid": 1000},
    "time": {"mtime": 1},
    "size": {"size": 8**11 - 1},
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("which", [0, 1, -1])
def test_row_31_a_hostile_header_refuses_the_whole_bundle(
    whole: bytes, spans: list[Span], work: Path, kind: str, which: int
) -> None:
    span = spans[which]
    info = tarfile.TarInfo(span.name)
    info.size = int(whole[span.start + 124 : span.start + 135], 8)
    for key, value in HOSTILE[kind].items():
        setattr(info, key, value)
    damaged = bytearray(whole)
    damaged[span.start : span.start + BLOCK] = info.tobuf(tarfile.USTAR_FORMAT)
    assert span.name in refusal(work, bytes(damaged))


def rewritten(whole: bytes, spans: list[Span], old: bytes, new: bytes) -> bytes:
    """The bundle with other contents, everything else adjusted to them but the digest within."""
    size = int(whole[124:135], 8)
    table = whole[BLOCK : BLOCK + size].replace(old, new)
    assert table != whole[BLOCK : BLOCK + size]
    filled = table + bytes(-len(table) % BLOCK)
    return header(TABLE, len(table)) + filled + whole[spans[0].end :]


def test_a_bundle_of_a_later_format_is_told_apart(
    whole: bytes, spans: list[Span], work: Path
) -> None:
    message = refusal(work, rewritten(whole, spans, b'"format": 1', b'"format": 2'))
    assert "has format 2; this edgeboot reads format 1" in message


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b'"name": "edge"', b'"name": "../a"', "name"),
        (b'"name": "edge"', b'"name": "edgy"', "sha256"),
        (b'"name": "edge"', b'"name": "edge", "x": 1', "unknown key 'x'"),
        (b'"name": "edge"', b'"name": "edge", "name": "edge"', "sha256"),
        (b'"name": "edge"', b'"name": ["edge"]', "not a string"),
        (b'"name": "edge",', b"", "has no 'name'"),
        (b'"note.txt"', b'"../../etc/cron.d/x"', "which is invalid"),
        (b'"note.txt"', b'".hidden"', "which is invalid"),
        (b'"role": "file"', b'"role": "exe"', "does not support"),
        (b'"arch": "arm"', b'"arch": "mips"', "not one of"),
        (b'"size": ', b'"size": -', "is not an integer"),
        (b'"size": ', b'"size": 1e', "JSON|is not an integer"),
        (b'"arches": [', b'"arches": [' + b"[" * 100_000, "not valid JSON"),
        (b'"edge"', b'"\xff"', "not valid JSON"),
    ],
)
def test_row_30_contents_that_are_not_right_are_refused(
    whole: bytes, spans: list[Span], work: Path, old: bytes, new: bytes, told: str
) -> None:
    message = refusal(work, rewritten(whole, spans, old, new))
    assert TABLE in message
    assert any(part in message for part in told.split("|"))


def test_contents_of_any_size_but_the_limit_are_refused(work: Path) -> None:
    message = refusal(work, header(TABLE, encoding.MAX_BYTES + 1) + bytes(1024))
    assert TABLE in message


@pytest.mark.parametrize("data", [b"", b"not a bundle", bytes(4096), b"\x1f\x8b" + bytes(600)])
def test_what_is_no_bundle_is_told_so(work: Path, data: bytes) -> None:
    assert "is not an edgeboot bundle" in refusal(work, data)


def test_a_bundle_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    for path in (tmp_path / "gone", tmp_path):
        with pytest.raises(BadInput):
            Bundle.open(path)


def test_refused_bundles_leave_no_open_file(whole: bytes, work: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        refusal(work, whole[:-1])
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_source_names_its_member_when_the_bytes_are_damaged(
    whole: bytes, spans: list[Span], work: Path
) -> None:
    damaged = bytearray(whole)
    damaged[spans[1].start + BLOCK] ^= 1
    work.write_bytes(damaged)
    with Bundle.open(work) as bundle:
        blob = encoding.all_blobs(bundle.contents)[0]
        source = bundle.source(blob)
        assert (source.size, source.sha256) == (blob.size, blob.sha256)
        with pytest.raises(StepFailed, match=f"damaged at {spans[1].name}"):
            list(source.open())


def test_composed_archives_have_the_declared_digest_and_can_be_read_twice(
    small_bundle: Path,
) -> None:
    with Bundle.open(small_bundle) as bundle:
        for archive in bundle.contents.archives:
            source = bundle.archive_source(archive)
            for _ in range(2):
                data = b"".join(source.open())
                assert hashlib.sha256(data).hexdigest() == archive.blob.sha256 == source.sha256
                assert len(data) == archive.blob.size == source.size


def test_composed_archives_hold_nothing_but_the_layout(small_bundle: Path) -> None:
    with Bundle.open(small_bundle) as bundle:
        for archive in bundle.contents.archives:
            data = b"".join(bundle.archive_source(archive).open())
            images = [i for i in bundle.contents.images if i.arch == archive.arch]
            blobs = {b.sha256 for i in images if i.name in archive.images for b in i.blobs}
            with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                names = [member.name for member in tar]
                assert all(m.isreg() and (m.mtime, m.uid, m.mode) == (0, 0, 0o644) for m in tar)
            wanted = ["oci-layout", "index.json", "manifest.json"]
            assert names == wanted + [f"blobs/sha256/{b}" for b in sorted(blobs)]


def test_an_archive_that_would_come_out_otherwise_is_named(small_bundle: Path, work: Path) -> None:
    """As if another edgeboot had composed it differently: the contents are honest but unlike."""
    with Bundle.open(small_bundle) as bundle:
        contents = bundle.contents
        first, *others = contents.archives
        for blob in (Blob("0" * 64, first.blob.size), Blob(first.blob.sha256, 5)):
            changed = replace(first, blob=blob)
            write(work, replace(contents, archives=(changed, *others)), bundle.source)
            with Bundle.open(work) as other, pytest.raises(Refused, match=first.name):
                other.verify()


def test_several_threads_read_one_bundle(small_bundle: Path) -> None:
    with Bundle.open(small_bundle) as bundle, ThreadPoolExecutor(8) as pool:
        archives = bundle.contents.archives * 10
        digests = pool.map(
            lambda a: hashlib.sha256(b"".join(bundle.archive_source(a).open())).hexdigest(),
            archives,
        )
        assert list(digests) == [archive.blob.sha256 for archive in archives]


def test_a_write_that_fails_leaves_the_old_file_and_no_part(small_bundle: Path, work: Path) -> None:
    class Broken:
        size = 1
        sha256 = "0" * 64

        def open(self) -> Iterator[bytes]:
            yield b"x"
            raise StepFailed("the disk is gone")

    work.write_bytes(b"old")
    with Bundle.open(small_bundle) as bundle, pytest.raises(StepFailed):
        write(work, bundle.contents, lambda _: Broken())
    assert [p.name for p in work.parent.iterdir()] == [work.name]
    assert work.read_bytes() == b"old"
