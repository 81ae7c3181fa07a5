"""Small K3s releases and image archives, written in Python so that unit tests are fast."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from edgeboot.bundle.build.image_files import take_apart
from edgeboot.bundle.format.contents import Image
from edgeboot.bundle.store.blobs import Store
from edgeboot.platform import AMD64, ARCHES, Arch

VERSION = "v1.36.2+k3s1"
PAUSE = "docker.io/rancher/mirrored-pause:3.6"
COREDNS = "docker.io/rancher/mirrored-coredns-coredns:1.14.4"
METRICS = "docker.io/rancher/mirrored-metrics-server:v0.8.1"

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def to_json(document: object) -> bytes:
    return json.dumps(document).encode()


def tar_of(files: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    raw = io.BytesIO()
    pairs = files.items() if isinstance(files, Mapping) else files
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in pairs:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return raw.getvalue()


def elf(arch: Arch, version: str = VERSION) -> bytes:
    head = b"\x7fELF" + bytes([arch.elf_class, 1, 1]) + bytes(9)
    head += (2).to_bytes(2, "little") + arch.elf_machine.to_bytes(2, "little")
    return head + bytes(3000) + b"k3s version " + version.encode() + b" (stub)" + bytes(500)


def layer(content: str) -> bytes:
    """A plain layer with one file."""
    return tar_of({f"etc/{content}": content.encode() * 200})


@dataclass
class Layout:
    """An OCI layout under construction."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    entries: list[dict[str, object]] = field(default_factory=list)

    def blob(self, media_type: str, data: bytes) -> dict[str, object]:
        self.blobs[f"blobs/sha256/{sha256(data)}"] = data
        return {"mediaType": media_type, "digest": f"sha256:{sha256(data)}", "size": len(data)}

    def manifest(
        self,
        layers: Iterable[bytes],
        architecture: str,
        variant: str | None = None,
        os: str = "linux",
    ) -> dict[str, object]:
        plain = list(layers)
        platform = {"architecture": architecture, "os": os}
        if variant:
            platform["variant"] = variant
        diff_ids = [f"sha256:{sha256(data)}" for data in plain]
        config = {**platform, "rootfs": {"type": "layers", "diff_ids": diff_ids}, "config": {}}
        document = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.blob(OCI_CONFIG, to_json(config)),
            "layers": [self.blob(OCI_LAYER, gzip.compress(data, mtime=0)) for data in plain],
        }
        return {**self.blob(OCI_MANIFEST, to_json(document)), "platform": platform}

    def index(self, children: Iterable[dict[str, object]]) -> dict[str, object]:
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(children)}
        return self.blob(OCI_INDEX, to_json(document))

    def name(self, name: str, entry: dict[str, object]) -> None:
        annotations = {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        }
        self.entries.append({**entry, "annotations": annotations})

    def files(self) -> dict[str, bytes]:
        index = {"schemaVersion": 2, "manifests": self.entries}
        return {
            **self.blobs,
            "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
            "index.json": to_json(index),
        }

    def tar(self) -> bytes:
        return tar_of(self.files())


def k3s_layout(arch: Arch) -> Layout:
    """Three images: two share a layer, one comes below an index of several platforms."""
    layout = Layout()
    variant = arch.oci_variant
    base = layer(f"base-{arch.name}")
    layout.name(COREDNS, layout.manifest([base, layer("coredns")], arch.name, variant))
    layout.name(METRICS, layout.manifest([base, layer("metrics")], arch.name, variant))
    child = layout.manifest([layer(f"pause-{arch.name}")], arch.name, variant)
    elsewhere = {
        "mediaType": OCI_MANIFEST,
        "digest": f"sha256:{sha256(b'windows')}",
        "size": 7,
        "platform": {"architecture": arch.name, "os": "windows"},
    }
    layout.name(PAUSE, layout.index([elsewhere, child]))
    return layout


def docker_archive(name: str, arch: Arch, contents: Iterable[str]) -> dict[str, bytes]:
    """What ``docker save`` wrote before it wrote OCI layouts."""
    plain = [layer(content) for content in contents]
    config = to_json(
        {
            "architecture": arch.name,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(p)}" for p in plain]},
        }
    )
    files = {f"{sha256(data)[:12]}/layer.tar": data for data in plain}
    manifest = [
        {"Config": f"{sha256(config)}.json", "RepoTags": [name], "Layers": list(files)},
    ]
    return {**files, f"{sha256(config)}.json": config, "manifest.json": to_json(manifest)}


def release(directory: Path, arches: Iterable[str] = ARCHES, version: str = VERSION) -> Path:
    """A release directory with one archive an arch, compressed with zstd."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in arches:
        arch = ARCHES[name]
        packed = zstandard.compress(k3s_layout(arch).tar())
        put_release(directory, arch, elf(arch, version), packed)
    (directory / "k3s-images.txt").write_text(f"{PAUSE}\n{COREDNS}\n{METRICS}\n")
    return directory


def put_release(
    directory: Path, arch: Arch, binary: bytes, archive: bytes, suffix: str = ".tar.zst"
) -> None:
    files = {arch.k3s_binary: binary, f"k3s-airgap-images-{arch.name}{suffix}": archive}
    for name, data in files.items():
        (directory / name).write_bytes(data)
    lines = "".join(f"{sha256(data)}  {name}\n" for name, data in files.items())
    (directory / f"sha256sum-{arch.name}.txt").write_text(lines)


def spec_file(directory: Path, text: str = "name: edge\n") -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "bundle.yml"
    path.write_text(text)
    return path


def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def apart(store: Store, data: bytes, *arches: Arch) -> tuple[Image, ...]:
    """The images of an archive, for AMD64 unless told."""
    path = store.root.parent / "images.tar"
    path.write_bytes(data)
    return take_apart(path, arches or (AMD64,), store, "images.tar")
