"""Hostile archives on the way in: rows 31 and 32 of the fault catalogue."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
import zstandard

from edgeboot.bundle.tar import untar
from edgeboot.bundle.tar.untar import Limits
from edgeboot.errors import BadInput, Refused
from tests.support.bundle.fakes import tar_of


def archive_of(*members: tarfile.TarInfo, fmt: int = tarfile.PAX_FORMAT) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=fmt) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return raw.getvalue()


def member(name: str, size: int = 0, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size
    for key, value in fields.items():
        setattr(info, key, value)
    return info


def read(path: Path, data: bytes, limits: Limits = untar.LIMITS) -> dict[str, bytes]:
    path.write_bytes(data)
    with untar.opened(path, "the archive", limits) as members:
        return {m.name: b"".join(m.chunks()) for m in members}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.tar"


@pytest.mark.parametrize("fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_plain_files_are_read_whatever_the_dialect(path: Path, fmt: int, pack: object) -> None:
    long_name = "d" * 90 + "/" + "f" * 90
    data = archive_of(
        member("./", type=tarfile.DIRTYPE, mode=0o755),
        member("./d/", type=tarfile.DIRTYPE, mode=0o755),
        member("./d/a", 3),
        member(long_name, 700),
        fmt=fmt,
    )
    assert callable(pack)
    assert read(path, pack(data)) == {"d/a": bytes(3), long_name: bytes(700)}


def test_what_the_consumer_leaves_is_skipped(path: Path) -> None:
    path.write_bytes(tar_of({"a": b"1" * 1000, "b": b"2"}))
    with untar.opened(path, "the archive") as members:
        assert [m.name for m in members] == ["a", "b"]


HOSTILE = {
    "parent": [member("../x")],
    "parent inside": [member("a/../../x")],
    "parent at the end": [member("a/..")],
    "parent directory": [member("../d", type=tarfile.DIRTYPE)],
    "absolute": [member("/etc/passwd")],
    "absolute directory": [member("//etc", type=tarfile.DIRTYPE)],
    "dot inside": [member("a/./b")],
    "empty part": [member("a//b")],
    "backslash": [member("a\\..\\b")],
    "newline": [member("a\nb")],
    "escape": [member("a\x1b[2Jb")],
    "symlink": [member("x", type=tarfile.SYMTYPE, linkname="/etc")],
    "hard link": [member("x", type=tarfile.LNKTYPE, linkname="y")],
    "character device": [member("x", type=tarfile.CHRTYPE)],
    "block device": [member("x", type=tarfile.BLKTYPE)],
    "fifo": [member("x", type=tarfile.FIFOTYPE)],
    "contiguous": [member("x", type=tarfile.CONTTYPE)],
    "sparse": [member("x", type=tarfile.GNUTYPE_SPARSE)],
    "setuid": [member("x", mode=0o4755)],
    "setgid": [member("x", mode=0o2755)],
    "setgid directory": [member("d", type=tarfile.DIRTYPE, mode=0o2755)],
    "twice": [member("x"), member("x")],
    "twice but for a dot": [member("x"), member("./x")],
    "case": [member("Blob"), member("blob")],
    "unicode form": [member("caf\u00e9"), member("cafe\u0301")],
    "ligature": [member("\ufb01le"), member("file")],
    "file and directory": [member("x"), member("x", type=tarfile.DIRTYPE)],
    "long name": [member("a/" * 600 + "b")],
    "directory with data": [member("d", 600, type=tarfile.DIRTYPE)],
    "link target in pax": [member("x", pax_headers={"linkpath": "/etc"})],
    "pax sparse": [member("x", pax_headers={"GNU.sparse.major": "1"})],
    "pax parent": [member("x", pax_headers={"path": "../x"})],
    "pax size": [member("x", pax_headers={"size": "99999999999999"})],
    "pax too long": [member("x", pax_headers={"comment": "c" * 70_000})],
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("place", ["first", "last"])
def test_row_31_a_hostile_member_refuses_the_whole_archive(
    path: Path, kind: str, place: str
) -> None:
    good = [member("good", 600)]
    members = HOSTILE[kind] + good if place == "first" else good + HOSTILE[kind]
    with pytest.raises(Refused, match="the archive"):
        read(path, archive_of(*members))


@pytest.mark.parametrize("cut", [0, 1, 511, 512, 700, 1024, 1300, 1536])
def test_a_truncated_archive_is_refused(path: Path, cut: int) -> None:
    data = tar_of({"a": b"x" * 600})
    with pytest.raises(Refused, match="truncated"):
        read(path, data[:cut])


def test_a_changed_header_hidden_data_and_odd_names_are_refused(path: Path) -> None:
    data = tar_of({"a": b"x" * 600})
    end = 512 + 1024 + 512
    cases = {
        "damaged header": b"b" + data[1:],
        "padding": data[:1500] + b"!" + data[1501:],
        "after its end": data[:end] + b"!" + data[end + 1 :],
    }
    for problem, changed in cases.items():
        with pytest.raises(Refused, match=problem):
            read(path, changed)
    latin = archive_of(member("caf\u00e9"), fmt=tarfile.USTAR_FORMAT).replace(
        "caf\u00e9".encode(), b"caf\xe9 "
    )
    with pytest.raises(Refused):
        read(path, latin)


def test_damaged_compression_is_refused(path: Path) -> None:
    plain = tar_of({"a": bytes(range(256)) * 1000})
    for packed in (
        gzip.compress(plain),
        zstandard.ZstdCompressor(write_checksum=True).compress(plain),
    ):
        for position in (len(packed) // 2, len(packed) - 2):
            changed = bytearray(packed)
            changed[position] ^= 0xFF
            with pytest.raises(Refused):
                read(path, bytes(changed))
        with pytest.raises(Refused):
            read(path, packed[: len(packed) // 2])


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_row_32_a_decompression_bomb_is_stopped_early(path: Path, pack: object) -> None:
    assert callable(pack)
    data = pack(tar_of({"a": bytes(80 << 20)}))
    with pytest.raises(Refused, match="200 times its size"):
        read(path, data)


def test_row_32_caps_on_bytes_and_members(path: Path) -> None:
    with pytest.raises(Refused, match="more than 5000 bytes"):
        read(path, tar_of({"a": bytes(10_000)}), Limits(total=5000))
    with pytest.raises(Refused, match="more than 3 members"):
        read(path, tar_of({str(i): b"" for i in range(4)}), Limits(members=3))


def test_a_document_over_its_limit_is_not_read(path: Path) -> None:
    path.write_bytes(tar_of({"a": bytes(100)}))
    with (
        untar.opened(path, "the archive") as members,
        pytest.raises(Refused, match="longer than the limit of 99"),
    ):
        next(members).read(99)


def test_an_archive_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="No such file"), untar.opened(tmp_path / "x", "x"):
        pass
