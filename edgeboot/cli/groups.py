"""Groups of commands that say which command was meant."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import MappingProxyType

import click


class Group(click.Group):
    """A ``click.Group`` whose error for an unknown command names the one that is most like it.

    ``elsewhere`` has commands by the names that other programs give them, or that they have in
    another group.
    """

    elsewhere: Mapping[str, str] = MappingProxyType({})

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the first word names, and the other words."""
        name = args[0]
        if not ctx.resilient_parsing and self.get_command(ctx, name) is None:
            if name.startswith("-"):
                return super().resolve_command(ctx, args)  # says that it is no option
            raise click.UsageError(f"No such command {name!r}.{self._meant(ctx, name)}", ctx)
        return super().resolve_command(ctx, args)

    def _meant(self, ctx: click.Context, name: str) -> str:
        found = self.elsewhere.get(name.lower())
        near = difflib.get_close_matches(name.lower(), self.list_commands(ctx), n=1)
        if found is None and not near:
            return ""
        return (
            f" Did you mean '{ctx.find_root().info_name} {found}'?"
            if found
            else (f" Did you mean '{ctx.command_path} {near[0]}'?")
        )
