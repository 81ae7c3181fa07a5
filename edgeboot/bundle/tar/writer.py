"""The one shape of tar that edgeboot writes: POSIX ustar, regular files, no clock, no owner.

A header is a pure function of name and size, so a reader can compute the header it must find and
compare all 512 bytes. It is written by hand because ``tarfile`` fills unused fields differently
from one Python version to the next.
"""

from __future__ import annotations

BLOCK = 512
END = bytes(2 * BLOCK)  # POSIX: two zero blocks end an archive
MAX_SIZE = 8**11 - 1  # eleven octal digits: 8 GiB less a byte
MAX_NAME = 100


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """The header block of a file of ``size`` bytes (at most ``MAX_SIZE``); ``0`` is a file."""
    raw = name.encode("ascii")
    if not 0 < len(raw) <= MAX_NAME or not 0 <= size <= MAX_SIZE:
        raise ValueError(f"no ustar header for {name!r} of {size} bytes")
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
    """A header for a name of any length and alphabet: where ustar has no room, a pax header first.

    POSIX: pax Extended Header. Readers that do not know it see the name cut short.
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
    """The zero bytes that follow a file's data up to the next block."""
    return bytes(-size % BLOCK)


def footprint(size: int) -> int:
    """Bytes that a file of ``size`` bytes takes in an archive: header, data and padding."""
    return BLOCK + size + -size % BLOCK
