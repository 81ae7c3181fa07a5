"""``edgeboot completion``: the script that makes a shell complete edgeboot's commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell; evaluate it in the shell's startup file.

    \b
    edgeboot completion bash > ~/.local/share/bash-completion/completions/edgeboot
    edgeboot completion zsh > ~/.zfunc/_edgeboot
    edgeboot completion fish > ~/.config/fish/completions/edgeboot.fish
    """
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click knows all three
    script = made(context.find_root().command, {}, "edgeboot", "_EDGEBOOT_COMPLETE")
    # Not source(): for bash that starts a bash, which need not be on this machine.
    click.echo(script.source_template % script.source_vars())
