"""``-o FORMAT`` and ``--out FILE``: how a command prints its result, and where it writes a file.

``-o`` means a format in every command. Commands that write a file once took its name by ``-o``;
those still accept a value that can only be a path, with a warning (decision 0062).
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])


class Format(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # by version
    """One of ``formats``; with ``or_path`` also a path, recognised by its dot or slash."""

    name = "FORMAT"

    def __init__(self, formats: Iterable[str], *, or_path: bool = False) -> None:
        self.formats = tuple(formats)
        self.or_path = or_path

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002
        """The formats, as Click shows choices."""
        return f"[{'|'.join(self.formats)}]"

    def convert(
        self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> str | Path:
        """The format, or the path of a file."""
        text = str(value)
        if text in self.formats:
            return text
        if self.or_path and _is_path(text):
            return Path(text)
        known, to_file = _listed(self.formats), "--out" if self.or_path else ">"
        hint = f"to write a file, add {to_file} {shlex.quote(text)}"
        raise click.BadParameter(f"{text!r} is not a format: use {known}; {hint}", ctx, param)

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click gives it
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """The formats that begin so."""
        return [CompletionItem(name) for name in self.formats if name.startswith(incomplete)]


class OutFile(click.Path):
    """A file to write. ``-`` is refused: it would be written under that name."""

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if str(value) == "-":
            self.fail("'-' is not a file; -o FORMAT prints to standard output", param, ctx)
        return super().convert(value, param, ctx)


def output_option(*formats: str) -> Callable[[F], F]:
    """``--output``: for people or for programs."""
    return click.option(
        "-o",
        "--output",
        type=Format(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )


def out_options(
    *formats: str, out_help: str, output_help: str = "Output format.", required: bool = False
) -> Callable[[F], F]:
    """``--out FILE`` and ``--output FORMAT``, as ``out`` and ``output``; each None if not given.

    With ``required``, ``out`` is always given.
    """

    def decorate(function: F) -> F:
        @wraps(function)
        def with_out(*args: Any, out: Path | None, output: str | Path | None, **kwargs: Any) -> Any:
            if isinstance(output, Path):
                out, output = _instead_of_out(output, out), None
            if required and out is None:
                raise click.UsageError("Missing option '--out'.", click.get_current_context())
            return function(*args, out=out, output=output, **kwargs)

        to_file = click.option("--out", type=OutFile(), metavar="FILE", help=out_help)
        as_format = click.option(
            "-o", "--output", type=Format(formats, or_path=True), help=output_help
        )
        return cast(F, to_file(as_format(with_out)))

    return decorate


def _instead_of_out(path: Path, out: Path | None) -> Path:
    if out is not None:
        raise click.UsageError(
            f"--output {path} and --out {out} both name a file; use --out.",
            click.get_current_context(),
        )
    click.echo(
        f"warning: -o means a format; write `--out {shlex.quote(str(path))}` to name a file",
        err=True,
    )
    return OutFile().convert(path, None, None)  # type: ignore[no-any-return]


def _is_path(text: str) -> bool:
    return text not in {".", ".."} and ("." in text or "/" in text)


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
