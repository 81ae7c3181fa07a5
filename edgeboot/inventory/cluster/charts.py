"""``charts``: which charts of the bundle are installed, in which order, with which values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgeboot.inventory import syntax
from edgeboot.inventory.cluster.base import (
    BOOLEAN,
    TEXT,
    checked,
    closed,
    described,
    in_range,
    text_file,
)
from edgeboot.yaml import foreign
from edgeboot.yaml.reader import Reader, plain
from edgeboot.yaml.wording import quoted

KEYS = ("name", "install", "namespace", "values", "values-file", "bootstrap", "timeout")
_RELEASE = re.compile(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?")  # Helm: at most 53
_LEAST_TIMEOUT, _MOST_TIMEOUT = 10, 7200


@dataclass(frozen=True)
class ChartSetting:
    """What this cluster wants of a chart; None is what the bundle says. ``timeout`` in seconds."""

    name: str
    install: bool = True
    namespace: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    bootstrap: bool = False
    timeout: int | None = None


SCHEMA = {
    "description": "Charts of the bundle, in the order in which they are installed; others follow.",
    "type": "array",
    "items": closed(
        {
            "name": described(TEXT, "The release, as the bundle names it."),
            "install": described(BOOLEAN, "false leaves the chart out of this cluster."),
            "namespace": described(TEXT, "Where to, in place of what the bundle says."),
            "values": described({"type": "object"}, "Laid over the bundle's values."),
            "values-file": described(TEXT, "The same from a file."),
            "bootstrap": described(
                BOOLEAN, "The network or something else that nodes need to become Ready."
            ),
            "timeout": described(
                {"type": "integer", "minimum": _LEAST_TIMEOUT, "maximum": _MOST_TIMEOUT},
                "Seconds to wait until it is installed; 600 by default.",
            ),
        },
        "name",
    ),
}


def read(cluster: Reader, base: Path) -> tuple[ChartSetting, ...]:
    """The section; BadInput with file:line."""
    found: dict[str, ChartSetting] = {}
    for mapping in cluster.mappings("charts"):
        reader = mapping.reader(KEYS, "a chart")
        name = checked(reader, "name", reader.text("name"), _release_name)
        if name in found:
            raise reader.error("name", f"chart '{name}' twice", "keep one of them")
        found[name] = _setting(reader, name, base)
    return tuple(found.values())


def _setting(reader: Reader, name: str, base: Path) -> ChartSetting:
    namespace = reader.text("namespace", None)
    if namespace is not None:
        checked(reader, "namespace", namespace, syntax.dns_label)
    if reader.has("values") and reader.has("values-file"):
        raise reader.error("values-file", "'values' and 'values-file' exclude each other")
    return ChartSetting(
        name,
        install=reader.boolean("install", True),
        namespace=namespace,
        values=_values(reader, base),
        bootstrap=reader.boolean("bootstrap", False),
        timeout=in_range(reader, "timeout", _LEAST_TIMEOUT, _MOST_TIMEOUT),
    )


def _values(reader: Reader, base: Path) -> dict[str, object]:
    text = text_file(reader, "values-file", base)
    if text is None:
        values = plain(reader.mapping("values"))
    else:
        try:
            values = foreign.parse(text.encode()) or {}
        except ValueError as error:
            raise reader.error("values-file", f"not YAML: {str(error)[:200]}") from None
    if not isinstance(values, dict):
        what = f"{quoted(reader.text('values-file'))} is no mapping of values"
        raise reader.error("values-file", what)
    return values


def _release_name(text: str) -> str:
    if _RELEASE.fullmatch(text):
        return text
    raise ValueError("at most 53 lower-case letters, digits and dashes, as in the bundle")
