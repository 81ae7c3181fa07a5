"""Hardware, kernel and boot settings of a fake host, for tests of preflight."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

_BUILTIN = ("overlay", "br_netfilter", "nf_conntrack", "iptable_nat")
_PLACES = ("/usr/local/bin", "/var/lib/rancher/k3s")


@dataclass
class FakeBoard:
    """Hardware and kernel of a fake host; ``boot_file`` has the next boot's kernel parameters."""

    hostname: str
    machine_id: str
    memory_kib: int = 4 << 20
    free_kib: int = 8 << 20
    clock: int = 1_790_000_000
    controllers: str = "cpu cpuset memory pids"
    has: str = ""  # programs and directories, as ``trait has`` lists them
    boot_file: bytes | None = None
    modules: dict[str, str] = field(default_factory=lambda: {"vxlan": "loaded"})
    inotify: int = 8192  # the limit of instances
    boots: int = 0
    system: str = ""  # its network namespace: the same for two connections to one host
    ssh_host_key: str = ""
    done: dict[str, str] = field(default_factory=dict)  # name of an action -> its inputs
    acts: list[tuple[str, ...]] = field(default_factory=list)  # every snippet that acts, in order

    @property
    def boot_id(self) -> str:
        """Changes with every boot."""
        return f"boot-{self.boots}"

    def prepare(self, name: str, words: tuple[str, ...]) -> bool:
        """Carries out one of the snippets that prepare a host; False for any other."""
        match name:
            case "modules":
                self.modules |= dict.fromkeys(words, "loaded")
            case "kernel-setting":
                self.inotify = int(words[1])
            case "hostname":
                self.hostname = words[0]
            case "machine-id":
                if self.machine_id == words[0]:
                    self.machine_id = hashlib.sha256(self.hostname.encode()).hexdigest()[:32]
            case "activate" | "hook" | "storage" | "firewall":
                self.acts.append((name, *words))
                self.done.pop(words[0], None)
                self.done |= {words[0]: words[1]} if words[1] != "-" else {}
            case "package":
                self.acts.append((name, *words))
            case "boot-line":
                self.boot_file = words[2].encode() + b"\n"
            case _:
                return False
        return True

    def reboot(self, boot_id: str) -> str:
        """Reboots if ``boot_id`` is the current boot; returns the id of the boot that was asked."""
        asked = self.boot_id
        if asked == boot_id:
            self.boots += 1
            if b"cgroup_enable=memory" in (self.boot_file or b""):
                self.controllers = "cpu cpuset memory pids"
        return asked

    def lines(self) -> list[str]:
        """Its part of what ``observe.sh`` prints."""
        room = f"{1 << 24} {self.free_kib} rw ssd"
        conditions = [
            f"boot-id {self.boot_id}",
            "kernel-parameters root=/dev/fake",
            *(f"module {name} builtin" for name in _BUILTIN),
            *(f"module {name} {state}" for name, state in self.modules.items()),
            *(f"filesystem 1 {room} {place}" for place in _PLACES),
            "resolver /etc/resolv.conf 192.0.2.53",
            f"inotify {self.inotify} 20",
        ]
        if self.boot_file is not None:
            encoded = base64.b64encode(self.boot_file).decode()
            conditions.append(f"boot-file /boot/firmware/cmdline.txt {encoded}")
        return [
            *(f"done {name} {inputs}" for name, inputs in self.done.items()),
            f"trait cgroup-controllers {self.controllers}",
            f"trait memory-kib {self.memory_kib}",
            f"trait hostname {self.hostname}",
            f"trait has {self.has}",
            f"trait machine-id {self.machine_id}",
            f"trait clock {self.clock}",
            f"trait network-namespace {self.system}",
            f"trait ssh-host-key {self.ssh_host_key}",
            *(f"condition {line}" for line in conditions),
        ]
