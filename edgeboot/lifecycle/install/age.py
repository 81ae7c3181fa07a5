"""Whether a bundle is older than what a host has had: pure, from the host's record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from edgeboot.bundle.format.contents import Contents
from edgeboot.plan import paths
from edgeboot.plan.facts import Facts

_NUMBERS = re.compile(r"[0-9]{1,9}")


def age_objections(facts: Facts, contents: Contents) -> tuple[str, ...]:
    """Why the bundle is a step back for this host; empty where it is not, or nothing is known."""
    return tuple(_objections(facts, contents))


def _objections(facts: Facts, contents: Contents) -> Iterator[str]:
    fact = facts.files.get(paths.BUNDLE)
    if fact is None:
        return
    try:
        had = json.loads(fact.content or b"")
        name, k3s, version = had["name"], str(had["k3s_version"]), had.get("version")
    except (ValueError, KeyError, TypeError, AttributeError):
        yield (
            f"{paths.BUNDLE}, which says what bundle it has had, cannot be read: remove it, "
            "or give --allow-older"
        )
        return
    if _ordered(contents.k3s_version) < _ordered(k3s):
        yield (
            f"it has had K3s {k3s}, and the bundle carries the older {contents.k3s_version}; "
            "--allow-older takes it all the same"
        )
    if name == contents.name and version is not None:
        ours = contents.version
        if ours is None or _ordered(ours) < _ordered(str(version)):
            yield (
                f"it has had version {version} of the bundle {name}, and this one "
                f"{f'is the older {ours}' if ours else 'has no version'}; "
                "--allow-older takes it all the same"
            )


def _ordered(version: str) -> tuple[int, ...]:
    """A version as numbers to compare; a release candidate comes before its release."""
    release, candidate, rest = version.partition("-rc")
    number, _, build = rest.partition("+") if candidate else ("0", "", "")
    main, _, own_build = release.partition("+")
    numbers = [int(n) for n in _NUMBERS.findall(main)]
    while numbers and numbers[-1] == 0:  # 1.4.0 is 1.4
        numbers.pop()
    # the marker -1 ends the numbers, so that 1.4 comes before 1.4.1
    tail = [int(n) for n in _NUMBERS.findall(own_build or build)][-1:] or [0]
    return (*numbers, -1, 0 if candidate else 1, int(number or 0), *tail)
