"""The core decision: (resources, facts) -> steps. Pure, and the same for plan and install."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from edgeboot.blob import BytesSource
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts, FileFact
from edgeboot.plan.health import is_alive
from edgeboot.plan.resources import (
    Action,
    Content,
    CreateOnly,
    Directory,
    File,
    KnownAfter,
    Resource,
    Service,
)
from edgeboot.plan.steps import MakeDirectory, Remove, Run, Start, Step, Upload, Write
from edgeboot.secret import Secret

# Where edgeboot removes its own files that no resource names any more. Elsewhere (binary, unit,
# configuration) they stay until `reset`.
SWEPT = (
    f"{paths.IMAGES}/",
    f"{paths.MANIFESTS}/",
    f"{paths.CHARTS}/",
    f"{paths.KUBELET_DIR}/",
    f"{paths.CONTAINERD}/",
    f"{paths.COMPONENTS}/",
    paths.REGISTRIES,
    paths.SYSCTL,
)
FIRST_START = "first start"


def diff(resources: Sequence[Resource], facts: Facts) -> tuple[Step, ...]:
    """The steps after which a host has ``resources``, in order."""
    steps: list[Step] = []
    for resource in resources:
        match resource:
            case Directory():
                steps += _directory(resource, facts.files.get(resource.path))
            case File():
                steps += _file(resource, facts)
            case CreateOnly():
                steps += _kept(resource, facts.files.get(resource.path))
            case Service():
                steps += _service(resource, resources, facts)
            case Action():
                steps += _action(resource, facts)
    return tuple(steps)


def leftovers(
    resources: Iterable[Resource], facts: Facts, swept: tuple[str, ...] = SWEPT
) -> tuple[Step, ...]:
    """Steps that remove edgeboot's files in swept places that no resource names.

    A place is a directory with everything in it, or a file.
    """
    wanted = {r.path for r in resources if isinstance(r, File | CreateOnly)}
    return tuple(
        Remove(path)
        for path in sorted(facts.owned & facts.files.keys())
        if path.startswith(swept) and path not in wanted
    )


def _directory(want: Directory, have: FileFact | None) -> list[Step]:
    as_wanted = have and (want.kept or (have.mode, have.owner) == (want.mode, "0:0"))
    if have and have.kind == "directory" and as_wanted:
        return []
    return [MakeDirectory(want.path, want.mode)]


def _file(want: File, facts: Facts) -> list[Step]:
    have = facts.files.get(want.path)
    digest = content_hash(want.content)
    if have and (have.kind, have.mode, have.owner, have.sha256) == (
        "file",
        want.mode,
        "0:0",
        digest,
    ):
        return []
    if want.bulky and not isinstance(want.content, Secret | KnownAfter):
        part = facts.parts.get(paths.stage_of(want.path, digest))
        return [Upload(want.path, want.content, want.mode, have is not None, part)]
    old = None
    if have and have.content is not None and not isinstance(want.content, Secret | KnownAfter):
        old = have.content.decode("utf-8", "replace")
    return [Write(want.path, want.content, want.mode, replaces=have is not None, old=old)]


def _action(want: Action, facts: Facts) -> list[Step]:
    if facts.done.get(want.name, "") == want.inputs:
        return []
    words = (want.name, want.inputs or "-", *want.parameters)
    hint = want.hint or Run.hint
    return [Run(want.snippet, words, want.text, want.shown, hint, want.stdin, want.deadline)]


def _kept(want: CreateOnly, have: FileFact | None) -> list[Step]:
    if have is None:
        return [Write(want.path, want.fresh, want.mode, replaces=False)]
    if have.mode != want.mode and have.content is not None:
        return [Write(want.path, Secret(have.content), want.mode, replaces=True)]
    return []


def _service(want: Service, resources: Sequence[Resource], facts: Facts) -> list[Step]:
    inputs = _inputs(want, resources, facts)
    unit = facts.units.get(want.name)
    if unit is None or not unit.started_with:
        return [Start(want.name, inputs, FIRST_START)]
    if unit.started_with != inputs:
        return [Start(want.name, inputs, "what it is started with has changed")]
    if not is_alive(unit.active):
        return [Start(want.name, inputs, f"it is {unit.active}")]
    if not unit.enabled:
        return [Start(want.name, inputs, "it is not enabled at boot")]
    return []


def _inputs(want: Service, resources: Sequence[Resource], facts: Facts) -> str:
    """One hash over all files that a service is started with.

    The host records it after each start. So the next run notices a crash between writing a file and
    restarting the service, which no file's own hash could show.
    """
    total = hashlib.sha256()
    for resource in resources:
        if isinstance(resource, File) and resource.restarts == want.name:
            digest = content_hash(resource.content)
        elif isinstance(resource, CreateOnly) and resource.restarts == want.name:
            have = facts.files.get(resource.path)
            digest = have.sha256 if have else content_hash(resource.fresh)
            digest = "" if resource.changes else digest
        else:
            continue
        total.update(f"{resource.path} {digest}\n".encode())
    return total.hexdigest()


def content_hash(content: Content) -> str:
    """SHA-256 of a file's wanted content; empty if it is not known yet, which equals no hash."""
    match content:
        case KnownAfter():
            return ""
        case Secret():
            return BytesSource(content.value).sha256
        case _:
            return content.sha256
