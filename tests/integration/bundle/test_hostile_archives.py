"""Rows 31 and 32 of the fault catalogue in bulk, and whether each of the readers' checks is needed.

The readers are changed one check at a time; each time something that was refused before must get
through, or be told otherwise.
"""

from __future__ import annotations

import ast
import copy
import gzip
import json
import signal
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeboot.bundle.tar import header, untar
from edgeboot.errors import EdgebootError
from tests.support.bundle import hostile
from tests.support.bundle.mutation import loaded, mutants, source_of

pytestmark = pytest.mark.integration


def test_rows_31_and_32_hundreds_of_hostile_archives_write_nothing_outside_and_stay_small(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.bundle.hostile", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=Path(__file__).parents[3],
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["through"] == []
    assert report["outside"] == []
    assert report["left"] == []
    assert report["total"] > 2000
    assert report["peak"] <= 256 << 20


def test_rows_31_and_32_each_generated_archive_is_refused_by_the_reader_alone(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.tar"
    through = []
    for label, data in hostile.archives():
        path.write_bytes(data)
        if hostile.outcome(path) is None:
            through.append(label)
    assert through == []


def tar_mutants() -> list[tuple[str, str, ast.Module]]:
    return [
        (f"{leaf} {label}", leaf, tree)
        for leaf in ("header", "untar")
        for label, tree in mutants(source_of(leaf))
    ]


TAR_MUTANTS = tar_mutants()
LIMITS = untar.Limits(total=60_000, members=40, ratio=20, free=20_000)


def tar_cases() -> list[tuple[str, bytes]]:
    """What the mutants are tried on: one archive for each entry, and archives over small limits."""
    good = hostile.member(b"good", b"g" * 600)
    cases = [(n, good + d + hostile.END) for n, d in hostile.entries() if "all of" not in n]
    cases += [(n, d) for n, d in hostile.archives() if "," not in n]
    cases.append(("total", hostile.member(b"x", bytes(range(1, 251)) * 260) + hostile.END))
    cases.append(("ratio", gzip.compress(hostile.member(b"x", bytes(50_000)) + hostile.END)))
    many = b"".join(hostile.member(str(n).encode()) for n in range(41))
    cases.append(("members", many + hostile.END))
    cases.append(
        ("a document that is too long", hostile.member(b"limited", b"12345") + hostile.END)
    )
    blank = hostile.header(b"x", bytes(12))
    cases.append(("a good blank number", blank + hostile.END))
    # what must be taken, so that a check that is turned round is seen as well
    cases.append(("a good one", good + hostile.END))
    gnu = hostile.member(b"L", b"n" * 150 + b"\0", b"L") + hostile.member(b"cut", b"data")
    paxed = hostile.pax("path", "p" * 150) + hostile.pax("mtime", "1.5") + hostile.member(b"cut")
    cases.append(
        ("good long names", gnu + paxed + hostile.pax("LIBARCHIVE.x", "1") + good + hostile.END)
    )
    cases.append(("a good prefix", hostile.member(b"x", prefix=b"dir") + hostile.END))
    old = hostile.member(b"x", prefix=b"junk", magic=bytes(8))
    cases.append(("no prefix before POSIX", old + hostile.END))
    dirs = hostile.member(b"./", kind=b"5") + hostile.member(b"d/", kind=b"\0")
    cases.append(("good directories", dirs + hostile.END))
    sized = hostile.pax("size", "4") + hostile.header(b"x", 0) + b"data" + bytes(508)
    cases.append(("a good size in pax", sized + hostile.END))
    return cases


def link_cases() -> list[tuple[str, bytes]]:
    """Archives that are read with links allowed."""

    def link(name: bytes, target: bytes, kind: bytes = b"2") -> bytes:
        block = bytearray(hostile.header(name, 0, kind=kind))
        block[157 : 157 + len(target)] = target
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
        return bytes(block)

    targets = (b"/etc/passwd", b"", b".", b"..", b"../..", b"../../x", b"../up", b"a/../b")
    cases = [(f"link to {t!r}", link(b"d/x", t)) for t in targets]
    cases += [(f"hard link to {t!r}", link(b"d/x", t, b"1")) for t in (b"", b"d/y", b"../y")]
    long = hostile.member(b"K", b"n" * 150 + b"\0", b"K")
    cases.append(("a long link", long + link(b"d/x", b"cut")))
    cases.append(("a link target in pax", hostile.pax("linkpath", "p" * 150) + link(b"x", b"cut")))
    cases.append(("both", hostile.pax("linkpath", "q") + long + link(b"x", b"cut")))
    cases.append(("a long link of a file", long + hostile.member(b"x")))
    cases.append(("a long link of nothing", long))
    sized = hostile.pax("size", "4") + hostile.pax("path", "p") + link(b"x", b"y")
    cases.append(("a link with a size", sized))
    split = hostile.pax("size", "4") + hostile.pax("path", "p") + hostile.header(b"x", 0)
    cases.append(("extensions in two headers", split + b"data" + bytes(508)))
    return [(label, data + hostile.END) for label, data in cases]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("tried")
    for number, (_, data) in enumerate(tar_cases()):
        (directory / f"{number:05}").write_bytes(data)
    for number, (_, data) in enumerate(link_cases()):
        (directory / f"{number:05}.links").write_bytes(data)
    return sorted(directory.iterdir())


@pytest.fixture
def no_endless_loop() -> Iterator[None]:
    """A reader that lacks a check may never end; that is noticed as a difference, too."""

    def stop(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 5, 5)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def data_of(member: untar.Member) -> bytes:
    return member.read(4) if member.name == "limited" else b"".join(member.chunks())


def answer(reader: types.ModuleType, path: Path) -> str:
    try:
        links = path.suffix == ".links"
        with reader.opened(path, "it", LIMITS, links=links) as members:
            return str([(m.name, m.size, m.link, data_of(m)[:9]) for m in members])
    except EdgebootError as error:
        return f"{type(error).__name__} {error.what}"
    except Exception as error:  # any other is a bug, and noticed as such
        return f"bug {type(error).__name__}"


@pytest.fixture(scope="module")
def right(cases: list[Path]) -> list[str]:
    found = [answer(untar, path) for path in cases]
    assert not [text for text in found if text.startswith("bug")]
    return found


@pytest.mark.usefixtures("no_endless_loop")
@pytest.mark.parametrize(
    ("leaf", "tree"), [m[1:] for m in TAR_MUTANTS], ids=[m[0] for m in TAR_MUTANTS]
)
def test_each_check_of_the_tar_reader_is_needed(
    leaf: str,
    tree: ast.Module,
    cases: list[Path],
    right: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = loaded(f"edgeboot.bundle.tar.{leaf}", copy.deepcopy(tree), monkeypatch)
    if leaf == "header":
        whole = ast.parse(source_of("untar"))
        reader = loaded("edgeboot.bundle.tar.untar", whole, monkeypatch)
    assert any(answer(reader, p) != r for p, r in zip(cases, right, strict=True))


def test_there_are_checks_to_take_away() -> None:
    assert len(TAR_MUTANTS) > 30
    assert header.__name__ == "edgeboot.bundle.tar.header"
