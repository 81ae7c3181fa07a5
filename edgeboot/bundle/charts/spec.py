"""The section ``charts`` of ``bundle.yml``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeboot.bundle.charts import semver
from edgeboot.bundle.format.encoding import VALUES_MAX, is_namespace
from edgeboot.bundle.http.urls import web_url
from edgeboot.errors import BadInput
from edgeboot.localio import bounded
from edgeboot.yaml import foreign
from edgeboot.yaml.problems import Problems
from edgeboot.yaml.reader import Reader, reader_of
from edgeboot.yaml.values import Mapping, plain
from edgeboot.yaml.wording import quoted

# Helm's release names are DNS labels of at most 53 characters
_RELEASE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?")
_CHART_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_OCI = re.compile(r"oci://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+")
_KEYS = (
    "path",
    "repo",
    "chart",
    "oci",
    "version",
    "name",
    "namespace",
    "values",
    "values-file",
    "discover",
)


@dataclass(frozen=True)
class ChartEntry:
    """A chart to bundle. ``source`` is a path, a repository's URL or an ``oci://`` reference.

    ``chart`` is its name in a repository; ``version`` is an exact version or a range, empty for the
    newest release. ``values`` is YAML text, or the path of a YAML file.
    """

    source: Path | str
    where: str
    chart: str = ""
    version: str = ""
    name: str | None = None
    namespace: str | None = None
    values: str | Path | None = None
    discover: bool = True  # whether to find and bundle its images
    label: str = ""  # its key in a lock

    def describe(self) -> str:
        """Describe the chart in one line."""
        return " ".join(filter(None, (self.chart, self.version, str(self.source))))


def is_release_name(name: str) -> bool:
    """Report whether a Helm release name is valid."""
    return _RELEASE_NAME.fullmatch(name) is not None


def read(mapping: Mapping, base: Path) -> ChartEntry:
    """Read one entry; raises BadInput with file:line of each mistake."""
    problems = Problems()
    reader = reader_of(mapping, _KEYS, "a chart", problems)
    kinds = [key for key in ("path", "repo", "oci") if reader.has(key)]
    with problems:
        if len(kinds) != 1:
            hint = "add one" if not kinds else f"keep one of {', '.join(kinds)}"
            what = "a chart needs exactly one of 'path', 'repo' and 'oci'"
            raise BadInput(what, where=mapping.where(), hint=hint)
        source, chart = _source(reader, kinds[0], base)
    with problems:
        version = _version(reader)
    with problems:
        name = _release_name(reader)
    with problems:
        namespace = _namespace(reader)
    with problems:
        values = _values(reader, base)
    with problems:
        discover = reader.boolean("discover", True)
    problems.raise_any()
    label = " ".join(filter(None, (reader.text(kinds[0]), chart, name and f"as {name}")))
    return ChartEntry(
        source, mapping.where(), chart, version, name, namespace, values, discover, label
    )


def _version(reader: Reader) -> str:
    if reader.has("path") and reader.has("version"):
        what = "'version' does not apply to a chart on disk"
        raise reader.error("version", what, "remove it; the version is in Chart.yaml")
    version = reader.literal("version", "")
    try:
        semver.constraint(version)
    except ValueError as error:
        raise reader.error("version", str(error), "write 1.2.3, ^1.2, ~1.2.3 or '>=1 <3'") from None
    return version


def _release_name(reader: Reader) -> str | None:
    name = reader.text("name", None)
    if name is not None and not is_release_name(name):
        hint = "use at most 53 lower-case letters, digits and dashes"
        raise reader.error("name", f"invalid Helm release name {quoted(name)}", hint)
    return name


def _namespace(reader: Reader) -> str | None:
    namespace = reader.text("namespace", None)
    if namespace is not None and not is_namespace(namespace):
        hint = "use at most 63 lower-case letters, digits and dashes"
        raise reader.error("namespace", f"invalid namespace {quoted(namespace)}", hint)
    return namespace


def _source(reader: Reader, kind: str, base: Path) -> tuple[Path | str, str]:
    text = reader.text(kind)
    if kind != "repo" and reader.has("chart"):
        raise reader.error("chart", "'chart' applies only to 'repo'", "remove it")
    if kind == "path":
        return base / text, ""
    if kind == "oci":
        if not _OCI.fullmatch(text):
            hint = "write oci://HOST/PATH/CHART; the tag goes into 'version'"
            raise reader.error("oci", f"invalid OCI chart {quoted(text)}", hint)
        return text, ""
    try:
        check_repository(text)
    except BadInput as error:
        raise reader.error("repo", error.what, error.hint) from None
    chart = reader.text("chart")
    if not _CHART_NAME.fullmatch(chart):
        raise reader.error("chart", f"invalid chart name {quoted(chart)}")
    return text.rstrip("/"), chart


def check_repository(url: str) -> None:
    """Raise BadInput unless ``url`` is a valid URL of a chart repository."""
    parts = web_url(url)
    if parts is None:
        hint = "write https://HOST/PATH, or use 'oci' for oci://"
        raise BadInput(f"invalid http(s) URL {quoted(url)}", hint=hint)
    if parts.username is not None or parts.query or parts.fragment:
        hint = "put user and password into ~/.netrc"
        raise BadInput("a repository URL must not have a user, query or fragment", hint=hint)


def _values(reader: Reader, base: Path) -> str | Path | None:
    if reader.has("values") and reader.has("values-file"):
        raise reader.error("values-file", "'values' and 'values-file' are mutually exclusive")
    if reader.has("values-file"):
        return base / reader.text("values-file")
    if not reader.has("values"):
        return None
    return foreign.dump(plain(reader.mapping("values")))


def read_values(entry: ChartEntry) -> str | None:
    """Return the values of an entry as YAML text.

    Raises BadInput if their file cannot be read or is not a mapping.
    """
    text = _from_file(entry.values) if isinstance(entry.values, Path) else entry.values
    if text is not None and len(text) > VALUES_MAX:
        raise BadInput(f"values exceed {VALUES_MAX >> 10} KiB", where=entry.where)
    return text


def _from_file(path: Path) -> str:
    try:
        with bounded.opened(path) as file:
            data = file.read(VALUES_MAX * 4 + 1)
        text = data.decode("utf-8-sig")
        parsed = foreign.parse(data)
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"{path} is not valid YAML: {str(error)[:200]}") from error
    if not isinstance(parsed, dict | None):
        raise BadInput(f"{path} must be a mapping of values")
    return text
