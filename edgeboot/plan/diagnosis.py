"""Known causes in the logs of K3s and its containerd, with what to do about each: pure.

Sources: K3s, pkg/agent/config and pkg/clientaccess, for joining; containerd's plugins for their
own; the kubelet and Go for the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from edgeboot.plan.health import Status


@dataclass(frozen=True)
class Diagnosis:
    """A known cause: ``what`` it is, ``hint`` what to do, and its id in docs/troubleshooting.md.

    ``line`` is where it was found.
    """

    error_id: str
    what: str
    hint: str
    line: str = ""


# Pattern and meaning; {0} is its first group, {node} the node. The first match in the newest line
# counts, so specific patterns come before general ones.
_CAUSES: tuple[tuple[str, Diagnosis], ...] = (
    (
        r"fsnotify watcher: too many open files|inotify.*too many open files",
        Diagnosis(
            error_id="inotify",
            what="fs.inotify.max_user_instances is too low, so containerd does not start "
            "containers",
            hint="on the host, run "
            "`echo fs.inotify.max_user_instances=512 | sudo tee /etc/sysctl.d/91-inotify.conf` "
            "and `sudo sysctl --system`, then restart K3s",
        ),
    ),
    (
        r"snapshotter cannot be enabled|mount overlay.*(?:not permitted|no such "
        r"device|invalid argument)",
        Diagnosis(
            error_id="snapshotter",
            what="its file system cannot hold images in layers (overlay)",
            hint="put /var/lib/rancher on ext4 or xfs, or set `snapshotter: native` in `config`",
        ),
    ),
    (
        r"failed to load TOML|[Ff]ailed to (?:load|parse) .*config\.toml|toml: ",
        Diagnosis(
            error_id="containerd-config",
            what="containerd cannot read its configuration",
            hint="correct config.toml.tmpl or config-v3.toml.tmpl in "
            "/var/lib/rancher/k3s/agent/etc/containerd, or delete it; then restart K3s",
        ),
    ),
    (
        r"[Rr]ead-only file system",
        Diagnosis(
            error_id="disk-read-only",
            what="its disk is read-only, as after an error of the medium",
            hint="look for errors with `dmesg`, check the file system with fsck, and replace the "
            "card if it has worn out",
        ),
    ),
    (
        r"[Ii]nput/output error|[Ss]tructure needs cleaning|invalid freelist|"
        r"meta\.db.*invalid database|page \d+ already freed",
        Diagnosis(
            error_id="disk-damaged",
            what="data on its disk is damaged",
            hint="check the disk with `dmesg` and fsck. If only containerd's data is damaged, stop "
            "K3s, delete /var/lib/rancher/k3s/agent/containerd, and run `edgeboot install`",
        ),
    ),
    (
        r"exec\S* .*/var/lib/rancher/\S+: permission denied",
        Diagnosis(
            error_id="noexec",
            what="programs below /var/lib/rancher may not run (a noexec mount)",
            hint="mount it without noexec, then restart K3s",
        ),
    ),
    (
        r"[Nn]ode password rejected",
        Diagnosis(
            error_id="node-password-rejected",
            what="the cluster has another host under this name (node password rejected)",
            hint="if this host was reinstalled, rerun with --forget-node-passwords",
        ),
    ),
    (
        r"CA hash does not match",
        Diagnosis(
            error_id="other-cluster",
            what="its token belongs to another cluster (the CA hash does not match)",
            hint="run `edgeboot install`, which writes the right token; if it is refused, run "
            "`edgeboot reset --limit {node}` first",
        ),
    ),
    (
        r"duplicate node name found",
        Diagnosis(
            error_id="former-member",
            what="etcd still has a member with this name, but its data is gone",
            hint="if this host was reinstalled, rerun with --forget-node-passwords, which deletes "
            "its old Node and etcd member",
        ),
    ),
    (
        r"critical configuration value mismatch",
        Diagnosis(
            error_id="servers-differ",
            what="its configuration differs from the other servers' in the keys that K3s logged "
            "just before",
            hint="set these keys once, in `config` under `cluster`, and install all servers",
        ),
    ),
    (
        r"too many learner members in cluster",
        Diagnosis(
            error_id="second-learner",
            what="another server is still joining, and etcd admits one at a time",
            hint="`edgeboot status` shows which; start it, or wait: etcd removes a learner that "
            "does not start within five minutes",
        ),
    ),
    (
        r"etcdserver: unhealthy cluster",
        Diagnosis(
            error_id="server-down",
            what="etcd admits no new member while a server is down",
            hint="`edgeboot status` shows which; start it, or remove it with "
            "`edgeboot reset --limit NODE`",
        ),
    ),
    (
        r"no bootstrap data found in datastore",
        Diagnosis(
            error_id="empty-datastore",
            what="its etcd was interrupted during setup and is empty",
            hint="run `edgeboot reset --limit {node}` (without --limit if it is the only server), "
            "then install again",
        ),
    ),
    (
        r"encrypted with different token",
        Diagnosis(
            error_id="wrong-token",
            what="its data is encrypted with another token",
            hint="run `edgeboot install` for all servers, which picks up a changed token; if that "
            "fails, restore the token that this server was installed with, or reset it",
        ),
    ),
    (
        r"(\S+) newer than datastore and could cause",
        Diagnosis(
            error_id="files-newer",
            what="{0} is newer than K3s's copy in the datastore, so K3s does not start",
            hint="if it is cred/passwd, run `edgeboot install`; otherwise find out what changed it",
        ),
    ),
    (
        r"tombstone file has been detected but|has been removed from the cluster",
        Diagnosis(
            error_id="removed-member",
            what="it was removed from the cluster's etcd",
            hint="run `edgeboot install`: it rejoins once another server is up",
        ),
    ),
    (
        r"etcdserver: (?:no leader|request timed out)|\[-\]etcd failed",
        Diagnosis(
            error_id="no-quorum",
            what="etcd has no quorum: more than half of the servers must be up",
            hint="`edgeboot status` shows which are down; start them",
        ),
    ),
    (
        r"x509: certificate has expired or is not yet valid",
        Diagnosis(
            error_id="clock",
            what="a certificate is not valid at the time of this host's clock",
            hint="compare `date` on the hosts and correct the clock that is wrong (chrony, "
            "systemd-timesyncd)",
        ),
    ),
    (
        r"401 Unauthorized|not authorized|token (?:is not valid|does not match)|invalid token",
        Diagnosis(
            error_id="wrong-token",
            what="the server rejects its token",
            hint="run `edgeboot install` again: it writes the server's current token",
        ),
    ),
    (
        r"listen \w+ \S*?:(\d+): bind: address already in use",
        Diagnosis(
            error_id="port-taken",
            what="port {0} is in use by another program",
            hint="find it with `ss -ltnp` on the host, and stop it",
        ),
    ),
    (
        r"dial \w+ (\S+?:\d+): .*(?:connection refused|i/o timeout|no route|unreachable)",
        Diagnosis(
            error_id="port-unreachable",
            what="it cannot reach {0}",
            hint="check that K3s runs there and that no firewall blocks 6443/tcp, 10250/tcp, or "
            "8472/udp",
        ),
    ),
    (
        r"lookup (\S+?)(?: on \S+)?: (?:no such host|server misbehaving|i/o timeout)",
        Diagnosis(
            error_id="name-unknown",
            what="the host cannot resolve the name {0}",
            hint="use the server's address in the inventory, or fix DNS on the host",
        ),
    ),
    (
        r"[Nn]o space left on device",
        Diagnosis(
            error_id="disk-full",
            what="its disk is full",
            hint="free space below /var/lib/rancher, then run `edgeboot install` again",
        ),
    ),
    (
        r"oom-kill|[Oo]ut of memory|OOM killer",
        Diagnosis(
            error_id="out-of-memory",
            what="the kernel killed it because memory ran out",
            hint="use a host with more memory, or disable packaged components under `config`",
        ),
    ),
    (
        r"failed to find memory cgroup|cgroup v1 support|fail-?[cC]group[vV]1",
        Diagnosis(
            error_id="cgroups",
            what="its kernel lacks the cgroup controllers that the kubelet needs",
            hint="on a Raspberry Pi append ` cgroup_memory=1 cgroup_enable=memory` to the single "
            "line of /boot/firmware/cmdline.txt and reboot",
        ),
    ),
    (
        r"[Ee]xec format error|cannot execute binary file",
        Diagnosis(
            error_id="wrong-architecture",
            what="the binary is for another architecture",
            hint="add the host's architecture to `arches` under `k3s` in bundle.yml, and rebuild",
        ),
    ),
    (
        r"(?:failed to pull|pull) (?:and unpack )?image \"?([^\s\"]+)",
        Diagnosis(
            error_id="image-missing",
            what="the image {0} is missing and cannot be pulled",
            hint="add it to `images` in bundle.yml, rebuild, and run `edgeboot install` again",
        ),
    ),
)


# What a node says once it has come so far: what it complained of before is solved.
_SUCCESS = re.compile(r"is up and running|Running kubelet|[Cc]onnected to proxy")


def cause_of(status: Status, node: str) -> Diagnosis | None:
    """The cause of what is wrong with a node's K3s; None where its logs name none.

    What a service complains of while it is being stopped is not why it does not run.
    """
    if status.active in {"inactive", "deactivating"}:
        return None
    return diagnose(status.containerd, node) or diagnose(status.journal, node)


def diagnose(journal: str, node: str) -> Diagnosis | None:
    """The cause in the newest line that matches a known one; None without a match.

    A later sign of success ends the search: what came before is solved.
    """
    for line in reversed(journal.splitlines()):
        if _SUCCESS.search(line):
            return None
        for pattern, cause in _CAUSES:
            found = re.search(pattern, line)
            if found:
                group = (found.group(1) or "") if found.re.groups else ""
                return Diagnosis(
                    cause.error_id,
                    cause.what.replace("{0}", group),
                    cause.hint.replace("{node}", node),
                    line.strip(),
                )
    return None


def known_ids() -> frozenset[str]:
    """Every id that ``diagnose`` can return."""
    return frozenset(cause.error_id for _, cause in _CAUSES)
