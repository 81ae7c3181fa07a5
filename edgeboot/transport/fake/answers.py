"""What snippets that look print on a fake host: its facts, its status, what is left of K3s."""

from __future__ import annotations

import base64
import hashlib

from edgeboot.transport.fake.machine import FakeMachine
from edgeboot.transport.fake.tls import API_PORT, kubeconfig


def observed(machine: FakeMachine, targets: tuple[str, ...]) -> str:
    """What ``observe.sh`` prints."""
    installed = "/usr/local/bin/k3s" in machine.files
    lines = [
        f"trait machine {machine.machine}",
        "trait os debian 12",
        "trait init systemd",
        "trait cgroup-version 2",
        "trait cpus 4",
        "trait default-route yes",
        "trait board ",
        f"trait k3s-version {machine.cluster.version if installed else ''}",
        *machine.board.lines(),
        *(f"owned {path}" for path in sorted(machine.owned)),
        *(
            f"part {len(data)} {hashlib.sha256(data).hexdigest()} {path}"
            for path, data in machine.parts.items()
        ),
    ]
    if "k3s" in machine.units and machine.server_token:
        lines.append(f"node-token {base64.b64encode(machine.server_token).decode()}")
        lines.append(f"kubeconfig {base64.b64encode(kubeconfig(API_PORT)).decode()}")
    for target in targets:
        lines += _described(machine, *target.split(":", 1))
    return "\n".join([*lines, "end", ""])


def _described(machine: FakeMachine, kind: str, path: str) -> list[str]:
    match kind:
        case "file":
            return _file(machine, path)
        case "text":
            found = _file(machine, path)
            if found:
                encoded = base64.b64encode(machine.files[path].data).decode()
                found.append(f"content {encoded} {path}")
            return found
        case "seen":
            return _file(machine, path)
        case "tree":
            below = (p for p in machine.files if p.startswith(path + "/"))
            return [line for p in sorted(below) for line in _file(machine, p)]
        case _:
            active = machine.units.get(path, "inactive")
            enabled = "yes" if path in machine.units else "no"
            return [f"unit {path} {active} {enabled} {machine.started_with.get(path, '-')}"]


def _file(machine: FakeMachine, path: str) -> list[str]:
    file = machine.files.get(path)
    if file is None:
        return []
    if file.directory:
        return [f"file directory {file.mode:o} 0:0 0 - {path}"]
    digest = hashlib.sha256(file.data).hexdigest()
    return [f"file file {file.mode:o} 0:0 {len(file.data)} {digest} {path}"]


def status(machine: FakeMachine, role: str, service: str) -> str:
    """What ``status.sh`` prints."""
    active = machine.units.get(service, "inactive")
    runtime = "yes" if active == "active" else "no"
    lines = ["== unit 0", f"ActiveState={active}", "NRestarts=0", f"Runtime={runtime}"]
    name = machine.runs_as
    lines += ["== identity 0", f"MachineID={machine.board.machine_id}", f"Node={name}"]
    if active != "active":
        return "\n".join([*lines, "== journal 0", "not started", ""])
    if role == "server":
        token = base64.b64encode(machine.server_token or b"").decode()
        config = base64.b64encode(kubeconfig(API_PORT)).decode()
        lines += ["== token 0", token, "== kubeconfig 0", config]
    return "\n".join([*lines, ""])


def survey(machine: FakeMachine) -> str:
    """What ``survey.sh`` prints."""
    lines = [f"service {name}" for name in sorted(machine.units)]
    lines += ["processes 0", "rules 0"]
    lines += [f"path 4 {path}" for path in sorted(machine.files)]
    lines += ["record"] if machine.owned or machine.started_with else []
    return "\n".join([*lines, "end", ""])
