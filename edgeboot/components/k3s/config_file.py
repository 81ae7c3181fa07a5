"""K3s's ``config.yaml``: the text that edgeboot writes, and the keys that a host has in it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from edgeboot.components.heading import HEAD
from edgeboot.inventory.model import ConfigValue
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts
from edgeboot.yaml import foreign


def render(config: Mapping[str, ConfigValue]) -> str:
    """The file's text. JSON scalars are valid YAML, so ``json`` does the quoting.

    Empty lists are left out: K3s reads a key without a value as one empty word, and an empty word
    in ``disable`` disables every manifest (pkg/deploy, ``shouldDisableFile``).
    """
    lines = []
    for key in sorted(config):
        value = config[key]
        if value == ():
            continue
        if isinstance(value, tuple):
            lines.append(f"{key}:")
            lines += [f"  - {json.dumps(word)}" for word in value]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return HEAD + "".join(f"{line}\n" for line in lines)


def read(facts: Facts) -> dict[str, ConfigValue] | None:
    """The keys in a host's file; None without one, or if it is not a mapping in YAML.

    A value of another kind than K3s's keys have is left out.
    """
    fact = facts.files.get(paths.CONFIG)
    if fact is None:
        return None
    try:
        found = foreign.parse(fact.content or b"")
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    read = {str(key): _value(value) for key, value in found.items()}
    return {key: value for key, value in read.items() if value is not None}


def words(config: Mapping[str, ConfigValue] | None, key: str) -> tuple[str, ...]:
    """A key's values as a list, which K3s accepts in place of a single value; empty without it."""
    value = (config or {}).get(key, ())
    return value if isinstance(value, tuple) else (str(value),)


def _value(value: object) -> ConfigValue | None:
    if isinstance(value, list):
        return tuple(str(item) for item in value)
    return value if isinstance(value, str | int | bool) else None
