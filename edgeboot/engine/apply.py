"""Applies steps to a host, one after another, and reports what happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext

from edgeboot.blob import BytesSource, Source
from edgeboot.engine.reboot import reboot
from edgeboot.engine.resume import Rest, agreed_offset
from edgeboot.errors import EdgebootError, StepFailed
from edgeboot.events import BytesSent, Listener, StepEnded, StepStarted
from edgeboot.kube.steps import carry_out as carry_out_in_cluster
from edgeboot.plan.reset.clear import Clear
from edgeboot.plan.resources import KnownAfter
from edgeboot.plan.steps import (
    HostStep,
    MakeDirectory,
    Reboot,
    Remove,
    Run,
    Start,
    Step,
    Upload,
    Write,
)
from edgeboot.secret import Secret
from edgeboot.transport.base import Progress, Result, Snippet, Transport

STEP_DEADLINE = 120.0
CLEAR_DEADLINE = 900.0  # deleting gigabytes of small files from an SD card is slow
STALL = 60.0  # seconds without progress, and for hashing and flushing on a slow card


def apply(
    transport: Transport,
    steps: Iterable[Step],
    tell: Listener,
    uploading: AbstractContextManager[object] | None = None,
    allowed: Callable[[], None] = lambda: None,
) -> None:
    """Executes the steps in order; the first failure raises ``StepFailed`` and ends the run.

    ``uploading`` is held while a large file is sent. ``allowed`` is called before each step and
    raises if the step must not run any more.
    """
    uploading = uploading or nullcontext()
    for step in steps:
        name = step.describe()
        tell(StepStarted(transport.node, name))
        began = time.monotonic()
        try:
            with uploading if isinstance(step, Upload) else nullcontext():
                allowed()
                _carry_out(transport, step, tell)
        except EdgebootError as error:
            tell(StepEnded(transport.node, name, time.monotonic() - began, error.what))
            raise
        tell(StepEnded(transport.node, name, time.monotonic() - began))


def _carry_out(transport: Transport, step: Step, tell: Listener) -> None:
    if isinstance(step, HostStep):
        _check(transport, step, _execute(transport, step, tell))
    else:
        carry_out_in_cluster(transport, step)


def _execute(transport: Transport, step: HostStep, tell: Listener) -> Result:
    match step:
        case MakeDirectory():
            return _run(transport, "directory", step.path, f"{step.mode:o}")
        case Upload():
            return _upload(transport, step, tell)
        case Write():
            return _write(transport, step, tell)
        case Remove():
            return _run(transport, "remove", step.path)
        case Start():
            return _run(transport, "start", step.service, step.inputs)
        case Run():
            command = Snippet(step.snippet, step.parameters)
            deadline = step.deadline or STEP_DEADLINE
            return transport.run(command, stdin=step.stdin, deadline=deadline)
        case Reboot():
            return reboot(transport, step.boot_id, tell)
        case Clear():
            words = (step.part.value, *step.items)
            return transport.run(Snippet("clear", words), deadline=CLEAR_DEADLINE)


def _known(step: Write) -> Source:
    match step.content:
        case KnownAfter() as later:
            raise StepFailed(f"the content of {step.path} is not known yet: {later}")
        case Secret() as secret:
            return BytesSource(secret.value)
        case source:
            return source


def _run(transport: Transport, snippet: str, *parameters: str) -> Result:
    return transport.run(Snippet(snippet, parameters), deadline=STEP_DEADLINE)


def _upload(transport: Transport, step: Upload, tell: Listener) -> Result:
    """Sends a large file, or the rest of one that was interrupted."""
    source, path = step.source, step.path
    offset = agreed_offset(source, step.part)

    def progress(done: int) -> None:
        tell(BytesSent(transport.node, path, offset + done, source.size))

    snippet = Snippet("put", (path, f"{step.mode:o}", source.sha256, str(source.size), str(offset)))
    return _put(transport, Rest(source, offset) if offset else source, snippet, progress)


def _write(transport: Transport, step: Write, tell: Listener) -> Result:
    source = _known(step)

    def progress(done: int) -> None:
        tell(BytesSent(transport.node, step.path, done, source.size))

    snippet = Snippet("put", (step.path, f"{step.mode:o}", source.sha256))
    return _put(transport, source, snippet, progress)


def _put(transport: Transport, source: Source, snippet: Snippet, progress: Progress) -> Result:
    # The stall bound also covers the host's hashing and flushing after the last byte.
    stall = STALL + (source.whole if isinstance(source, Rest) else source).size / (5 << 20)
    return transport.put(source, snippet, progress=progress, stall=stall)


def _check(transport: Transport, step: HostStep, result: Result) -> None:
    if result.ok:
        return
    words = (result.stderr or result.stdout).strip() or "no output"
    is_hook = isinstance(step, Run) and step.snippet == "hook"
    named = step.error_id if isinstance(step, Run) else None
    raise StepFailed(
        f"{step.describe()}: exit code {result.exit_code}: {words}",
        where=transport.node,
        hint=step.hint if isinstance(step, Run) else Run.hint,
        error_id="hook-failed" if is_hook else named,
    )
