"""Architectures: the names the kernel, Kubernetes/OCI and K3s's releases use for the same thing.

Source: K3s install.sh and its release workflow (the 32-bit ARM binary is called ``armhf`` while
everything else calls that architecture ``arm``).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Arch:
    """One architecture under the names that the different worlds give it."""

    name: str  # Kubernetes and OCI: amd64, arm64, arm
    k3s_binary: str  # file name of the binary in a K3s release
    elf_machine: int  # e_machine of the ELF header
    elf_class: int  # EI_CLASS of the ELF header: 1 = 32-bit, 2 = 64-bit

    @property
    def oci_variant(self) -> str | None:
        """The OCI variant that K3s's own binary is built for."""
        return "v7" if self.name == "arm" else None


AMD64 = Arch("amd64", "k3s", 62, 2)
ARM64 = Arch("arm64", "k3s-arm64", 183, 2)
ARM = Arch("arm", "k3s-armhf", 40, 1)

ARCHES: dict[str, Arch] = {arch.name: arch for arch in (AMD64, ARM64, ARM)}

_BY_MACHINE = {
    "x86_64": AMD64,
    "amd64": AMD64,
    "aarch64": ARM64,
    "arm64": ARM64,
    "armv7l": ARM,
    "armv8l": ARM,
}


def arch_of_machine(machine: str) -> Arch | None:
    """The architecture of binaries that run on a host, from its ``uname -m``.

    A 64-bit ARM kernel under a 32-bit userland (older Raspberry Pi OS) runs static 64-bit programs
    such as K3s, so the kernel decides.
    """
    return _BY_MACHINE.get(machine)


def arch_of_elf(head: bytes) -> Arch | None:
    """The architecture an ELF file's first 20 bytes name; None where it is not ELF or not ours."""
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    machine = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    for arch in ARCHES.values():
        if (arch.elf_machine, arch.elf_class) == (machine, head[4]):
            return arch
    return None
