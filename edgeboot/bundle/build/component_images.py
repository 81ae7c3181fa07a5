"""The images of each packaged K3s component.

Source: scripts/airgap/image-list.txt and manifests/ in K3s. The pause image is part of every pod
and is always bundled; so is busybox, which local-storage and `edgeboot verify` both run.
"""

from __future__ import annotations

from collections.abc import Iterable

from edgeboot.bundle.format.contents import Image
from edgeboot.bundle.oci.reference import parse

COMPONENTS: dict[str, tuple[str, ...]] = {
    "coredns": ("rancher/mirrored-coredns-coredns",),
    "helm-controller": ("rancher/klipper-helm",),
    "local-storage": ("rancher/local-path-provisioner",),
    "metrics-server": ("rancher/mirrored-metrics-server",),
    "servicelb": ("rancher/klipper-lb",),
    "traefik": ("rancher/mirrored-library-traefik",),
}


def kept(images: Iterable[Image], without: Iterable[str]) -> tuple[Image, ...]:
    """Return ``images`` without those of the components ``without`` (keys of COMPONENTS)."""
    unwanted = {repository for name in without for repository in COMPONENTS[name]}
    return tuple(image for image in images if parse(image.name).repository not in unwanted)
