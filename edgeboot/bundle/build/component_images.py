"""Which of K3s's own images belongs to which of its components.

Source: K3s scripts/airgap/image-list.txt and its manifests. The pause image belongs to every pod
and cannot be left out; nor can busybox, which local-storage shares with the probes of
`edgeboot verify`.
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
    """The images that are left when those of some components are not wanted."""
    unwanted = {repository for name in without for repository in COMPONENTS[name]}
    return tuple(image for image in images if parse(image.name).repository not in unwanted)
