"""YAML of other programs, read without any strictness of ours."""

from __future__ import annotations

from typing import Any

import yaml


def parse(data: bytes) -> Any:
    """What another program wrote as YAML, without any strictness of ours.

    ``ValueError`` where it is not YAML.
    """
    try:
        return yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def parse_texts(data: bytes) -> Any:
    """The same with every scalar as the text it was written as: ``1.10`` is no number.

    ``ValueError`` where it is not YAML.
    """
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # large indexes take minutes without C
    try:
        return yaml.load(data, Loader=loader)  # noqa: S506 - builds texts, lists and mappings only
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def parse_all_texts(data: bytes) -> list[Any]:
    """All documents, with every scalar as text; ``ValueError`` where it is not YAML."""
    loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return list(yaml.load_all(data, Loader=loader))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(str(error)) from error


def dump(document: Any) -> str:
    """YAML for another program, keys in the order they have."""
    return yaml.safe_dump(document, sort_keys=False, default_flow_style=False)
