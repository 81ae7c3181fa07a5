"""What a K3s journal complains of, in the words of somebody who has to mend it: pure.

Sources: K3s, pkg/agent/config and pkg/clientaccess, for joining; the kubelet and Go for the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """A cause that is known: ``what`` it is, ``hint`` what to do, and its id in the documents."""

    error_id: str
    what: str
    hint: str


# Pattern, and what it means; {0} is its first group, {node} the node. The first that is found
# in the newest lines counts, so the more particular ones stand first.
_CAUSES: tuple[tuple[str, Diagnosis], ...] = (
    (
        r"[Nn]ode password rejected",
        Diagnosis(
            error_id="node-password-rejected",
            what="the server knows another host by this name (its node password was rejected)",
            hint="if this host was installed anew, run on the server: "
            "k3s kubectl -n kube-system delete secret {node}.node-password.k3s",
        ),
    ),
    (
        r"CA hash does not match",
        Diagnosis(
            error_id="other-cluster",
            what="its token is of another cluster (the CA's hash does not match)",
            hint="run `edgeboot install`, which writes the right token; if it asks, reset the host",
        ),
    ),
    (
        r"duplicate node name found",
        Diagnosis(
            error_id="former-member",
            what="etcd still has a member of this name, whose data is gone",
            hint="if this host was installed anew, add --forget-node-passwords: its former Node "
            "is deleted, and its member with it",
        ),
    ),
    (
        r"critical configuration value mismatch",
        Diagnosis(
            error_id="servers-differ",
            what="its configuration is not that of the other servers, in keys that K3s has named "
            "just before",
            hint="set these keys once, in 'config' of 'cluster', and install all servers",
        ),
    ),
    (
        r"too many learner members in cluster",
        Diagnosis(
            error_id="second-learner",
            what="another server is still joining, and etcd takes in one at a time",
            hint="`edgeboot status` says which; start it, or wait: etcd gives a learner that does "
            "not come up after five minutes",
        ),
    ),
    (
        r"etcdserver: unhealthy cluster",
        Diagnosis(
            error_id="server-down",
            what="etcd takes in nobody while a server is down",
            hint="`edgeboot status` says which; bring it back, or take it out: "
            "edgeboot reset --limit it",
        ),
    ),
    (
        r"no bootstrap data found in datastore",
        Diagnosis(
            error_id="empty-datastore",
            what="its etcd was cut off while it was being set up, and holds nothing yet",
            hint="remove it (`edgeboot reset --limit {node}`, or without --limit where it is the "
            "only server)",
        ),
    ),
    (
        r"encrypted with different token",
        Diagnosis(
            error_id="wrong-token",
            what="its data belongs to another token",
            hint="run `edgeboot install` for all servers: it takes over a token that was changed; "
            "else put the token back that this server was installed with, or reset it",
        ),
    ),
    (
        r"(\S+) newer than datastore and could cause",
        Diagnosis(
            error_id="files-newer",
            what="{0} is newer than what K3s has of it in its data, so K3s does not start",
            hint="if it is cred/passwd, run `edgeboot install`; else find out who changed it",
        ),
    ),
    (
        r"tombstone file has been detected but|has been removed from the cluster",
        Diagnosis(
            error_id="removed-member",
            what="it was taken out of the cluster's etcd",
            hint="run `edgeboot install`: it joins anew as soon as another server is up",
        ),
    ),
    (
        r"etcdserver: (?:no leader|request timed out)|\[-\]etcd failed",
        Diagnosis(
            error_id="no-quorum",
            what="etcd has no quorum: more than half of the servers have to be up",
            hint="`edgeboot status` says which are not; start them",
        ),
    ),
    (
        r"x509: certificate has expired or is not yet valid",
        Diagnosis(
            error_id="clock",
            what="a certificate is not valid at what this host takes for the time",
            hint="compare `date` on the hosts and set the wrong clock (chrony, systemd-timesyncd)",
        ),
    ),
    (
        r"401 Unauthorized|not authorized|token (?:is not valid|does not match)|invalid token",
        Diagnosis(
            error_id="wrong-token",
            what="the server does not take its token",
            hint="run `edgeboot install` again: it writes the token that the server has now",
        ),
    ),
    (
        r"listen \w+ \S*?:(\d+): bind: address already in use",
        Diagnosis(
            error_id="port-taken",
            what="port {0} is taken by another program",
            hint="`ss -ltnp` there says by which; stop it",
        ),
    ),
    (
        r"dial \w+ (\S+?:\d+): .*(?:connection refused|i/o timeout|no route|unreachable)",
        Diagnosis(
            error_id="port-unreachable",
            what="it cannot reach {0}",
            hint="see that K3s runs there, and that no firewall is between (6443 and 10250 over "
            "TCP, 8472 over UDP)",
        ),
    ),
    (
        r"lookup (\S+?)(?: on \S+)?: (?:no such host|server misbehaving|i/o timeout)",
        Diagnosis(
            error_id="name-unknown",
            what="the name {0} does not resolve there",
            hint="use the server's address in the inventory, or mend DNS on the host",
        ),
    ),
    (
        r"[Nn]o space left on device",
        Diagnosis(
            error_id="disk-full",
            what="its disk is full",
            hint="make room below /var/lib/rancher, then run `edgeboot install` again",
        ),
    ),
    (
        r"oom-kill|[Oo]ut of memory|OOM killer",
        Diagnosis(
            error_id="out-of-memory",
            what="the kernel killed it for lack of memory",
            hint="give the host more memory, or disable packaged components under 'config'",
        ),
    ),
    (
        r"failed to find memory cgroup|cgroup v1 support|fail-?[cC]group[vV]1",
        Diagnosis(
            error_id="cgroups",
            what="its control groups are not what the kubelet needs",
            hint="on a Raspberry Pi add cgroup_memory=1 cgroup_enable=memory to the one line of "
            "/boot/firmware/cmdline.txt and reboot",
        ),
    ),
    (
        r"[Ee]xec format error|cannot execute binary file",
        Diagnosis(
            error_id="wrong-architecture",
            what="the binary is for another architecture",
            hint="build the bundle for this one: edgeboot bundle build --arch",
        ),
    ),
    (
        r"(?:failed to pull|pull) (?:and unpack )?image \"?([^\s\"]+)",
        Diagnosis(
            error_id="image-missing",
            what="the image {0} is not there and cannot be pulled",
            hint="add it to the bundle's images and run `edgeboot install` again",
        ),
    ),
)


def diagnose(journal: str, node: str) -> Diagnosis | None:
    """The cause that the newest telling line of a journal names; None where none is known."""
    for line in reversed(journal.splitlines()):
        for pattern, cause in _CAUSES:
            found = re.search(pattern, line)
            if found:
                group = found.group(1) if found.re.groups else ""
                return Diagnosis(
                    cause.error_id,
                    cause.what.replace("{0}", group),
                    cause.hint.replace("{node}", node),
                )
    return None


def known_ids() -> frozenset[str]:
    """Every id that ``diagnose`` can give."""
    return frozenset(cause.error_id for _, cause in _CAUSES)
