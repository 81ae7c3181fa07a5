"""Parses and validates headers of untrusted tar archives.

Only regular files, directories, links and long names (GNU ``L`` and ``K``, pax ``x``) are allowed;
links only where the caller allows them. Every function raises Refused for anything else; ``what``
names the archive in its message.
"""

from __future__ import annotations

import posixpath
import unicodedata
from dataclasses import dataclass

from edgeboot.errors import Refused

FILE = b"0"
DIRECTORY = b"5"
HARD_LINK = b"1"
SYMBOLIC_LINK = b"2"
LINKS = (HARD_LINK, SYMBOLIC_LINK)
GNU_LONG_NAME = b"L"
GNU_LONG_LINK = b"K"
PAX = b"x"
EXTENSIONS = (GNU_LONG_NAME, GNU_LONG_LINK, PAX)

_KINDS = {
    HARD_LINK: "hard link",
    SYMBOLIC_LINK: "symbolic link",
    b"3": "character device",
    b"4": "block device",
    b"6": "named pipe",
    b"g": "global pax header",
    b"S": "sparse file",
}
_PAX_HARMLESS = {"atime", "ctime", "mtime", "uid", "gid", "uname", "gname", "comment"}
_PAX_HARMLESS_PREFIXES = ("SCHILY.xattr.", "LIBARCHIVE.")
_NAME_MAX = 1024


@dataclass(frozen=True)
class Head:
    """One header block: the type, the name as written, and the size of the data in bytes.

    ``link`` is the target of a link as written.
    """

    kind: bytes
    name: str
    size: int
    link: str = ""


def read_head(block: bytes, what: str, *, links: bool = False) -> Head:
    """Parse a 512-byte header block that is not all zero; with ``links``, links are allowed."""
    if _number(block[148:156], what) != sum(block[:148]) + 8 * 32 + sum(block[156:]):
        raise Refused(f"{what} has a damaged header")
    kind = block[156:157]
    name = text(block[:100].split(b"\0")[0], what)
    if block[257:263] == b"ustar\0" and (prefix := text(block[345:500].split(b"\0")[0], what)):
        name = f"{prefix}/{name}"
    if kind == b"\0":  # before POSIX, a regular file or, with a slash, a directory
        kind = DIRECTORY if name.endswith("/") else FILE
    if kind not in (FILE, DIRECTORY, *EXTENSIONS, *(LINKS if links else ())):
        label = _KINDS.get(kind, f"member of type {kind!r}")
        raise Refused(
            f"{what} has a {label}, {name!r}; only regular files and directories are accepted",
            hint="rewrite an image archive without links with "
            "`skopeo copy docker-archive:OLD oci-archive:NEW:NAME`",
        )
    if _number(block[100:108], what) & 0o6000:
        raise Refused(f"{what} has a setuid or setgid member, {name!r}")
    link = text(block[157:257].split(b"\0")[0], what) if kind in LINKS else ""
    # some writers give a link the size of its target, which has no data there
    return Head(kind, name, 0 if kind in LINKS else _number(block[124:136], what), link)


@dataclass(frozen=True)
class Extension:
    """What extension headers set for the next member; None if not set."""

    name: str | None = None
    size: int | None = None
    link: str | None = None

    def over(self, earlier: Extension) -> Extension:
        """Combine with an earlier extension of the same member."""
        return Extension(
            earlier.name if self.name is None else self.name,
            earlier.size if self.size is None else self.size,
            earlier.link if self.link is None else self.link,
        )


def read_pax(data: bytes, what: str) -> Extension:
    """Return what a pax header sets for the next member."""
    name: str | None = None
    size: int | None = None
    link: str | None = None
    while data:
        length, _, _ = data.partition(b" ")
        if not length.isdigit() or not len(length) + 3 <= int(length) <= len(data):
            raise Refused(f"{what} has a damaged pax header")
        key, _, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        data = data[int(length) :]
        word = text(key, what)
        if word == "path":
            name = text(value, what)
        elif word == "size" and value.isdigit() and len(value) < 20:
            size = int(value)
        elif word == "linkpath":
            link = text(value, what)
        elif word not in _PAX_HARMLESS and not word.startswith(_PAX_HARMLESS_PREFIXES):
            raise Refused(f"{what} has an unsupported pax header {word[:40]!r}")
    return Extension(name, size, link)


def link_target(head: Head, name: str, what: str) -> str:
    """Return the member that a link named ``name`` refers to; it must be inside the archive."""
    base = posixpath.dirname(name) if head.kind == SYMBOLIC_LINK else ""
    target = posixpath.normpath(posixpath.join(base, head.link))
    outside = head.link.startswith("/") or target in (".", "..") or target.startswith("../")
    if outside or not head.link:
        raise Refused(f"{what} has a link that leaves the archive, {head.name[:100]!r}")
    return safe_name(Head(FILE, target, 0), what)


def safe_name(head: Head, what: str) -> str:
    """Return the name without a leading ``./`` and trailing slash; ``.`` for the root."""
    clean = head.name.removeprefix("./")
    if head.kind == DIRECTORY:
        clean = clean.removesuffix("/")
        if clean in ("", "."):
            return "."
    unsafe = (
        len(clean) > _NAME_MAX
        or any(part in ("", ".", "..") for part in clean.split("/"))
        or any(ord(char) < 32 or char in "\\\x7f" for char in clean)
    )
    if unsafe:
        raise Refused(f"{what} has a member with an unsafe name, {head.name[:100]!r}")
    return clean


def fold(name: str) -> str:
    """Normalise case and Unicode form, to detect names that some file systems confuse."""
    return unicodedata.normalize("NFKC", name).casefold()


def text(raw: bytes, what: str) -> str:
    """Decode a UTF-8 name."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{what} has a name that is not UTF-8, {raw[:60]!r}") from None


def _number(raw: bytes, what: str) -> int:
    if raw[0] == 0x80:  # GNU: base 256 for numbers too large for octal
        return int.from_bytes(raw[1:], "big")
    digits = raw.strip(b" \0")
    if not all(digit in b"01234567" for digit in digits):
        raise Refused(f"{what} has a damaged header")
    return int(digits or b"0", 8)
