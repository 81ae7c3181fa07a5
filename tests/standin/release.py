"""Builds a release directory of the stand-in, laid out as K3s lays out its releases.

``build_release`` compiles the Go program for each architecture and writes the image archives,
checksums and image list beside it (facts: K3s .github/workflows/release.yml,
scripts/package-airgap). The archives are what containerd exports: an OCI layout with the registry's
compressed layers, plus ``manifest.json``. The images are real but tiny. The same arguments give the
same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

DEFAULT_VERSION = "v1.36.2+k3s1"
ARCHITECTURES = ("amd64", "arm64", "arm")
BINARY_NAMES: Mapping[str, str] = {"amd64": "k3s", "arm64": "k3s-arm64", "arm": "k3s-armhf"}
IMAGES = (
    "rancher/klipper-helm:v0.11.1-build20260615",
    "rancher/klipper-lb:v0.4.17",
    "rancher/local-path-provisioner:v0.0.36",
    "rancher/mirrored-coredns-coredns:1.14.4",
    "rancher/mirrored-library-busybox:1.37.0",
    "rancher/mirrored-library-traefik:3.7.4",
    "rancher/mirrored-metrics-server:v0.8.1",
    "rancher/mirrored-pause:3.6",
)
PADDED_IMAGE = "rancher/mirrored-library-traefik:3.7.4"
INDEXED_IMAGE = "rancher/mirrored-library-busybox:1.37.0"
"""The one image that keeps its multi-platform index, with only one child's blobs in the archive."""
V6_IMAGE = "rancher/klipper-lb:v0.4.17"
"""The one image whose arm variant is v6: a real arm archive mixes v6 and v7."""
BASELESS_IMAGE = "rancher/mirrored-pause:3.6"

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

MIB = 1 << 20
SOURCE = Path(__file__).resolve().parent

Json = Mapping[str, object]


@dataclass(frozen=True)
class Layer:
    """A compressed layer and the digest of what it unpacks to."""

    content: bytes
    diff_id: str


@dataclass(frozen=True)
class Image:
    """One image of an archive: its top descriptor, its manifest.json entry, its blobs."""

    descriptor: Json
    docker_entry: Json
    blobs: Mapping[str, bytes]


def digest(content: bytes) -> str:
    """Return the digest in OCI spelling."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def to_json(value: object) -> bytes:
    """Return compact JSON with a fixed key order."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def tar_member(name: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    """Return a header without clock, owner or any other trace of the machine."""
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = mode
    return info


def make_layer(files: Mapping[str, bytes], *, level: int = 9) -> Layer:
    """Return a gzip layer that holds these files."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in sorted(files.items()):
            archive.addfile(tar_member(name, len(content)), io.BytesIO(content))
    raw = plain.getvalue()
    return Layer(gzip.compress(raw, compresslevel=level, mtime=0), digest(raw))


def padding(image: str, arch: str, mib: int) -> Layer:
    """Return a layer of ``mib`` MiB that does not compress; level 0 keeps its making fast."""
    noise = random.Random(f"{image}/{arch}").randbytes(mib * MIB)
    return make_layer({"usr/share/padding": noise}, level=0)


def layers_of(image: str, arch: str, pad_mib: int) -> list[Layer]:
    """Return the layers: a base all images but pause share, an own one, padding for one image."""
    name = image.partition(":")[0]
    own = make_layer({"usr/bin/app": f"{image} for {arch}: edgeboot test stand-in\n".encode() * 64})
    if image == BASELESS_IMAGE:
        return [own]
    base = make_layer({"etc/os-release": b"ID=standin\n", "bin/sh": arch.encode() * 4096})
    layers = [base, own]
    if image == PADDED_IMAGE and pad_mib:
        layers.append(padding(name, arch, pad_mib))
    return layers


def platform_of(image: str, arch: str) -> dict[str, str]:
    """Return the platform as config and index spell it."""
    platform = {"architecture": arch, "os": "linux"}
    if arch == "arm":
        platform["variant"] = "v6" if image == V6_IMAGE else "v7"
    if arch == "arm64":
        platform["variant"] = "v8"
    return platform


def describe(media_type: str, content: bytes) -> dict[str, object]:
    """Return the descriptor of a blob."""
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def make_image(image: str, arch: str, pad_mib: int) -> Image:
    """Return one image as the archive of ``arch`` holds it."""
    layers = layers_of(image, arch, pad_mib)
    config = to_json(
        {
            **platform_of(image, arch),
            "config": {"Entrypoint": ["/usr/bin/app"]},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created_by": "edgeboot test stand-in"} for _ in layers],
        }
    )
    manifest = to_json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": describe(OCI_CONFIG, config),
            "layers": [describe(OCI_LAYER, layer.content) for layer in layers],
        }
    )
    contents = (config, manifest, *(layer.content for layer in layers))
    blobs = {digest(content): content for content in contents}
    top = describe(OCI_MANIFEST, manifest)
    if image == INDEXED_IMAGE:
        index = make_index(image, arch, manifest)
        blobs[digest(index)] = index
        top = describe(OCI_INDEX, index)
    reference = f"docker.io/{image}"
    top["annotations"] = {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": image.partition(":")[2],
    }
    docker_entry = {
        "Config": blob_path(digest(config)),
        "RepoTags": [reference],
        "Layers": [blob_path(digest(layer.content)) for layer in layers],
    }
    return Image(top, docker_entry, blobs)


def make_index(image: str, arch: str, manifest: bytes) -> bytes:
    """Return an index over every architecture; the archive lacks all children but this one's."""
    children = []
    for other in ARCHITECTURES:
        if other == arch:
            child = describe(OCI_MANIFEST, manifest)
        else:
            child = describe(OCI_MANIFEST, f"not shipped: {image} for {other}".encode())
        child["platform"] = platform_of(image, other)
        children.append(child)
    return to_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})


def blob_path(blob_digest: str) -> str:
    """Return a blob's member name."""
    return "blobs/" + blob_digest.replace(":", "/")


def write_archive(target: Path, images: Sequence[Image]) -> None:
    """Write the images as one plain tar."""
    blobs: dict[str, bytes] = {}
    for image in images:
        blobs.update(image.blobs)
    descriptors = [image.descriptor for image in images]
    members = {
        "oci-layout": to_json({"imageLayoutVersion": "1.0.0"}),
        "index.json": to_json({"schemaVersion": 2, "manifests": descriptors}),
        "manifest.json": to_json([image.docker_entry for image in images]),
    }
    members.update({blob_path(name): content for name, content in sorted(blobs.items())})
    with tarfile.open(target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            archive.addfile(tar_member(name, len(content)), io.BytesIO(content))


def compress(source: Path) -> None:
    """Write SOURCE.gz and SOURCE.zst beside SOURCE; neither carries a name or a time."""
    with (
        source.open("rb") as plain,
        source.with_name(source.name + ".gz").open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed, MIB)
    with source.open("rb") as plain, source.with_name(source.name + ".zst").open("wb") as raw:
        zstandard.ZstdCompressor(level=3).copy_stream(plain, raw, size=source.stat().st_size)


def compile_binary(target: Path, *, version: str, arch: str) -> None:
    """Compile the stand-in; nothing of the machine's paths gets into it."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOARCH": arch}
    if arch == "arm":
        environment["GOARM"] = "7"
    flags = f"-s -w -buildid= -X main.version={version}"
    options = ("-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", str(target))
    command = ("go", "build", *options, ".")
    done = subprocess.run(
        command, cwd=SOURCE, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"cannot compile the stand-in for {arch}: {done.stderr.strip()}")


def file_digest(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def build_release(
    out: Path,
    *,
    version: str = DEFAULT_VERSION,
    archs: Sequence[str] = ARCHITECTURES,
    pad_mib: int = 0,
) -> Path:
    """Write a whole release into ``out`` and return it; ``pad_mib`` enlarges the traefik image."""
    unknown = set(archs) - set(ARCHITECTURES)
    if unknown:
        known = ", ".join(ARCHITECTURES)
        raise ValueError(f"unknown architectures {sorted(unknown)}: K3s is released for {known}")
    out.mkdir(parents=True, exist_ok=True)
    for arch in archs:
        binary = out.resolve() / BINARY_NAMES[arch]
        compile_binary(binary, version=version, arch=arch)
        stem = out / f"k3s-airgap-images-{arch}.tar"
        write_archive(stem, [make_image(image, arch, pad_mib) for image in IMAGES])
        compress(stem)
        covered = [stem, out / (stem.name + ".gz"), out / (stem.name + ".zst"), binary]
        lines = [f"{file_digest(path)}  {path.name}\n" for path in covered]
        (out / f"sha256sum-{arch}.txt").write_text("".join(lines), encoding="ascii")
    listing = "".join(f"docker.io/{image}\n" for image in IMAGES)
    (out / "k3s-images.txt").write_text(listing, encoding="ascii")
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    """Build a release from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.standin.release", description=build_release.__doc__
    )
    parser.add_argument("out", type=Path, metavar="OUTDIR")
    parser.add_argument("--version", default=DEFAULT_VERSION)
    parser.add_argument("--arch", default=",".join(ARCHITECTURES), help="comma separated")
    parser.add_argument("--pad-mib", type=int, default=0, help="size of one incompressible layer")
    options = parser.parse_args(arguments)
    build_release(
        options.out, version=options.version, archs=options.arch.split(","), pad_mib=options.pad_mib
    )


if __name__ == "__main__":
    main()
