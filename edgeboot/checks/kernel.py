"""What K3s needs of the kernel and the system: init, cgroups, modules, iptables, swap."""

from __future__ import annotations

import re
from collections.abc import Iterator

from edgeboot.checks import packages
from edgeboot.checks.base import Complaint, Subject, fixable, refuse, unknown, warn
from edgeboot.components.k3s.flannel import backend_of
from edgeboot.components.k3s.unit import SUPPORTED

# Kubelet's failCgroupV1, kubernetes pull 134298.
_CGROUP_V1_REFUSED_FROM = (1, 35)
# What the kubelet needs, by cgroup version.
CONTROLLERS = {1: frozenset({"memory"}), 2: frozenset({"cpu", "cpuset", "memory", "pids"})}
_OPTIONS = {
    "cpu": "CONFIG_CGROUP_SCHED",
    "cpuset": "CONFIG_CPUSETS",
    "memory": "CONFIG_MEMCG",
    "pids": "CONFIG_CGROUP_PIDS",
}
# Without an inotify instance containerd loads no CRI plugin ("too many open files"), and the
# kubelet and what runs in pods use some each. The kernel's default is 128.
_INSTANCES = 512
_SPARE_INSTANCES = 64
_MEMORY_PARAMETERS = ("cgroup_memory=1", "cgroup_enable=memory")  # K3s, installation/requirements
_V2_PARAMETERS = ("systemd.unified_cgroup_hierarchy=1",)
_BACKEND_MODULES = {"vxlan": "vxlan", "wireguard-native": "wireguard"}
_BUGGY_IPTABLES = re.compile(r"v1\.8\.[0-4]\b.*nf_tables")  # K3s, known-issues


def init(subject: Subject) -> Iterator[Complaint]:
    """The init system is systemd or OpenRC."""
    name = subject.facts.traits.init
    if name not in SUPPORTED:
        yield refuse(
            f"unsupported init system {name}",
            "install a system with systemd or OpenRC",
        )


def cgroup(subject: Subject) -> Iterator[Complaint]:
    """The kernel has the cgroup controllers that the kubelet needs."""
    missing = missing_controllers(subject)
    disabled = _disabled(subject)
    if disabled and set(missing) <= set(disabled):
        names = ", ".join(missing)
        parameter = f"cgroup_disable={','.join(disabled)}"
        what = f"its cgroup controllers {names} are turned off by `{parameter}`"
        if _is_pi(subject):
            yield _by_boot_parameters(subject, what, "")
        else:
            yield refuse(what, _enabling(subject))
    elif missing:
        what = f"its kernel lacks the cgroup controllers {', '.join(missing)}"
        if _is_pi(subject):
            yield _by_boot_parameters(subject, what, "see the bootloader's manual")
        else:
            options = " ".join(_OPTIONS[name] for name in missing)
            yield refuse(what, f"use a kernel that has them ({options})")


def _is_pi(subject: Subject) -> bool:
    """Whether it is a Raspberry Pi: only its kernel knows `cgroup_enable=memory`."""
    facts = subject.facts
    return facts.traits.board.startswith("Raspberry Pi") or facts.condition.boot_file is not None


def _disabled(subject: Subject) -> tuple[str, ...]:
    """The controllers that the running kernel was told to turn off."""
    running = subject.facts.condition.kernel_parameters
    values = (w.partition("=")[2] for w in running if w.startswith("cgroup_disable="))
    return tuple(name for value in values for name in value.split(",") if name)


def _enabling(subject: Subject) -> str:
    """How to take `cgroup_disable=` from the bootloader's configuration."""
    files = subject.facts.condition.disabled_in
    where = " and ".join(files) if files else "the bootloader's configuration"
    grub = not files or any(file.startswith("/etc/default/grub") for file in files)
    then = (
        "run `update-grub` (on RHEL `grub2-mkconfig -o /boot/grub2/grub.cfg`) and " if grub else ""
    )
    return f"remove `cgroup_disable=` from {where}, {then}reboot"


def cgroup_v1(subject: Subject) -> Iterator[Complaint]:
    """The bundle's kubelet supports the host's cgroup version."""
    if refuses_cgroup_v1(subject) and subject.contents:
        yield _by_boot_parameters(
            subject,
            f"it uses cgroup v1, which the kubelet of K3s {subject.contents.k3s_version} rejects",
            "or set `kubelet-arg: [fail-cgroupv1=false]` under `config` of `cluster`",
        )


def missing_controllers(subject: Subject) -> tuple[str, ...]:
    """The cgroup controllers that the kubelet needs and the kernel lacks."""
    traits = subject.facts.traits
    return tuple(sorted(CONTROLLERS[traits.cgroup_version] - traits.cgroup_controllers))


def refuses_cgroup_v1(subject: Subject) -> bool:
    """Whether the kubelet would refuse to start because of cgroup v1."""
    if subject.facts.traits.cgroup_version != 1 or subject.contents is None:
        return False
    arguments = subject.config.get("kubelet-arg", ())
    opted_in = isinstance(arguments, tuple) and "fail-cgroupv1=false" in arguments
    return subject.contents.k3s.minor >= _CGROUP_V1_REFUSED_FROM and not opted_in


def wanted_parameters(subject: Subject) -> tuple[str, ...]:
    """The kernel parameters that enable what is missing."""
    needs_memory = "memory" in missing_controllers(subject) and _is_pi(subject)
    memory = _MEMORY_PARAMETERS if needs_memory else ()
    return (*memory, *(_V2_PARAMETERS if refuses_cgroup_v1(subject) else ()))


def boot_line(subject: Subject) -> str | None:
    """The boot file's line with missing parameters appended; None where it must not be touched."""
    file = subject.facts.condition.boot_file
    line = file.line if file else None
    if file is None or line is None:
        return None
    # A later parameter wins over cgroup_disable=memory, which the firmware of newer Pis adds.
    return " ".join((line, *(w for w in wanted_parameters(subject) if w not in file.parameters)))


def needs_reboot_for_cgroups(subject: Subject) -> bool:
    """Whether a reboot, after changing the boot file if necessary, is expected to help."""
    wanted = wanted_parameters(subject)
    running = subject.facts.condition.kernel_parameters
    return bool(wanted) and boot_line(subject) is not None and not set(wanted) <= set(running)


def _by_boot_parameters(subject: Subject, what: str, otherwise: str) -> Complaint:
    wanted = " ".join(wanted_parameters(subject))
    file = subject.facts.condition.boot_file
    if not wanted or file is None:
        hint = f"boot it with `{wanted}`" if wanted else "use another kernel"
        return refuse(what, f"{hint}; {otherwise}")
    if file.line is None:
        return refuse(
            f"{what}, and {file.path} is not a single line of parameters, so edgeboot does not "
            "change it",
            f"append ` {wanted}` to the kernel parameters and reboot",
        )
    if not needs_reboot_for_cgroups(subject):
        return refuse(
            f"{what}, although it was booted with `{wanted}`",
            "its kernel does not support them: use another kernel",
        )
    line = f"append ` {wanted}` to the single line of {file.path} and reboot"
    return fixable(what, line) if subject.options.reboot else refuse(what, line)


def modules(subject: Subject) -> Iterator[Complaint]:
    """The kernel has what containers, flannel and kube-proxy need."""
    have = subject.facts.condition.modules
    kernel_name = subject.facts.traits.kernel or "`uname -r`"
    for name in _needed_modules(subject):
        alternatives = name.split("|")
        states = {have.get(one, "unknown") for one in alternatives}
        words = " or ".join(alternatives)
        if states & {"loaded", "builtin"}:
            continue
        if "loadable" in states:
            yield fixable(f"the kernel module {words} is not loaded", "load it, now and at boot")
        elif states == {"missing"} and (found := packages.of_kernel(subject)):
            names = ", ".join(item.name for item in found)
            yield fixable(
                f"its kernel lacks the module {words}", f"install {names} from the bundle"
            )
        elif states == {"missing"}:
            yield refuse(
                f"its kernel lacks the module {words}",
                "add the package with extra modules to `files` in bundle.yml "
                f"(linux-modules-extra-{kernel_name} on Ubuntu, kernel-modules-extra on RHEL), or "
                "use another kernel",
            )
        else:
            yield unknown(
                f"cannot tell whether its kernel has the module {words}",
                f"run `modprobe {alternatives[0]}` on the host",
            )


def missing_modules(subject: Subject) -> tuple[str, ...]:
    """The needed modules that the kernel lacks."""
    have = subject.facts.condition.modules
    return tuple(
        needed
        for needed in _needed_modules(subject)
        if {have.get(one, "unknown") for one in needed.split("|")} == {"missing"}
    )


def modules_to_load(subject: Subject) -> tuple[str, ...]:
    """The needed modules that are available, or come with a package, but are not loaded."""
    have = dict(subject.facts.condition.modules)
    if packages.of_kernel(subject):
        have |= {needed.partition("|")[0]: "loadable" for needed in missing_modules(subject)}
    names = []
    for needed in _needed_modules(subject):
        alternatives = needed.split("|")
        if not any(have.get(one) in {"loaded", "builtin"} for one in alternatives):
            names += [one for one in alternatives if have.get(one) == "loadable"][:1]
    return tuple(names)


def modules_to_keep(subject: Subject) -> tuple[str, ...]:
    """The needed modules to load at every boot."""
    have = subject.facts.condition.modules
    loading = modules_to_load(subject)
    return tuple(
        one
        for needed in _needed_modules(subject)
        for one in needed.split("|")
        if one in loading or have.get(one) == "loaded"
    )


def _needed_modules(subject: Subject) -> Iterator[str]:
    yield from ("overlay", "br_netfilter", "nf_conntrack", "iptable_nat|nft_chain_nat")
    backend = backend_of(subject.cluster)
    if backend in _BACKEND_MODULES:
        yield _BACKEND_MODULES[backend]
    if subject.node.host.swap == "zram":
        yield "zram"


def inotify(subject: Subject) -> Iterator[Complaint]:
    """Containerd and the kubelet can watch files."""
    wanted = wanted_instances(subject)
    found = subject.facts.condition.inotify
    if wanted is not None and found is not None:
        yield fixable(
            f"fs.inotify.max_user_instances is {found.most}, and {found.used} are in use: "
            "containerd may not start",
            f"set it to {wanted}, now and at boot",
        )


def wanted_instances(subject: Subject) -> int | None:
    """The number of inotify instances to allow; None if there are enough."""
    found = subject.facts.condition.inotify
    if found is None or found.most - found.used >= _SPARE_INSTANCES:
        return None
    return max(_INSTANCES, 2 * (found.used + _SPARE_INSTANCES))


def iptables(subject: Subject) -> Iterator[Complaint]:
    """The host's iptables, which K3s prefers to its own, does not duplicate rules."""
    found = subject.facts.condition.iptables
    if _BUGGY_IPTABLES.match(found) and subject.config.get("prefer-bundled-bin") is not True:
        yield warn(
            f"its iptables {found} duplicates rules (1.8.0 to 1.8.4 in nft mode)",
            "set `prefer-bundled-bin: true` under `config`, uninstall iptables, or switch it to "
            "legacy mode",
        )


def swap(subject: Subject) -> Iterator[Complaint]:
    """It does not swap to a card; compressed memory does not count."""
    used = [name for name in subject.facts.condition.swaps if not name.startswith("/dev/zram")]
    wish = subject.node.host.swap
    if used and wish != "keep":
        yield fixable(f"it swaps to {', '.join(used)}", f"turn it off, as `swap: {wish}` asks")
    elif used:
        yield warn(
            f"it swaps to {', '.join(used)}, which wears out cards and weakens memory limits",
            "set `swap: zram` or `swap: none`",
        )
