"""inventories/single-512.yml on a booted host with 512 MiB, and what else hosts are told. In order.

Memory is a claim of a real K3s (docs/hosts.md); here it is what is written where, and what stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.fleet import Fleet, refused

EXAMPLE = Path(__file__).parents[2] / "inventories" / "single-512.yml"
LIMIT = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
NODE = "server-1"
DROP_IN = "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d/60-edgeboot-profiles.conf"


@pytest.fixture(scope="module")
def small(bare_module: Fleet) -> Iterator[Fleet]:
    """The first host, with half a gibibyte."""
    if bare_module.on(NODE, f"test -w {LIMIT} && echo yes").strip() != "yes":
        pytest.skip("these hosts cannot lower their own limit: cgroup v2")
    bare_module.on(NODE, f"cat {LIMIT} >/run/limit; echo 512M >{LIMIT}")
    yield bare_module
    bare_module.on(NODE, f"cat /run/limit >{LIMIT}; rm -rf /etc/site /run/seen")


def inventory(fleet: Fleet, **changes: Any) -> Path:
    """The example, with the lab's addresses, login and bundle in the place of the reader's."""
    example = yaml.safe_load(EXAMPLE.read_text())
    path = fleet.inventory(NODE)
    lab = yaml.safe_load(path.read_text())
    (node,) = example.pop("nodes")
    for key in ("bundle", "bundle-keys"):
        example.pop(key)
    merged = {**lab, **example, "cluster": {**lab["cluster"], **example["cluster"]}}
    (own,) = lab["nodes"]
    kept = {key: own[key] for key in ("address", "ssh") if key in own}
    merged["nodes"] = [{**own, **node, **kept, **changes}]
    path.write_text(yaml.safe_dump(merged, sort_keys=False))
    return path


HOOKS = [
    {"name": "first", "before": "prepare", "run": "echo first >>/run/seen"},
    {"name": "late", "after": "cluster", "run": "echo late $EDGEBOOT_NODE >>/run/seen"},
]


def more(fleet: Fleet) -> dict[str, Any]:
    """A file, a hook at each end, and a disk of its own for nobody's data."""
    (fleet.work / "site.conf").write_text("answer=42\n")
    return {
        "files": [{"src": "site.conf", "dest": "/etc/site/site.conf", "mode": "0640"}],
        "hooks": HOOKS,
    }


def test_without_the_profile_it_is_refused_and_the_profile_is_named(small: Fleet) -> None:
    refused(small.install(inventory(small, profiles=[])), "512.0 MiB", "profiles: [lean]")


def test_it_is_installed(small: Fleet) -> None:
    done = small.install(inventory(small, **more(small)), "--diff")
    assert done.code == 0, done.all
    assert small.nodes() == {NODE: True}
    for shown in ("+Storage=volatile", "+GOMEMLIMIT=", "run hook first (before prepare)"):
        assert shown in done.out, done.out


def test_k3s_has_its_environment_and_the_kubelet_its_reservations(small: Fleet) -> None:
    pid = small.on(NODE, "systemctl show k3s -p MainPID --value").strip()
    environment = small.on(NODE, f"tr '\\0' '\\n' </proc/{pid}/environ").splitlines()
    assert {"GOGC=40", "GOMEMLIMIT=300MiB"} <= set(environment)
    config = yaml.safe_load(small.on(NODE, "cat /etc/rancher/k3s/config.yaml"))
    if not os.environ.get("K3S_RELEASE"):  # there the lab has a list of its own
        assert config["disable"] == ["metrics-server", "servicelb", "traefik"]
    kubelet = yaml.safe_load(small.on(NODE, f"cat {DROP_IN}"))
    assert kubelet["kubeReserved"] == {"memory": "317Mi"}
    assert kubelet["evictionHard"]["memory.available"] == "25Mi"
    assert kubelet["containerLogMaxSize"] == "1Mi"


def test_the_journal_is_in_memory(small: Fleet) -> None:
    small.on(NODE, "echo a line of the test | systemd-cat")
    assert small.on(NODE, "ls /run/log/journal").strip()
    shown = small.on(NODE, "systemctl show systemd-journald -p ActiveState --value")
    assert shown.strip() == "active"


def test_files_and_hooks_are_where_they_belong(small: Fleet) -> None:
    assert small.on(NODE, "stat -c '%a %u' /etc/site/site.conf").split() == ["640", "0"]
    assert small.on(NODE, "cat /run/seen").splitlines() == ["first", f"late {NODE}"]


def test_the_same_again_changes_nothing(small: Fleet) -> None:
    done = small.run("plan", "-i", inventory(small, **more(small)))
    assert done.code == 0, done.all
    done = small.install(inventory(small, **more(small)))
    assert done.code == 0, done.all
    assert small.on(NODE, "cat /run/seen").splitlines() == ["first", f"late {NODE}"]


def test_a_hook_that_fails_says_its_last_words_and_stops_before_anything_else(small: Fleet) -> None:
    hooks = [{**HOOKS[0], "run": "echo no camera here >&2; exit 7"}, HOOKS[1]]
    done = small.install(inventory(small, **{**more(small), "hooks": hooks}))
    words = ("run hook first (before prepare): exit code 7: no camera", "hook runs again")
    refused(done, NODE, *words, code=4)


def test_what_is_asked_for_no_longer_goes(small: Fleet) -> None:
    """Lean stays, since the host is small; the card's settings go, files and hooks stay."""
    done = small.run("plan", "-i", inventory(small, profiles=["lean"]), "--output", "json")
    assert done.code == 10, done.all
    phases = json.loads(done.out)["phases"]
    steps = [step["text"] for phase in phases for step in phase["nodes"].get(NODE, ())]
    assert steps == [
        "remove /etc/systemd/journald.conf.d/edgeboot.conf",
        "restore the journal's previous settings",
        f"change {DROP_IN} (0600)",
        "start k3s.service (what it is started with has changed)",
    ]
    done = small.install(inventory(small, profiles=["lean"]))
    assert done.code == 0, done.all
    assert "containerLogMaxSize" not in small.on(NODE, f"cat {DROP_IN}")
    plan = small.run("plan", "-i", inventory(small, profiles=["lean"]))
    assert plan.code == 0, plan.all


@pytest.mark.skipif(bool(os.environ.get("K3S_RELEASE")), reason="the disk is memory")
def test_data_on_a_disk_of_their_own(small: Fleet) -> None:
    """A bind mount that K3s's unit requires; where K3s runs already it is refused."""
    path = inventory(small, profiles=["lean"], storage={"path": "/mnt/ssd"})
    small.on(NODE, "mkdir -p /mnt/ssd")
    refused(small.install(path), "nothing is mounted at /mnt/ssd", "data is already in")
    small.wipe()
    small.on(NODE, "mount -t tmpfs -o size=300m none /mnt/ssd")
    try:
        done = small.install(path)
        assert done.code == 0, done.all
        assert "mount /mnt/ssd/k3s at /var/lib/rancher/k3s" in done.out
        assert small.on(NODE, "ls /mnt/ssd/k3s").split() == ["agent", "server"]
        assert "var-lib-rancher-k3s.mount" in small.on(NODE, "systemctl show k3s -p Requires")
        plan = small.run("plan", "-i", path)
        assert plan.code == 0, plan.all
    finally:
        small.wipe()
        small.on(
            NODE,
            "systemctl disable --quiet --now var-lib-rancher-k3s.mount; "
            "rm -f /etc/systemd/system/var-lib-rancher-k3s.mount; systemctl daemon-reload; "
            "umount /mnt/ssd; rmdir /mnt/ssd",
        )
