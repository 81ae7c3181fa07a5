"""Who may import whom: the tables of docs/architecture.md, held against the imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgeboot

PACKAGE = Path(edgeboot.__file__).parent
LAB = PACKAGE.parent / "edgeboot_lab"
DOCUMENT = PACKAGE.parent / "docs" / "architecture.md"
MOST_FILES = 16  # in a folder
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")
ALL_FILES = [*FILES, *sorted(LAB.rglob("*.py"))]
FOLDERS = sorted({path.parent for path in ALL_FILES})


def table(name: str) -> dict[str, frozenset[str]]:
    """The rows of the table below ``<!-- NAME -->``: the first cell to the words of the second."""
    _, _, rest = DOCUMENT.read_text().partition(f"<!-- {name} -->\n")
    rows: dict[str, frozenset[str]] = {}
    for line in rest.splitlines()[2:]:
        if not line.startswith("|"):
            break
        left, right = (cell.strip() for cell in line.strip("|").split("|"))
        rows |= dict.fromkeys(left.split(", "), frozenset(filter(None, right.split(", "))))
    return rows


MAY_IMPORT = table("layers")
DOORS = table("doors")
LEAVES = frozenset(
    {
        "answer",
        "errors",
        "events",
        "secret",
        "platform",
        "printable",
        "blob",
        "json_document",
        "k3s_version",
    }
)


def module_of(path: Path) -> str:
    """``bundle.format.archive``, or ``edgeboot_lab.lab`` for the lab's."""
    base = PACKAGE if path.is_relative_to(PACKAGE) else PACKAGE.parent
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[str]:
    """Modules imported anywhere in a file, with imported submodules spelt out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                inside = PACKAGE.parent / Path(*name.split("."))
                is_module = inside.with_suffix(".py").exists() or inside.is_dir()
                yield name if is_module else str(node.module)


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(room + ".")


def room_of(module: str) -> str:
    return max((room for room in MAY_IMPORT if within(module, room)), key=len)


def test_the_tables_are_read() -> None:
    assert MAY_IMPORT.keys() >= LEAVES
    assert all(MAY_IMPORT[leaf] <= LEAVES for leaf in LEAVES)
    assert DOORS["paramiko"] == {"transport.ssh"}
    rooms = {name for names in (*MAY_IMPORT.values(), *DOORS.values()) for name in names}
    for room in (rooms | MAY_IMPORT.keys()) - {"every room"}:
        inside = PACKAGE / Path(*room.split("."))
        assert inside.is_dir() or inside.with_suffix(".py").exists(), f"there is no room {room}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_stay_within_the_rooms(path: Path) -> None:
    module = module_of(path)
    room = room_of(module)
    if "every room" in MAY_IMPORT[room]:
        return
    allowed = {room, *LEAVES, *MAY_IMPORT[room]}
    for name in imports_of(path):
        if name in {"edgeboot", "edgeboot.__version__"} or not name.startswith("edgeboot"):
            continue
        target = name.removeprefix("edgeboot.")
        assert any(within(target, other) for other in allowed), f"{module} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_libraries_have_one_door(path: Path) -> None:
    module = module_of(path)
    for name in imports_of(path):
        library = name.partition(".")[0]
        if library in {"edgeboot", "edgeboot_lab"} or library in sys.stdlib_module_names:
            continue
        assert library in DOORS, f"{module} imports {library}: a new dependency needs a door"
        assert any(within(module, room) for room in DOORS[library]), f"{module} imports {library}"


def test_every_room_is_in_the_table() -> None:
    assert all(any(within(module_of(path), room) for room in MAY_IMPORT) for path in FILES)


def test_the_lab_needs_leaves_and_local_files_only() -> None:
    for path in LAB.rglob("*.py"):
        for name in imports_of(path):
            if within(name, "edgeboot"):
                target = name.removeprefix("edgeboot.")
                assert target in LEAVES or within(target, "localio"), f"{path} imports {name}"


def test_no_module_imports_itself_in_a_circle() -> None:
    known = {
        (".".join(("edgeboot", module_of(p))) if p in FILES else module_of(p)) for p in ALL_FILES
    }
    graph = {}
    for path in ALL_FILES:
        name = module_of(path)
        name = name if name.startswith("edgeboot_lab") else f"edgeboot.{name}"
        graph[name] = {target for target in imports_of(path) if target in known} - {name}
    while graph:
        free = {name for name, targets in graph.items() if not targets & graph.keys()}
        assert free, f"a circle among {sorted(graph)}"
        graph = {name: targets for name, targets in graph.items() if name not in free}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(PACKAGE.parent)))
def test_a_folder_is_small_and_its_names_share_no_prefix(folder: Path) -> None:
    stems = sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("__"))
    assert len(stems) <= MOST_FILES, f"{len(stems)} files in {folder}"
    heads = [stem.split("_")[0] for stem in stems if not stem.startswith("test_")]
    twice = {head for head in heads if heads.count(head) > 1}
    assert not twice, f"{folder}: several files begin with {sorted(twice)}"
