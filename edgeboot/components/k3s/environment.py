"""The environment of K3s's service: a 0600 file beside the unit.

It always exists, even if empty, so that removing a variable works like changing one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from edgeboot.components.context import Context
from edgeboot.components.heading import HEAD
from edgeboot.components.k3s import datastore, lean, proxy
from edgeboot.plan import paths
from edgeboot.plan.resources import File, Resource, text
from edgeboot.secret import Secret

Value = str | Secret
Source = Callable[[Context], Mapping[str, Value]]


# Where variables come from; a later source wins.
SOURCES: tuple[Source, ...] = (lean.variables, proxy.variables, datastore.variables)


def environment(context: Context) -> Iterator[Resource]:
    """The file: one ``NAME='value'`` per line, sorted by name.

    One secret value makes the whole file secret: the plan shows none of it.
    """
    variables: dict[str, Value] = {}
    for source in SOURCES:
        variables |= source(context)
    content = HEAD + "".join(f"{name}={_quoted(variables[name])}\n" for name in sorted(variables))
    secret = any(isinstance(value, Secret) for value in variables.values())
    yield File(
        paths.environment_file(context.traits.init, context.service),
        Secret(content.encode()) if secret else text(content),
        0o600,
        restarts=context.service,
    )


def _quoted(value: Value) -> str:
    """In single quotes, which systemd (EnvironmentFile) and ``sh`` parse in the same way.

    ``ValueError`` for a value that they would parse differently; the loader refuses those first.
    """
    words = value.value.decode() if isinstance(value, Secret) else value
    if not words.isprintable() or "'" in words or "\\" in words:
        raise ValueError("a quote, backslash or control character in a variable")
    return f"'{words}'"
