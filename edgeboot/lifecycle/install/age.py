"""Whether a bundle is older than the one a host was installed from: pure, from its record."""

from __future__ import annotations

from collections.abc import Iterator

from edgeboot import json_document
from edgeboot.bundle.format.contents import Contents
from edgeboot.errors import Refused
from edgeboot.k3s_version import K3sVersion
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts

_MOST_VERSION = 100  # characters


def age_objections(facts: Facts, contents: Contents) -> tuple[str, ...]:
    """Why the bundle is a downgrade for this host; empty if it is not, or nothing is known."""
    return tuple(_objections(facts, contents))


def _objections(facts: Facts, contents: Contents) -> Iterator[str]:
    fact = facts.files.get(paths.BUNDLE)
    if fact is None:
        return
    try:
        had = json_document.parse(fact.content or b"", paths.BUNDLE)
        name, k3s = had.member("name").text(), K3sVersion.parse(had.member("k3s_version").text())
        said = had.get("version")
        shown = said.text(_MOST_VERSION) if said else ""
        version = _numbers(shown) if said else None
    except (Refused, ValueError):
        yield (
            f"{paths.BUNDLE}, the record of its bundle, cannot be read; remove the file, or pass "
            "--allow-older"
        )
        return
    if contents.k3s < k3s:
        yield (
            f"it has had K3s {k3s}, but the bundle has the older {contents.k3s_version}; to "
            "install it anyway, pass --allow-older"
        )
    if name == contents.name and version is not None:
        ours = contents.version
        if ours is None or _numbers(ours) < version:
            yield (
                f"it has had version {shown} of the bundle {name}, but this one "
                f"{f'is the older {ours}' if ours else 'has no version'}; to install it anyway, "
                "pass --allow-older"
            )


def _numbers(version: str) -> tuple[int, ...]:
    """A bundle's own version, ``1.4.0``, to compare; 1.4.0 is 1.4."""
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
