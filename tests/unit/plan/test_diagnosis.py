"""Journals as K3s, the kubelet and systemd write them, and the cause each of them names."""

from __future__ import annotations

import pytest

from edgeboot.plan.diagnosis import cause_of, diagnose, known_ids
from edgeboot.plan.health import Status

CASES = {
    "inotify": (
        'level=warning msg="failed to load plugin" error="failed to create CRI service: failed to '
        "create cni conf monitor for default: failed to create fsnotify watcher: too many open "
        'files" id=io.containerd.grpc.v1.cri',
        "fs.inotify.max_user_instances=512",
    ),
    "snapshotter": (
        'level=fatal msg="\\"overlayfs\\" snapshotter cannot be enabled for \\"/var/lib/rancher/'
        'k3s/agent/containerd\\", try using \\"fuse-overlayfs\\" or \\"native\\""',
        "ext4",
    ),
    "containerd-config": (
        "containerd: failed to load TOML: /var/lib/rancher/k3s/agent/etc/containerd/config.toml: "
        "(4, 3): unexpected token",
        "config.toml.tmpl",
    ),
    "disk-read-only": (
        'level=fatal msg="mkdir /var/lib/rancher/k3s/agent: read-only file system"',
        "dmesg",
    ),
    "disk-damaged": (
        'level=fatal msg="write /var/lib/rancher/k3s/agent/x: input/output error"',
        "fsck",
    ),
    "noexec": (
        'msg="containerd exited: fork/exec /var/lib/rancher/k3s/data/ab/bin/containerd: permission '
        'denied"',
        "noexec",
    ),
    "node-password-rejected": (
        'level=error msg="Node password rejected, duplicate hostname or contents of '
        "'/etc/rancher/node/password' may not match server node-passwd entry\"",
        "--forget-node-passwords",
    ),
    "other-cluster": (
        "Error: token CA hash does not match the Cluster CA certificate hash: ab != cd",
        "reset",
    ),
    "clock": (
        'msg="Get https://192.0.2.1:6443/cacerts: tls: failed to verify certificate: x509: '
        'certificate has expired or is not yet valid: current time 1970-01-01"',
        "date",
    ),
    "wrong-token": (
        'msg="failed to validate token: https://127.0.0.1:6444/v1-k3s/client-kubelet.crt: '
        '401 Unauthorized"',
        "edgeboot install",
    ),
    "port-taken": ("listen tcp :6443: bind: address already in use", "ss -ltnp"),
    "port-unreachable": (
        'msg="failed to get CA certs: Get \\"https://192.0.2.1:6443/cacerts\\": '
        'dial tcp 192.0.2.1:6443: connect: connection refused"',
        "6443",
    ),
    "name-unknown": ("dial tcp: lookup server.lan on 192.0.2.53:53: no such host", "DNS"),
    "disk-full": ("write /var/lib/rancher/k3s/x: no space left on device", "free space"),
    "out-of-memory": ("k3s.service: Failed with result 'oom-kill'.", "memory"),
    "cgroups": ('level=fatal msg="failed to find memory cgroup (v2)"', "cmdline.txt"),
    "wrong-architecture": ("/usr/local/bin/k3s: cannot execute binary file", "arches"),
    "former-member": (
        "ETCD join failed: duplicate node name found, please use a unique name for this node",
        "--forget-node-passwords",
    ),
    "servers-differ": (
        'level=fatal msg="failed to validate server configuration: critical configuration value '
        'mismatch between servers"',
        "`cluster`",
    ),
    "second-learner": (
        'msg="Waiting for other members to finish joining etcd cluster: etcdserver: too many '
        'learner members in cluster"',
        "five minutes",
    ),
    "server-down": (
        'msg="Waiting for other members to finish joining etcd cluster: etcdserver: unhealthy '
        'cluster"',
        "edgeboot reset --limit",
    ),
    "empty-datastore": (
        'level=fatal msg="Error: preparing server: failed to bootstrap cluster data: failed to '
        "reconcile with local datastore: no bootstrap data found in datastore - check server token "
        'value and verify datastore integrity"',
        "edgeboot reset --limit pi",
    ),
    "files-newer": (
        'level=fatal msg="/var/lib/rancher/k3s/server/cred/passwd newer than datastore and could '
        "cause a cluster outage. Remove the file(s) from disk and restart to be recreated from "
        'datastore."',
        "edgeboot install",
    ),
    "removed-member": (
        "tombstone file has been detected but --server is empty: backup and delete "
        "${datadir}/server/db to create a new cluster, or set --server to rejoin the cluster",
        "edgeboot install",
    ),
    "no-quorum": ('msg="Failed to test etcd connection: etcdserver: no leader"', "start them"),
    "image-missing": (
        'failed to pull image "docker.io/x/y:1": dial failed',
        "bundle",
    ),
}


def test_every_cause_has_a_case() -> None:
    assert set(CASES) == known_ids()


@pytest.mark.parametrize("error_id", CASES)
def test_a_journal_names_its_cause(error_id: str) -> None:
    line, hint = CASES[error_id]
    found = diagnose(f"Starting\n{line}\nlast line", "pi")
    assert found is not None
    assert (found.error_id, hint in found.hint) == (error_id, True)
    assert "{" not in found.what + found.hint


def test_what_was_reached_in_vain_is_named() -> None:
    found = diagnose(CASES["port-unreachable"][0], "pi")
    assert found is not None
    assert found.what == "it cannot reach 192.0.2.1:6443"


def test_the_newest_complaint_counts_and_none_is_invented() -> None:
    lines = [CASES["port-unreachable"][0], CASES["disk-full"][0]]
    found = diagnose("\n".join(lines), "pi")
    assert found is not None
    assert found.error_id == "disk-full"
    assert diagnose("level=info msg=hello", "pi") is None
    assert diagnose("", "pi") is None


@pytest.mark.parametrize(
    "success",
    [
        'level=info msg="k3s is up and running"',
        'level=info msg="Running kubelet --v=0"',
        'level=info msg="Remotedialer connected to proxy" url="wss://192.0.2.1:6443/v1-k3s/connect"',
    ],
)
def test_what_was_solved_since_is_no_cause(success: str) -> None:
    refused = CASES["port-unreachable"][0]
    assert diagnose(f"{refused}\n{success}\nlevel=info msg=idle", "pi") is None
    again = diagnose(f"{refused}\n{success}\n{CASES['disk-full'][0]}", "pi")
    assert again is not None
    assert (again.error_id, again.line) == ("disk-full", CASES["disk-full"][0])


def test_containerds_own_log_goes_before_the_journal() -> None:
    status = Status("active", 0, journal=CASES["port-unreachable"][0])
    found = cause_of(status, "pi")
    assert found is not None
    assert found.error_id == "port-unreachable"
    found = cause_of(
        Status("active", 0, journal=status.journal, containerd=CASES["inotify"][0]), "pi"
    )
    assert found is not None
    assert found.error_id == "inotify"


@pytest.mark.parametrize(("active", "named"), [("inactive", False), ("failed", True)])
def test_what_a_service_says_while_it_is_stopped_is_not_why(active: str, named: bool) -> None:
    status = Status(active, 0, journal=CASES["no-quorum"][0])
    assert (cause_of(status, "pi") is not None) == named
