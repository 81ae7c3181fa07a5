"""Reads a host with one exec, with or without taking its lock."""

from __future__ import annotations

import getpass
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import replace

from edgeboot.errors import Refused, StepFailed
from edgeboot.kube.reading import persistent_volumes, with_api
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts, parse_facts
from edgeboot.plan.health import Status, parse_status
from edgeboot.plan.reset.remains import Loss, Remains, parse_remains
from edgeboot.transport.base import Held, Result, Snippet, Transport

_SERVICES = ("k3s", "k3s-agent")
TARGETS = (
    f"file:{paths.K3S_BINARY}",
    f"text:{paths.CONFIG}",
    f"text:{paths.TOKEN}",
    f"text:{paths.AGENT_TOKEN}",
    f"text:{paths.FORMER_TOKENS}",
    f"text:{paths.CLUSTER_NAME}",
    f"text:{paths.NODE_RECORD}",
    f"seen:{paths.DATABASE}",
    f"file:{paths.ETCD_DATA}",
    f"file:{paths.TOMBSTONE}",
    f"text:{paths.BUNDLE}",
    *(f"text:{paths.unit_file(service)}" for service in _SERVICES),
    *(f"text:{paths.init_script(service)}" for service in _SERVICES),
    *(f"text:{paths.logrotate(service)}" for service in _SERVICES),
    f"text:{paths.FLANNEL}",
    f"text:{paths.COREDNS}",
    *(f"text:{paths.CONTAINERD}/{name}" for name in paths.CONTAINERD_FILES),
    f"text:{paths.SYSCTL}",
    # The contents of what may hold a password stay on the host.
    f"file:{paths.REGISTRIES}",
    f"file:{paths.COMPONENTS}",
    f"tree:{paths.COMPONENTS}",
    f"file:{paths.CONTAINERD}",
    f"file:{paths.CONTAINERD}/{paths.CONTAINERD_FILES[0].partition('/')[0]}",
    f"file:{paths.AUDIT_LOGS}",
    *(
        f"file:{paths.environment_file(init, service)}"
        for init in ("systemd", "openrc")
        for service in _SERVICES
    ),
    *(f"unit:{service}" for service in _SERVICES),
    f"text:{paths.KUBELET_PROFILES}",
    *(f"text:{path}" for path in (*paths.HOST_FILES, paths.MOUNT)),
    *(
        f"file:{directory}"
        for directory in (
            paths.CONFIG_DIR,
            paths.DATA,
            paths.SERVER,
            paths.AGENT,
            paths.SERVER_CA,
            paths.IMAGES,
            paths.IMAGES_CACHE,
            paths.MANIFESTS,
            paths.CHARTS,
            paths.KUBELET_DIR,
            *(path.rpartition("/")[0] for path in paths.HOST_FILES),
        )
    ),
    f"tree:{paths.IMAGES}",
    f"tree:{paths.MANIFESTS}",
    f"tree:{paths.CHARTS}",
    "parts:/usr/local/bin",
    *(f"parts:{directory}" for directory in (paths.IMAGES, paths.MANIFESTS, paths.CHARTS)),
)

OBSERVE_DEADLINE = 300.0  # the first time, it may hash hundreds of megabytes on an SD card
STATUS_DEADLINE = 180.0

_LOCKED = 75
_TRAPPED = 77  # of guard.sh


def observe(transport: Transport, more: tuple[str, ...] = ()) -> Facts:
    """The facts of a host, read only; ``more`` are further targets of ``observe.sh``."""
    asked_at = time.time()
    words = ("free", "-", *TARGETS, *more)
    result = transport.run(Snippet("observe", words), deadline=OBSERVE_DEADLINE)
    if not result.ok:
        raise _not_observed(transport, result)
    return replace(parse_facts(result.stdout, transport.node), asked_at=asked_at)


def new_run() -> str:
    """A random name for a run, under which it may take over its own lock after a reconnect."""
    return secrets.token_hex(8)


def observe_locked(
    transport: Transport,
    run: str,
    more: tuple[str, ...] = (),
    is_dead: Callable[[str], bool] = lambda _run: False,
) -> tuple[Facts, Held]:
    """The facts of a host, with its lock held from before they are read until ``release``.

    ``Refused`` if another run holds the lock, naming its holder, or if this run holds it for
    another node: then both are the same host. The lock of a dead run is taken over.
    """
    own = f"{run}/{transport.node}"
    asked_at = time.time()
    held = _hold(transport, own, more)
    if isinstance(held, Result) and held.exit_code == _LOCKED:
        other = _locked_run(held)
        if is_dead(other.partition("/")[0]):
            asked_at = time.time()
            held = _hold(transport, f"{own},{other}", more)
    if isinstance(held, Result):
        raise _same_host(transport, run, held) or _not_observed(transport, held)
    try:
        return replace(parse_facts(held.output, transport.node), asked_at=asked_at), held
    except StepFailed:
        held.release()
        raise


def _hold(transport: Transport, runs: str, more: tuple[str, ...]) -> Held | Result:
    snippet = Snippet("observe", (f"hold:{runs}", _holder(), *TARGETS, *more))
    return transport.hold(snippet, ready="ready", deadline=OBSERVE_DEADLINE)


def _locked_run(result: Result) -> str:
    return result.stdout.partition("\nlocked-run ")[2].strip()


def status(transport: Transport, role: str, service: str, *, more: bool = False) -> Status:
    """How K3s does on a host just now; ``more`` for people: clock, version, journal in any case.

    A server's API is asked too, where it can be.
    """
    words = (role, service, *(("more",) if more else ()))
    result = transport.run(Snippet("status", words), deadline=STATUS_DEADLINE)
    return with_api(parse_status(result.stdout), transport)


def survey(transport: Transport) -> Remains:
    """What K3s and edgeboot left on a host, read only."""
    result = transport.run(Snippet("survey"), deadline=OBSERVE_DEADLINE)
    if not result.ok:
        raise _not_observed(transport, result)
    found = parse_remains(result.stdout, transport.node)
    if "k3s" not in found.services:
        return found
    return replace(found, claims=tuple(map(Loss, persistent_volumes(transport))))


def _holder() -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return f"{getpass.getuser()}@{socket.gethostname()} (process {os.getpid()}) since {when}"


def _same_host(transport: Transport, run: str, result: Result) -> Refused | None:
    """The error for a host that this run has locked already, under another name."""
    of, _, other = _locked_run(result).partition("/")
    if result.exit_code != _LOCKED or of != run:
        return None
    return Refused(
        f"{transport.node} and {other} are the same host [preflight.same-host]",
        where=transport.node,
        hint="correct the address of one of them, or remove its entry; nothing was changed on any "
        "host",
        error_id="preflight",
    )


def _not_observed(transport: Transport, result: Result) -> Refused | StepFailed:
    if result.exit_code == _LOCKED:
        said = result.stdout.partition("locked-by ")[2]
        holder = said.partition("\nlocked-run ")[0].strip() or "unknown"
        return Refused(
            f"another edgeboot run has locked this host: {holder}",
            error_id="locked",
            where=transport.node,
            hint="wait until it ends; its lock ends with it",
        )
    complaint = (result.stderr or result.stdout).strip() or "no output"
    if result.exit_code == _TRAPPED:
        return Refused(
            complaint,
            where=transport.node,
            hint="nothing was changed there; `ls -la /var/lib/edgeboot` on the host shows it",
        )
    return StepFailed(
        f"cannot read the host's state (exit code {result.exit_code}): {complaint}",
        where=transport.node,
        hint="check that the host has a POSIX sh, coreutils, grep, sed, and flock (or BusyBox)",
    )
