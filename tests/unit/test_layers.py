"""Who may import whom: the table of docs/architecture, held by reading the imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edgeboot

PACKAGE = Path(edgeboot.__file__).parent
LEAVES = frozenset({"errors", "events", "yamlfile", "yamlverbatim", "platform", "secret"})
VALUES = frozenset({"inventory", "bundle.contents", "plan", "transport.base"})

# Room -> what it may import besides itself and the leaves. The longest matching prefix decides.
MAY_IMPORT: dict[str, frozenset[str]] = {
    **{leaf: frozenset() for leaf in LEAVES},
    "inventory": frozenset(),
    "bundle.contents": frozenset(),
    "bundle": frozenset({"plan.sources"}),
    "plan": frozenset({"shell"}),
    "shell": frozenset(),
    "transport.base": frozenset({"plan.sources"}),
    "transport": frozenset({"shell", "plan.sources"}),
    "components": frozenset({"inventory", "bundle.contents", "plan"}),
    "roles": frozenset({"components", "inventory", "bundle.contents", "plan"}),
    "engine": frozenset({"plan", "transport.base", "shell"}),
    "lifecycle": frozenset(
        {"roles", "components", "engine", "plan", "inventory", "bundle", "transport.base"}
    ),
    "verify": frozenset({"plan", "inventory", "bundle.contents", "transport.base"}),
    "lab": frozenset({"inventory"}),
    "report": frozenset(
        {
            "plan",
            "inventory.budgets",
            "lifecycle.reset",
            "lifecycle.status",
            "lifecycle.world",
            "verify.budgets",
            "verify.results",
            "verify.usage",
        }
    ),
    "cli": frozenset({""}),
}

# Library -> the only rooms that may import it.
DOORS: dict[str, frozenset[str]] = {
    "fabric": frozenset({"transport"}),
    "invoke": frozenset({"transport"}),
    "paramiko": frozenset({"transport"}),
    "requests": frozenset({"bundle"}),
    "urllib3": frozenset({"bundle"}),
    "zstandard": frozenset({"bundle"}),
    "cryptography": frozenset({"bundle", "verify"}),
    "cyclonedx": frozenset({"bundle"}),
    "packageurl": frozenset({"bundle"}),
    "click": frozenset({"cli", "report"}),
    "rich": frozenset({"cli", "report"}),
    "testinfra": frozenset({"verify"}),
    "pytest": frozenset({"verify"}),
    "yaml": frozenset({"yamlfile", "yamlverbatim"}),
}

FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
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
    return room == "" or module == room or module.startswith(room + ".")


def room_of(module: str) -> str:
    return max((room for room in MAY_IMPORT if within(module, room)), key=len)


@pytest.mark.parametrize("path", FILES, ids=lambda p: module_of(p))
def test_imports_stay_within_the_rooms(path: Path) -> None:
    module = module_of(path)
    room = room_of(module)
    allowed = {room, *LEAVES, *MAY_IMPORT[room]}
    for name in imports_of(path):
        if name == "edgeboot" or not name.startswith("edgeboot."):
            continue
        target = name.removeprefix("edgeboot.")
        assert any(within(target, other) for other in allowed), f"{module} imports {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: module_of(p))
def test_libraries_have_one_door(path: Path) -> None:
    module = module_of(path)
    for name in imports_of(path):
        library = name.partition(".")[0]
        if library == "edgeboot" or library in sys.stdlib_module_names:
            continue
        assert library in DOORS, f"{module} imports {library}: a new dependency needs a door"
        assert any(within(module, room) for room in DOORS[library]), f"{module} imports {library}"


def test_every_room_is_in_the_table() -> None:
    assert all(any(within(module_of(path), room) for room in MAY_IMPORT) for path in FILES)
