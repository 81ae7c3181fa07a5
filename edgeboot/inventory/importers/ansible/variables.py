"""``group_vars`` and ``host_vars``: files and directories of variables, read in Ansible's order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from edgeboot.inventory.importers.ansible.model import Inventory, Source, Vars
from edgeboot.localio import bounded

_SUFFIXES = ("", ".yml", ".yaml", ".json")
_VAULT = b"$ANSIBLE_VAULT"
_LONGEST_NAME = 240  # bytes; file systems take 255, with the suffix
_MOST = 1 << 20  # bytes
_LEVELS = 4  # from the inventory up to the playbooks
_MARKS = ("ansible.cfg", "site.yml", "site.yaml", "playbook.yml", "main.yml")
_PLAYBOOKS = ("playbooks", "playbook")

Parse = Callable[[bytes], Any]


def add(made: Inventory, inventory: Path, parse: Parse) -> None:
    """Adds the variables that Ansible would find for the inventory and for its playbooks."""
    beside = inventory.absolute().parent
    for directory in dict.fromkeys((beside, *playbook_directories(beside))):
        source = Source(
            _read(directory / "group_vars", ("all", *made.groups), made, parse),
            _read(directory / "host_vars", tuple(made.host_variables), made, parse),
        )
        if source.groups or source.hosts:
            made.sources.append(source)


def playbook_directories(beside: Path) -> Iterator[Path]:
    """Where playbooks are: the nearest directory above that looks like it, and ``playbooks``."""
    for directory in (beside, *beside.parents[: _LEVELS - 1]):
        marked = any((directory / mark).is_file() for mark in _MARKS)
        inner = [directory / name for name in _PLAYBOOKS if (directory / name).is_dir()]
        if marked or inner or (directory != beside and (directory / "group_vars").is_dir()):
            yield directory
            yield from inner
            return
        if (directory / ".git").exists():
            return


def _read(
    directory: Path, names: tuple[str, ...], made: Inventory, parse: Parse
) -> dict[str, Vars]:
    found: dict[str, Vars] = {}
    for name in names:
        if "/" in name or name.startswith(".") or len(name.encode()) > _LONGEST_NAME:
            continue
        variables: dict[str, Any] = {}
        for path in _files(directory, name):
            variables.update(_variables(path, made, parse))
        if variables:
            found[name] = variables
    return found


def _files(directory: Path, name: str) -> Iterator[Path]:
    """The first that exists of NAME, NAME.yml and so on; all files where it is a directory."""
    for suffix in _SUFFIXES:
        path = directory / f"{name}{suffix}"
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
                usable = file.suffix in _SUFFIXES and not file.name.endswith("~")
                if file.is_file() and usable and not hidden:
                    yield file
            return
        if path.is_file():
            yield path
            return


def _variables(path: Path, made: Inventory, parse: Parse) -> dict[str, Any]:
    try:
        with bounded.opened(path) as file:
            data = file.read(_MOST + 1)
        if data.startswith(_VAULT):
            made.notes[f"{path}: encrypted by ansible-vault; its variables are unknown"] = None
            return {}
        if len(data) > _MOST:
            raise ValueError(f"larger than {_MOST >> 20} MiB")
        document = parse(data)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        made.notes[f"{path}: cannot be read ({reason}); its variables are unknown"] = None
        return {}
    if document is not None and not isinstance(document, Mapping):
        made.notes[f"{path}: not a mapping of variables"] = None
        return {}
    return {str(key): value for key, value in (document or {}).items()}
