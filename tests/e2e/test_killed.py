"""The real process SIGKILLed in the middle of an install: one more run converges."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.fleet import Fleet

# The event after whose line the process is killed: kind, and what its text starts with.
POINTS = {
    "while locks are held and the plan is shown": ("Plan", ""),
    "in the middle of the first upload": ("BytesSent", ""),
    "after the server's token is written": ("StepEnded", "write /etc/rancher/k3s/edgeboot-token"),
    "after the server is started": ("StepEnded", "start k3s.service"),
    "after an agent's configuration is written": (
        "StepEnded",
        "write /etc/rancher/k3s/config.yaml",
    ),
    "after an agent is started": ("StepEnded", "start k3s-agent.service"),
}
AGENTS_ONLY = {"after an agent's configuration is written"}


@pytest.mark.parametrize("point", POINTS)
def test_one_rerun_converges(bare: Fleet, point: str) -> None:
    inventory = bare.inventory("server-1", "agent-1")
    kind, text = POINTS[point]
    kill_at(bare, inventory, kind, text, agents_only=point in AGENTS_ONLY)
    done = bare.install(inventory)
    assert done.code == 0, done.all
    assert bare.nodes() == {"server-1": True, "agent-1": True}
    assert bare.run("plan", "-i", inventory).code == 0
    stages = bare.on(
        "server-1", "find / -xdev -name '.edgeboot-*' -o -name '*.new' -path '*edgeboot*'"
    )
    assert stages == ""


def kill_at(fleet: Fleet, inventory: object, kind: str, text: str, *, agents_only: bool) -> None:
    argv = fleet.argv("install", "-i", str(inventory), "--yes", "--output", "jsonl")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=fleet.env) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] != kind or not event.get("step", "").startswith(text):
                continue
            if agents_only and not event["node"].startswith("agent"):
                continue
            process.kill()
            break
        else:
            pytest.fail(f"no event {kind} {text} came")
    assert process.returncode == -9
