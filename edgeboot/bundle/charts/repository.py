"""Downloads charts from HTTP(S) repositories and OCI registries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Protocol
from urllib.parse import urljoin

from edgeboot.blob import Blob
from edgeboot.bundle.charts import semver
from edgeboot.bundle.charts.spec import check_repository
from edgeboot.bundle.http.download import Downloader
from edgeboot.bundle.http.urls import redirected
from edgeboot.bundle.registry.login import login_for
from edgeboot.bundle.store.blobs import Store
from edgeboot.errors import BadInput, Refused
from edgeboot.yaml import foreign, wording

INDEX_MAX = 64 << 20
CHART_MAX = 64 << 20
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{64})")


class OciCharts(Protocol):
    """Charts in OCI registries; ``reference`` is ``oci://HOST/PATH/CHART`` without a tag."""

    def versions(self, reference: str) -> Iterable[str]:
        """Return all versions of a chart."""

    def chart(self, reference: str, version: str, store: Store) -> Blob:
        """Download a packed chart into the store and verify it."""


class Repositories:
    """Chart repositories; each index is downloaded once."""

    def __init__(
        self, store: Store, downloader: Downloader | None = None, oci: OciCharts | None = None
    ) -> None:
        self.store = store
        self._downloader = downloader or Downloader(login=login_for)
        self._oci = oci
        self._indexes: dict[str, dict[Any, Any]] = {}

    def fetch(self, source: str, chart: str, version: str) -> Blob:
        """Download the newest version of a chart that ``version`` allows.

        ``source`` is a repository's URL or the chart's ``oci://`` reference. Raises BadInput if
        there is no such chart or version, Refused if its hash does not match the index.
        """
        if source.startswith("oci://"):
            return self._from_registry(source, version)
        check_repository(source)
        entries = self._versions(source, chart)
        best = newest((str(e["version"]) for e in entries), version)
        if best is None:
            raise self._nothing(f"{source} has {chart}", version, entries)
        entry = next(e for e in entries if e["version"] == best)
        return self._download(source, chart, best, entry)

    def _from_registry(self, reference: str, version: str) -> Blob:
        if self._oci is None:
            raise BadInput(f"{reference} is in an OCI registry", hint="use 'repo' or 'path'")
        exact = _is_exact(version)
        # Helm replaces the plus sign, which is invalid in tags, by an underscore
        best = version if exact else newest(self._oci.versions(reference), version)
        if best is None:
            raise BadInput(f"{reference} has no version that matches {version!r}")
        return self._oci.chart(reference, best, self.store)

    def _versions(self, source: str, chart: str) -> list[dict[Any, Any]]:
        entries = self._index(source)["entries"].get(chart)
        if not isinstance(entries, list) or not entries:
            near = wording.nearest(chart, [str(name) for name in self._index(source)["entries"]])
            hint = f"did you mean {near}?" if near else "check 'repo' and 'chart'"
            raise BadInput(f"{source} has no chart {wording.quoted(chart)}", hint=hint)
        return [e for e in entries if isinstance(e, dict) and isinstance(e.get("version"), str)]

    def _index(self, source: str) -> dict[Any, Any]:
        if source not in self._indexes:
            url = f"{source.rstrip('/')}/index.yaml"
            data = self._downloader.small(url, INDEX_MAX)
            try:
                index = foreign.parse_texts(data)
            except ValueError as error:
                raise Refused(f"{url} is not valid YAML: {str(error)[:200]}") from None
            if not isinstance(index, dict) or not isinstance(index.get("entries"), dict):
                raise Refused(f"{url} is not a chart repository index: it has no 'entries'")
            self._indexes[source] = index
        return self._indexes[source]

    def _download(self, source: str, chart: str, version: str, entry: dict[Any, Any]) -> Blob:
        what, urls = f"{chart} {version} of {source}", entry.get("urls")
        if not isinstance(urls, list) or not urls or not isinstance(urls[0], str):
            raise Refused(f"the index has no URL for {what}")
        digest = entry.get("digest") or ""
        match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
        if digest and match is None:
            raise Refused(f"the index has an invalid SHA-256 for {what}: {str(digest)[:80]!r}")
        known = self.store.find(match[1]) if match else None
        if known is not None:
            return known
        url = urljoin(f"{source.rstrip('/')}/", urls[0])
        if url.startswith("oci://"):
            return self._from_registry(_without_tag(url), version)
        redirected(source, url)  # from https, an index may only link to https

        def take(chunks: Iterator[bytes]) -> Blob:
            return self.store.add(chunks, expected=match[1] if match else None, what=what)

        return self._downloader.fetch(url, CHART_MAX, take)

    def _nothing(self, what: str, version: str, entries: list[dict[Any, Any]]) -> BadInput:
        known = sorted((v for e in entries if (v := _read(e["version"]))), reverse=True)[:5]
        listed = ", ".join(_text(v) for v in known) or "none that are valid"
        hint = f"the newest versions are {listed}"
        return BadInput(f"{what}, but no version that matches {version or '*'!r}", hint=hint)


def newest(versions: Iterable[str], wanted: str) -> str | None:
    """Choose a version as Helm does: an exact match, else the newest allowed, else None."""
    found = list(versions)
    if wanted in found:
        return wanted
    constraint = semver.constraint(wanted)
    best: tuple[semver.Version, str] | None = None
    for text in found:
        version = _read(text)
        if version is not None and constraint.allows(version) and (not best or version > best[0]):
            best = (version, text)
    return best[1] if best else None


def _without_tag(reference: str) -> str:
    """Remove tag and digest from a reference; a colon before the last slash precedes a port."""
    parent, slash, last = reference.partition("@")[0].rpartition("/")
    return f"{parent}{slash}{last.partition(':')[0]}"


def _is_exact(version: str) -> bool:
    return re.fullmatch(r"v?[0-9]+\.[0-9]+\.[0-9]+([-+].*)?", version) is not None


def _read(text: str) -> semver.Version | None:
    try:
        return semver.parse(text)
    except ValueError:
        return None


def _text(version: semver.Version) -> str:
    return ".".join(map(str, version.numbers)) + (version.prerelease and f"-{version.prerelease}")
