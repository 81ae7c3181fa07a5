"""The Helm that a spec pins: fetched from one of Helm's releases, checked, kept in the store.

File names and layout of the archives are those of Helm's Makefile (dist, checksum) and of its
installer, get-helm-3: ``helm-VERSION-linux-ARCH.tar.gz`` with ``linux-ARCH/helm`` in it, and
beside it ``….tar.gz.sha256sum``.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path

from edgeboot.blob import Blob
from edgeboot.bundle.build.lock import Pins
from edgeboot.bundle.build.origin import DirectoryOrigin, HttpOrigin, Origin, checksums, listed_in
from edgeboot.bundle.build.spec import SHA256, HelmPin, Spec
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
    "or give --helm PROGRAM"
)
_NO_HELM = (
    "warning: no helm found to render charts; only images that charts declare are bundled; "
    "pin one in bundle.yml ('helm: {version: v3.18.6}') or install it"
)
_KIND = "helm"  # of the pin in a lock, which has all architectures: whoever builds, it is the same
_NAME = "linux"


def at_hand(
    spec: Spec,
    given: str | None,
    k3s_version: str,
    pins: Pins,
    store: Store,
    listener: Listener = silent,
) -> Helm | None:
    """The helm to ask: the one that is ``given``, else the spec's, else that on the PATH, or None.

    Charts are rendered for the Kubernetes of ``k3s_version`` (empty: Helm's own). Errors have the
    place of the pin in the spec: BadInput where its source lacks it, Refused where it is not what
    the checksum, the lock or its version says, StepFailed where the network or the program fails.
    """
    kube_version, pinned = k3s_version.partition("+")[0], spec.helm
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
        if isinstance(error, Missing) or type(error) is StepFailed:  # but for a full disk
            error.error_id, error.hint = "no-helm", _HINT
        raise


def _acquire(pinned: HelmPin, pins: Pins, store: Store, listener: Listener) -> Path:
    """The program in the store, which is what it should be."""
    arch, origin = _building_arch(), _origin(pinned, store, listener)
    sums = pins.settle(
        _KIND, _NAME, pinned.version, lambda: _published(origin, pinned.version, arch)
    )
    sha256 = sums.get(arch.name, "")
    if not SHA256.fullmatch(sha256):  # it names a file of the store, and a lock is but a file
        hint = "lock it from a source that has it: `edgeboot bundle update`"
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
    """The architecture of this machine."""
    arch = arch_of_machine(platform.machine())
    if arch is None or platform.system() != "Linux":
        what = f"Helm is not published for {platform.system()} on {platform.machine()}"
        raise BadInput(what, hint="install it and give --helm PROGRAM", error_id="no-helm")
    return arch


def _origin(pinned: HelmPin, store: Store, listener: Listener) -> Origin:
    source = pinned.source or RELEASES
    if isinstance(source, Path):
        if not os.path.isdir(source):
            what = f"no such directory: {source} (the source of helm)"
            raise BadInput(what, hint=_HINT, error_id="no-helm")
        return DirectoryOrigin(source)
    downloader = Downloader(login=login_for, listener=listener, hint=_HINT)
    return HttpOrigin(source, downloader, store, _ARCHIVE_MAX)


def _archive(version: str, arch: Arch) -> str:
    return f"helm-{version}-linux-{arch.name}.tar.gz"


def _published(origin: Origin, version: str, own: Arch) -> dict[str, str]:
    """The SHA-256 of each architecture's archive, as far as it is there; the own one must be."""
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
    """A member of an archive as a program in the store; nothing is kept of one that breaks rules.

    The archive is read to its end before anything is written, which also tells whether the store
    has the program already.
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
