"""What K3s's service finds in its environment: a 0600 file beside the unit.

It is always there, also when it says nothing, so that a variable which is no longer wanted goes
the same way as one that has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from edgeboot.components.context import Context
from edgeboot.components.k3s import datastore, lean, proxy
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource, text
from edgeboot.secret import Secret

Value = str | Secret
Source = Callable[[Context], Mapping[str, Value]]

_HEAD = "# Written by edgeboot; changes are overwritten by the next `edgeboot install`.\n"

# Who has something to say; a later one wins.
SOURCES: tuple[Source, ...] = (lean.variables, proxy.variables, datastore.variables)


def environment(context: Context) -> Iterator[Resource]:
    """The file, one ``NAME='value'`` a line in the order of the names.

    One secret among the values makes the whole file one: the plan shows none of it.
    """
    variables: dict[str, Value] = {}
    for source in SOURCES:
        variables |= source(context)
    content = _HEAD + "".join(f"{name}={_quoted(variables[name])}\n" for name in sorted(variables))
    secret = any(isinstance(value, Secret) for value in variables.values())
    yield File(
        paths.environment_file(context.traits.init, context.service),
        Secret(content.encode()) if secret else text(content),
        0o600,
        restarts=context.service,
    )


def _quoted(value: Value) -> str:
    """In single quotes, which systemd (EnvironmentFile) and ``sh`` read alike.

    What the two would read differently cannot be written: ValueError, for the loader refuses it.
    """
    words = value.value.decode() if isinstance(value, Secret) else value
    if not words.isprintable() or "'" in words or "\\" in words:
        raise ValueError("a quote, backslash or control character in a variable")
    return f"'{words}'"
