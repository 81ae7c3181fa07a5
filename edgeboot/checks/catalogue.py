"""The catalogue of preflight: one row for each check, in the order in which they are shown."""

from __future__ import annotations

from edgeboot.checks import (
    components,
    datastore,
    fleet,
    identity,
    kernel,
    machine,
    network,
    packages,
    presence,
    settings,
    storage,
)
from edgeboot.checks.base import Check, Subject
from edgeboot.plan.findings import Finding

# id, title, what goes wrong otherwise, the function that decides
CHECKS = (
    Check("preflight.arch", "architecture", "K3s has no binary for it", machine.arch),
    Check("preflight.binary", "binary", "the service never starts", machine.binary),
    Check("preflight.userland", "64-bit system", "host tools do not match K3s", machine.userland),
    Check("preflight.page-size", "page size", "containers crash", machine.page_size),
    Check(
        "preflight.memory", "memory", "K3s thrashes or is killed", machine.memory, allowable=True
    ),
    Check("preflight.cpu", "processors", "the API is slow", machine.processors),
    Check("preflight.power", "power supply", "cards and files are damaged", machine.power),
    Check("preflight.heat", "temperature", "the host is throttled", machine.heat),
    Check("preflight.init", "init system", "no service can be installed", kernel.init),
    Check("preflight.cgroup", "cgroup controllers", "the kubelet does not start", kernel.cgroup),
    Check("preflight.cgroup-v1", "cgroup version", "the kubelet does not start", kernel.cgroup_v1),
    Check("preflight.modules", "kernel modules", "pods have no network", kernel.modules),
    Check("preflight.inotify", "inotify", "containerd does not start", kernel.inotify),
    Check("preflight.iptables", "iptables", "rules pile up until it hangs", kernel.iptables),
    Check("preflight.swap", "swap", "cards wear out, limits are inexact", kernel.swap),
    Check(
        "preflight.disk",
        "disk space",
        "uploads or imports fail",
        storage.disk_space,
        allowable=True,
    ),
    Check("preflight.read-only", "writable", "nothing can be installed", storage.writable),
    Check("preflight.noexec", "execution", "K3s's programs do not start", storage.executable),
    Check("preflight.medium", "kind of disk", "the database is slow", storage.medium),
    Check("preflight.datastore", "datastore", "the cluster starts empty", datastore.datastore),
    Check("preflight.etcd", "etcd servers", "one failure stops the cluster", datastore.servers),
    Check("preflight.ports", "ports", "K3s does not start", network.ports),
    Check("preflight.route", "default route", "K3s finds no address", network.default_route),
    Check("preflight.dns", "name servers", "pods resolve no names", network.dns),
    Check("preflight.firewall", "firewall", "agents do not join", network.firewall),
    Check("preflight.bundle", "bundle", "charts or manifests are missing", components.bundle),
    Check(
        "preflight.neighbours", "shared network", "pods are unreachable", components.same_network
    ),
    Check(
        "preflight.flannel-change",
        "flannel backend",
        "pods are unreachable until all hosts reboot",
        components.backend_change,
        allowable=True,
    ),
    Check(
        "preflight.encryption",
        "encryption of Secrets",
        "the API does not start, or Secrets stay readable",
        components.encryption,
    ),
    Check(
        "preflight.registry",
        "shared images",
        "nodes cannot share images",
        components.embedded_registry,
    ),
    Check("preflight.version", "K3s version", "versions skip a release", presence.version),
    Check("preflight.node", "node", "two hosts become one node", identity.node),
    Check("preflight.same-host", "one host", "two nodes on one host", identity.same_host),
    Check("preflight.role", "role", "two K3s services on one host", presence.role),
    Check("preflight.foreign", "foreign K3s", "its data and token differ", presence.foreign),
    Check(
        "preflight.kubernetes",
        "other Kubernetes",
        "two kubelets compete for the host",
        presence.others,
        allowable=True,
    ),
    Check("preflight.runtime", "other runtimes", "memory is used twice", presence.runtimes),
    Check("preflight.clock", "clock", "certificates are not valid", fleet.clock, allowable=True),
    Check("preflight.hostname", "hostname", "hosts are confused in logs", fleet.hostname),
    Check("preflight.machine-id", "machine ID", "hosts share a DHCP lease", fleet.machine_id),
    Check("preflight.host-keys", "SSH host keys", "hosts can pose as each other", fleet.host_keys),
    Check("preflight.board", "board", "settings do not fit the board", settings.board),
    Check("preflight.addresses", "addresses", "the node's address changes", settings.addresses),
    Check("preflight.storage", "data disk", "data ends up on the card", settings.storage),
    Check("preflight.time", "time servers", "the clock drifts", settings.time),
    Check("preflight.files", "files", "files cannot be written", settings.files),
    Check("preflight.wifi", "Wi-Fi", "heartbeats are lost", settings.power_save),
    Check("preflight.selinux", "SELinux", "K3s is not allowed to run", packages.selinux),
)
ALLOWABLE = tuple(check.id for check in CHECKS if check.allowable)


def findings(subject: Subject) -> tuple[Finding, ...]:
    """Everything that the checks find on a host."""
    return tuple(found for check in CHECKS for found in check.findings(subject))
