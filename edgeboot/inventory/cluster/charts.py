"""``charts``: which charts of the bundle are installed, in which order, with which values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.files import TEXT_FILE, TextFile
from edgeboot.yaml import foreign
from edgeboot.yaml.compound import Free, ListOf, Made
from edgeboot.yaml.section import Section, Values, optional, required
from edgeboot.yaml.types import At, Boolean, Integer, Text
from edgeboot.yaml.wording import quoted

_RELEASE = re.compile(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?")  # Helm: at most 53


@dataclass(frozen=True)
class ChartSetting:
    """How this cluster installs a chart; None is what the bundle says. ``timeout`` in seconds."""

    name: str
    install: bool = True
    namespace: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)
    bootstrap: bool = False
    timeout: int | None = None


def _release(text: str) -> str:
    if _RELEASE.fullmatch(text):
        return text
    raise ValueError("use the bundle's name: up to 53 lower-case letters, digits and dashes")


def _values(file: TextFile, at: At) -> dict[str, object]:
    try:
        values = foreign.parse(file.text.encode()) or {}
    except ValueError as error:
        raise at.error(f"invalid YAML: {str(error)[:200]}", "fix the file") from None
    if not isinstance(values, dict):
        what = f"{quoted(str(file.path))} must be a mapping of values"
        raise at.error(what, "write 'key: value'")
    return values


NAME = required("name", Text(_release, "chart name"), "The release, as the bundle names it.")
INSTALL = optional(
    "install", Boolean(), "false leaves the chart out of this cluster.", default=True
)
NAMESPACE = optional(
    "namespace",
    Text(syntax.dns_label, "namespace"),
    "Where to install it, instead of the bundle's namespace.",
)
VALUES = optional("values", Free(), "Laid over the bundle's values.", default={})
VALUES_FILE = optional("values-file", Made(TEXT_FILE, _values), "The same from a file.", default={})
BOOTSTRAP = optional(
    "bootstrap", Boolean(), "Nodes need it to become Ready, for example a network.", default=False
)
TIMEOUT = optional("timeout", Integer(10, 7200), "Seconds to wait for it; 600 by default.")


def _one_source(values: Values) -> Iterator[BadInput]:
    if values.has(VALUES) and values.has(VALUES_FILE):
        what = "'values' and 'values-file' exclude each other"
        yield values.error(VALUES_FILE, what, "remove one of them")


def _build(values: Values) -> ChartSetting:
    return ChartSetting(
        values[NAME],
        install=values[INSTALL],
        namespace=values[NAMESPACE],
        values=values[VALUES] or values[VALUES_FILE],
        bootstrap=values[BOOTSTRAP],
        timeout=values[TIMEOUT],
    )


_CHART = Section(
    (NAME, INSTALL, NAMESPACE, VALUES, VALUES_FILE, BOOTSTRAP, TIMEOUT),
    _build,
    title="chart",
    named_by="name",
    rules=(_one_source,),
)
SECTION = ListOf(_CHART, unique=lambda chart: chart.name, noun="chart")
