"""The sections ``k3s`` and ``helm`` of ``bundle.yml``.

Each function raises BadInput with file:line for every mistake in its section.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from edgeboot.bundle.build import registry_images
from edgeboot.bundle.http.urls import web_url
from edgeboot.errors import BadInput
from edgeboot.k3s_version import is_version
from edgeboot.platform import ARCHES, Arch
from edgeboot.yaml.problems import Problems
from edgeboot.yaml.reader import Reader, reader_of
from edgeboot.yaml.values import Mapping
from edgeboot.yaml.wording import quoted

# Helm's tags: v3.19.0, v4.0.0-rc.1
HELM_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(-(alpha|beta|rc)\.[0-9]{1,3})?")
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9.-]{0,40}")


@dataclass(frozen=True)
class K3s:
    """Which K3s to bundle, and its source.

    At most one of ``version`` and ``channel`` is set; with neither, the source decides.
    ``source`` is a release directory or a URL; None means K3s's own releases on GitHub.
    ``where`` is file:line in the spec.
    """

    version: str | None
    channel: str | None
    source: Path | str | None
    arches: tuple[Arch, ...]
    where: str
    without: tuple[str, ...] = ()  # components whose images are left out


@dataclass(frozen=True)
class HelmPin:
    """The Helm that renders charts: its version, and the directory or URL with its archives.

    ``source`` None means Helm's own releases. ``where`` is file:line in the spec.
    """

    version: str
    source: Path | str | None
    where: str


def k3s(mapping: Mapping, base: Path) -> K3s:
    """Read the section ``k3s``."""
    problems = Problems()
    keys = ("version", "channel", "source", "arches", "images")
    reader = reader_of(mapping, keys, "'k3s'", problems)
    source: Path | str | None = None
    with problems:
        version = reader.text("version", None)
        if version is not None and not is_version(version):
            what = f"invalid K3s version {quoted(version)}"
            raise reader.error("version", what, "write it like v1.36.2+k3s1")
    with problems:
        source = _source(reader, base)
    with problems:
        channel = _channel(reader, source)
    with problems:
        arches = registry_images.arches(reader) if reader.has("arches") else tuple(ARCHES.values())
    with problems:
        without = registry_images.left_out(reader)
    problems.raise_any()
    return K3s(version, channel, source, arches, mapping.where(), without)


def _channel(reader: Reader, source: Path | str | None) -> str | None:
    channel = reader.text("channel", None)
    if channel is None:
        return None
    if reader.has("version"):
        raise reader.error(
            "channel", "'version' and 'channel' are mutually exclusive", "remove one"
        )
    if not _CHANNEL.fullmatch(channel):
        what = f"invalid channel {quoted(channel)}"
        raise reader.error("channel", what, "use stable, latest or v1.36")
    if isinstance(source, Path):
        hint = "remove 'channel', or name the exact 'version'"
        raise reader.error("channel", "a release directory has no channels", hint)
    return channel


def helm(top: Reader, base: Path) -> HelmPin | None:
    """Read the section ``helm``; None if the spec has none."""
    if not top.has("helm"):
        return None
    mapping, problems = top.mapping("helm"), Problems()
    reader = reader_of(mapping, ("version", "source"), "'helm'", problems)
    with problems:
        version = reader.literal("version")
        if not HELM_VERSION.fullmatch(version):
            what = f"invalid Helm version {quoted(version)}"
            raise reader.error("version", what, "write it like v3.19.0")
    with problems:
        source = _source(reader, base)
    problems.raise_any()
    return HelmPin(version, source, mapping.where())


def source_of(text: str, base: Path) -> Path | str:
    """Parse a release source: an http(s) URL, or a directory relative to ``base``.

    Raises BadInput for other schemes and for URLs with a user, query or fragment.
    """
    if "://" not in text:
        return base / text
    parts = web_url(text)
    if parts is None:
        raise BadInput(f"{quoted(text)} is neither a directory nor an http(s) URL")
    if parts.username is not None or parts.query or parts.fragment:
        raise BadInput("a release URL must not have a user, query or fragment")
    return text.rstrip("/")


def _source(reader: Reader, base: Path) -> Path | str | None:
    text = reader.text("source", None)
    try:
        return None if text is None else source_of(text, base)
    except BadInput as error:
        raise reader.error("source", error.what) from None
