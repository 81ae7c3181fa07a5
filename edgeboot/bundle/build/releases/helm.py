"""Fetches the Helm that a spec pins, verifies it and keeps it in the store.

Source of file names and layout: Helm's Makefile (dist, checksum) and its installer get-helm-3.
``helm-VERSION-linux-ARCH.tar.gz`` contains ``linux-ARCH/helm``; its checksum is in
``helm-VERSION-linux-ARCH.tar.gz.sha256sum``.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from edgeboot.blob import Blob, is_sha256
from edgeboot.bundle.build.lock import Pins
from edgeboot.bundle.build.releases.origin import (
    DirectoryOrigin,
    HttpOrigin,
    Origin,
    checksums,
    listed_in,
)
from edgeboot.bundle.build.releases.section import HelmPin
from edgeboot.bundle.charts import helm
from edgeboot.bundle.charts.helm import Helm
from edgeboot.bundle.http.client import Missing
from edgeboot.bundle.http.download import Downloader
from edgeboot.bundle.registry.login import login_for
from edgeboot.bundle.store.blobs import Store, measure
from edgeboot.bundle.tar import untar
from edgeboot.errors import BadInput, Refused, StepFailed
from edgeboot.events import Listener, Note, silent
from edgeboot.platform import ARCHES, Arch, arch_of_machine

RELEASES = "https://get.helm.sh"  # get-helm-3: DOWNLOAD_URL

_ARCHIVE_MAX = 256 << 20
_LIMITS = untar.Limits(total=512 << 20, members=64, ratio=40, free=1 << 20)
_HINT = (
    "check the version and the network, or set 'source' to a directory with Helm's files, "
    "or pass --helm PROGRAM"
)
_NO_HELM = (
    "warning: no helm found to render charts; only images that charts declare are bundled; "
    "pin a version in bundle.yml ('helm: {version: v3.18.6}') or install helm"
)
# The pin lists every architecture, so that the lock does not depend on the machine that builds.
_KIND = "helm"
_NAME = "linux"


def choose(
    pinned: HelmPin | None,
    given: str | None,
    k3s_version: str,
    pins: Pins,
    store: Store,
    listener: Listener = silent,
) -> Helm | None:
    """Choose the Helm to run: ``given``, else the pinned one, else the one on PATH, else None.

    Charts are rendered for the Kubernetes version of ``k3s_version`` (empty: Helm's default).
    Errors carry the pin's file:line: BadInput if its source lacks the archive, Refused if the
    checksum, the lock or the reported version does not match, StepFailed if the network or the
    program fails.
    """
    kube_version = k3s_version.partition("+")[0]
    if given is not None or pinned is None:
        if pinned is not None:
            pins.keep(_KIND, _NAME, pinned.version)
        program = helm.find(given)
        if program is None:
            listener(Note(_NO_HELM))
        return Helm(program, kube_version) if program else None
    try:
        return Helm(str(_acquire(pinned, pins, store, listener)), kube_version)
    except (BadInput, Refused, StepFailed) as error:
        error.where = error.where or pinned.where
        if isinstance(error, Missing) or type(error) is StepFailed:  # not DiskFailed
            error.error_id, error.hint = "no-helm", _HINT
        raise


def _acquire(pinned: HelmPin, pins: Pins, store: Store, listener: Listener) -> Path:
    """Return the path of the verified program in the store."""
    arch, origin = _building_arch(), _origin(pinned, store, listener)
    sums = pins.settle(
        _KIND, _NAME, pinned.version, lambda: _published(origin, pinned.version, arch)
    )
    sha256 = sums.get(arch.name, "")
    if not is_sha256(sha256):  # it becomes a file name; locks are not trusted
        hint = "add it to the lock with `edgeboot bundle update`"
        what = f"the lock does not have helm for this machine's architecture, {arch.name}"
        raise Refused(what, hint=hint, error_id="lock-differs")
    name = _archive(pinned.version, arch)
    if store.find(sha256) is None:
        listener(Note(f"helm from {origin.describe(name)}"))
    archive = origin.obtain(name, sha256)
    program = _taken_out(archive, f"linux-{arch.name}/helm", origin.describe(name), store)
    said = Helm(str(program), "").version()
    if said != pinned.version:
        what = f"{origin.describe(name)} reports helm {said[:80]!r}, not {pinned.version}"
        raise Refused(what, hint="do not use that archive; set another 'source'")
    return program


def _building_arch() -> Arch:
    """Return the architecture of this machine."""
    arch = arch_of_machine(platform.machine())
    if arch is None or platform.system() != "Linux":
        what = f"Helm is not published for {platform.system()} on {platform.machine()}"
        raise BadInput(what, hint="install it and pass --helm PROGRAM", error_id="no-helm")
    return arch


def _origin(pinned: HelmPin, store: Store, listener: Listener) -> Origin:
    source = pinned.source or RELEASES
    if isinstance(source, Path):
        if not os.path.isdir(source):
            what = f"no such directory: {source} ('source' of 'helm')"
            raise BadInput(what, hint=_HINT, error_id="no-helm")
        return DirectoryOrigin(source)
    downloader = Downloader(login=login_for, listener=listener, hint=_HINT)
    return HttpOrigin(source, downloader, store, _ARCHIVE_MAX)


def _archive(version: str, arch: Arch) -> str:
    return f"helm-{version}-linux-{arch.name}.tar.gz"


def _published(origin: Origin, version: str, own: Arch) -> dict[str, str]:
    """Return the SHA-256 of each published archive by architecture; ``own`` is required."""
    found = {}
    for arch in ARCHES.values():
        name = _archive(version, arch)
        try:
            found[arch.name] = listed_in(checksums(origin, f"{name}.sha256sum"), name, origin)
        except Missing:
            if arch is own:
                raise
    return found


def _taken_out(archive: Path, member: str, what: str, store: Store) -> Path:
    """Extract an executable from an archive into the store, and return its path.

    The archive is validated to its end before anything is written; that pass also yields the
    program's hash, so a program that is already in the store is not extracted again.
    """
    blob = _measured(archive, member, what)
    path = store.path(blob.sha256)
    if store.find(blob.sha256) is None:
        with untar.opened(archive, what, _LIMITS) as members:
            found = next(m for m in members if m.name == member)
            store.add(found.chunks(), expected=blob.sha256, what=f"{member} of {what}")
    try:
        os.chmod(path, 0o700)
    except OSError as error:
        raise store.failed(what, error) from error
    return path


def _measured(archive: Path, member: str, what: str) -> Blob:
    blob: Blob | None = None
    with untar.opened(archive, what, _LIMITS) as members:
        for found in members:
            if found.name == member:
                blob = measure(found.chunks())
    if blob is None:
        raise Refused(f"{what} has no {member}", hint="use an archive that Helm published")
    return blob
