"""``edgeboot ssh``: log in to a node with OpenSSH and the inventory's settings."""

from __future__ import annotations

import shlex
import signal
import subprocess
import tempfile
from pathlib import Path

import click

from edgeboot.cli.options import inventory_option
from edgeboot.cli.run.connect import target_of
from edgeboot.errors import BadInput
from edgeboot.inventory.load import load
from edgeboot.transport.ssh.client_config.readers import CONFIGS
from edgeboot.transport.ssh.openssh import client_files
from edgeboot.yaml.wording import nearest

_SSH_FAILED = 255  # or the command's own exit code


@click.command(context_settings={"allow_interspersed_args": False})
@inventory_option
@click.argument("node")
@click.argument("command", nargs=-1)
def ssh(inventory_path: Path, node: str, command: tuple[str, ...]) -> int:
    """Log in to a node, or run a command on it, with OpenSSH. The exit code is ssh's.

    Uses the inventory's user, port, key, jump host, and host key; always checks the host key.

    \b
    edgeboot ssh -i inventory.yml server-1
    edgeboot ssh -i inventory.yml agent-1 sudo journalctl -u k3s-agent -n 50
    """
    cluster = load(inventory_path)
    found = next((n for n in cluster.nodes if n.name == node), None)
    if found is None:
        names = tuple(n.name for n in cluster.nodes)
        near = nearest(node, names)
        hint = f"did you mean '{near}'?" if near else f"nodes: {', '.join(names)}"
        raise BadInput(f"no node {node!r} in the inventory", where=cluster.where, hint=hint)
    with tempfile.TemporaryDirectory(prefix="edgeboot-ssh-") as made:  # 0700
        config, pinned = Path(made) / "config", Path(made) / "known_hosts"
        files = client_files(target_of(found), pinned, CONFIGS)
        for path, text in ((config, files.config), (pinned, files.known_hosts)):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        code = _run(("ssh", "-F", str(config), "--", found.address, *command))
    if code == _SSH_FAILED:
        inventory = shlex.quote(str(inventory_path))
        click.echo(f"{node}: ssh failed; next: edgeboot status -i {inventory}", err=True)
    return code


def _run(argv: tuple[str, ...]) -> int:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the far end
    try:
        return subprocess.run(argv, check=False).returncode
    except FileNotFoundError:
        raise BadInput(
            "ssh was not found on this machine", hint="apt-get install openssh-client"
        ) from None
    finally:
        signal.signal(signal.SIGINT, before)
