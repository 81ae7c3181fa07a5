"""Writes reproducible tar archives: POSIX ustar, regular files, no times, no owners.

A header depends only on name and size, so a reader can compute the expected header and compare all
512 bytes. ``tarfile`` is not used because it fills unused fields differently between Python
versions.
"""

from __future__ import annotations

BLOCK = 512
END = bytes(2 * BLOCK)  # POSIX: two zero blocks end an archive
MAX_SIZE = 8**11 - 1  # 11 octal digits: 8 GiB - 1
MAX_NAME = 100


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """Return the header block of a member of ``size`` bytes; kind ``0`` is a regular file.

    Raises ValueError if name or size does not fit (MAX_NAME, MAX_SIZE).
    """
    raw = name.encode("ascii")
    if not 0 < len(raw) <= MAX_NAME or not 0 <= size <= MAX_SIZE:
        raise ValueError(f"cannot write a ustar header for {name!r} of {size} bytes")
    fields = b"".join(
        (
            raw.ljust(100, b"\0"),
            b"0000644\0" + b"0000000\0" + b"0000000\0",  # mode, uid, gid
            f"{size:011o}\0".encode() + b"00000000000\0",  # size, mtime
            b" " * 8,  # checksum: counted as spaces
            kind + bytes(100),  # no link name
            b"ustar\0" + b"00",
            bytes(32 + 32 + 8 + 8 + 155 + 12),  # owner names, device numbers, prefix, filler
        )
    )
    return fields[:148] + f"{sum(fields):06o}\0 ".encode() + fields[156:]


def long_header(name: str, size: int) -> bytes:
    """Return a header for a name of any length, preceded by a pax header if ustar is too small.

    Source: POSIX pax Extended Header. Readers without pax support see a truncated name.
    """
    raw = name.encode()
    if name.isascii() and len(raw) <= MAX_NAME:
        return header(name, size)
    record = b" path=" + raw + b"\n"
    length = len(record) + 1
    while len(str(length)) + len(record) != length:  # a record's length counts its own digits
        length = len(str(length)) + len(record)
    extension = str(length).encode() + record
    cut = raw[-MAX_NAME:].decode("ascii", "replace").replace("\ufffd", "_")
    return (
        header("pax", len(extension), b"x")
        + extension
        + padding(len(extension))
        + header(cut, size)
    )


def padding(size: int) -> bytes:
    """Return the zeros between data of ``size`` bytes and the next block."""
    return bytes(-size % BLOCK)


def footprint(size: int) -> int:
    """Return the bytes that a member of ``size`` bytes takes: header, data and padding."""
    return BLOCK + size + -size % BLOCK
