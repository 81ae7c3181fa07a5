"""Drop-in files that configure a host's services, and the action that applies them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from edgeboot.components.heading import head
from edgeboot.plan.diff import content_hash
from edgeboot.plan.resources import Action, Directory, File, Resource, text


def drop_in(path: str, why: str, content: str, mode: int = 0o644) -> Iterator[Resource]:
    """A file of edgeboot's own, in a directory that may exist already."""
    yield Directory(path.rpartition("/")[0], kept=True)
    yield File(path, text(head(why) + content), mode)


def activation(
    name: str, files: Sequence[File], on: str, off: str, words: tuple[str, ...] = ()
) -> Action:
    """Applies ``files`` on a host; without any, undoes that if some were applied before."""
    return Action(
        name=name,
        inputs=inputs_of(files, words) if files else "",
        snippet="activate",
        text=on if files else off,
        parameters=words if files else (),
    )


def inputs_of(files: Sequence[File], words: Sequence[str] = ()) -> str:
    """One hash over what an action depends on."""
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.path} {content_hash(file.content)}\n".encode())
    total.update("\0".join(words).encode())
    return total.hexdigest()
