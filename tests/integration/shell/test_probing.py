"""``probe.sh`` in the shells that hosts have, with a kubectl that answers from files."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgeboot import shell
from edgeboot.verify.expectation import ClusterExpectation
from edgeboot.verify.probes.pods import ASK, ProbeResult, manifests, parse_probes, wanted_peers

NODES = ("server-1", "agent-1")
EXPECTED = ClusterExpectation("edge", storage=False, ingress=False, probe_image="busybox:1")

# Answers as kubectl does, from what it was given; notes what it was asked.
_KUBECTL = r"""#!/bin/sh
shift; while case $1 in --request-timeout*) ;; *) false ;; esac; do shift; done
echo "$*" >>"$TOP/asked"
case "$*" in
"get namespaces"*) cat "$TOP/namespaces" 2>/dev/null ;;
"apply -f -")
    number=$(($(cat "$TOP/applied" 2>/dev/null || echo 0) + 1)); echo $number >"$TOP/applied"
    cat >"$TOP/manifest-$number"
    [ -e "$TOP/refuse" ] && { cat "$TOP/refuse" >&2; exit 1; }
    cat "$TOP/created-$number" ;;
*"edgeboot-probe=first -o wide"*) cat "$TOP/wide" ;;
*"edgeboot-probe=first -o json") cat "$TOP/first" ;;
*"edgeboot-probe=second -o json") cat "$TOP/second" ;;
"get persistentvolumeclaims"* | "get events"*) echo '{"items": []}' ;;
esac
"""


@pytest.fixture
def top(tmp_path: Path) -> Path:
    kubectl = tmp_path / "k3s"
    kubectl.write_text(_KUBECTL)
    kubectl.chmod(0o755)
    names = {1: ("first-server-1", "first-agent-1"), 2: ("pod-server-1", "pod-agent-1")}
    for number, pods in names.items():
        (tmp_path / f"created-{number}").write_text("".join(f"pod/{p} created\n" for p in pods))
    running = {"phase": "Running"}
    said = {"terminated": {"message": "dns ok\npeer agent-1 failed 10.42.1.2: timed out"}}
    ended = {"phase": "Succeeded", "containerStatuses": [{"state": said}]}
    _pods(tmp_path / "first", dict.fromkeys(names[1], running))
    _pods(tmp_path / "second", dict.fromkeys(names[2], ended))
    (tmp_path / "wide").write_text(
        "first-server-1 1/1 Running 0 5s 10.42.0.2 server-1 <none> <none>\n"
        "first-agent-1 1/1 Running 0 5s 10.42.1.2 agent-1 <none> <none>\n"
        "first-agent-2 0/1 Pending 0 5s <none> agent-2 <none> <none>\n"
    )
    return tmp_path


def _pods(path: Path, statuses: Mapping[str, Mapping[str, object]]) -> None:
    items = [{"metadata": {"name": n}, "status": status} for n, status in statuses.items()]
    path.write_text(json.dumps({"items": items}, indent=4))


def start(sh: tuple[str, ...], top: Path, seconds: int = 5) -> subprocess.Popen[str]:
    text = shell.text("probe").replace("/usr/local/bin/k3s", str(top / "k3s"))
    return subprocess.Popen(
        [*sh, "-c", text, "probe", "edgeboot-probe-1800000000", str(seconds)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"TOP": str(top), "PATH": "/usr/bin:/bin"},
        text=True,
    )


def ask(sh: tuple[str, ...], top: Path, seconds: int = 5) -> str:
    given = manifests(EXPECTED, NODES, "edgeboot-probe-1800000000").decode()
    out, err = start(sh, top, seconds).communicate(given, timeout=60)
    assert err == ""
    return out


def asked(top: Path) -> list[str]:
    return (top / "asked").read_text().splitlines()


def test_the_second_group_is_told_where_the_first_is(sh: tuple[str, ...], top: Path) -> None:
    found = parse_probes(ask(sh, top))
    second = json.loads((top / "manifest-2").read_text())["items"]
    peers = {e["value"] for o in second for e in o["spec"]["containers"][0]["env"] if "value" in e}
    assert "server-1=10.42.0.2 agent-1=10.42.1.2 " in peers
    assert found.pod("first-agent-1").ran
    assert found.answers("pod-server-1", "peer") == (
        ProbeResult("peer agent-1", False, "10.42.1.2: timed out"),
    )
    assert asked(top)[-1] == "delete namespace edgeboot-probe-1800000000 --wait=false"


def test_all_is_removed_where_the_api_refuses(sh: tuple[str, ...], top: Path) -> None:
    (top / "refuse").write_text("pods are forbidden\n")
    assert "== refused 1\npods are forbidden" in ask(sh, top)
    assert asked(top)[-1] == "delete namespace edgeboot-probe-1800000000 --wait=false"


def test_pods_that_do_not_end_are_waited_for_so_long_and_no_longer(
    sh: tuple[str, ...], top: Path
) -> None:
    _pods(top / "second", {"pod-server-1": {"phase": "Pending"}, "pod-agent-1": {}})
    found = parse_probes(ask(sh, top, seconds=2))
    assert not found.pod("pod-server-1").ran
    assert sum("probe=second" in line for line in asked(top)) == 3
    assert asked(top)[-1].startswith("delete namespace")


def test_remains_of_others_are_removed_and_what_is_young_is_left(
    sh: tuple[str, ...], top: Path
) -> None:
    young = f"namespace/edgeboot-probe-{int(time.time())}"
    (top / "namespaces").write_text(f"namespace/edgeboot-probe-1700000000\n{young}\n")
    ask(sh, top)
    deleted = [line for line in asked(top) if line.startswith("delete namespace/")]
    assert deleted == ["delete namespace/edgeboot-probe-1700000000 --wait=false"]


def test_all_is_removed_when_the_connection_ends(sh: tuple[str, ...], top: Path) -> None:
    (top / "first").write_text("{}")
    running = start(sh, top, seconds=30)
    assert running.stdin is not None
    running.stdin.write(manifests(EXPECTED, NODES, "edgeboot-probe-1800000000").decode())
    running.stdin.close()
    while not (top / "asked").exists() or "probe=first" not in (top / "asked").read_text():
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGHUP)
    running.wait(30)
    assert asked(top)[-1] == "delete namespace edgeboot-probe-1800000000 --wait=false"
    for stream in (running.stdout, running.stderr):
        assert stream is not None
        stream.close()


def test_everybody_asks_everybody_in_a_small_cluster_and_a_ring_in_a_large_one() -> None:
    assert wanted_peers(["a", "b", "c"], "b") == ("c", "a")
    many = [str(number) for number in range(20)]
    assert wanted_peers(many, "18") == ("19", "0", "1")
    assert wanted_peers(["a"], "a") == ()


def test_pods_are_small_unprivileged_and_never_pull() -> None:
    first, _, second = manifests(EXPECTED, NODES, "x").decode().partition("---8<---\n")
    pods = [o for text in (first, second) for o in json.loads(text)["items"] if o["kind"] == "Pod"]
    assert len(pods) == 6
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert container["imagePullPolicy"] == "Never"
        assert container["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert pod["spec"]["activeDeadlineSeconds"] <= 600
        assert not pod["spec"]["automountServiceAccountToken"]


def test_what_pods_run_finds_out_what_answers_and_what_does_not(tmp_path: Path) -> None:
    """busybox itself, as in the pods; its httpd and a listener on loopback stand for the others."""
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("no busybox here")
    with socket.create_server(("127.0.0.1", 0)) as https, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        web = free.getsockname()[1]
        free.close()
        (tmp_path / "hostname").write_text("first-a\n")
        argv = [busybox, "httpd", "-f", "-p", f"127.0.0.1:{web}", "-h", str(tmp_path)]
        server = subprocess.Popen(argv)
        script = (
            ASK.replace(":8080", f":{web}")
            .replace("http://$NODE_IP/", f"http://$NODE_IP:{web}/")
            .replace('"$NODE_IP" 443', f'"$NODE_IP" {https.getsockname()[1]}')
            .replace("/dev/termination-log", str(tmp_path / "log"))
            .replace("sleep 2", "sleep 0.2")
        )
        applets = tmp_path / "bin"
        applets.mkdir()
        subprocess.run([busybox, "--install", "-s", str(applets)], check=True)
        env = {"PEERS": "a=127.0.0.1 b=127.0.0.9 c=127.0.0.1 ", "WANTED": "a b", "NAME": ""}
        env |= {"DNS": "", "INGRESS": "yes", "NODE_IP": "127.0.0.1", "PATH": str(applets)}
        try:
            subprocess.run([busybox, "sh", "-c", script], env=env, check=True, timeout=60)
        finally:
            server.kill()
            server.wait()
    log = (tmp_path / "log").read_text().splitlines()
    assert log[0] == "peer a ok first-a"
    assert log[1].startswith("peer b failed 127.0.0.9: ")
    assert log[2:] == ["ingress-80 ok", "ingress-443 ok"]
