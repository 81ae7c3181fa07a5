"""``edgeboot lab``: throw-away hosts on this machine to try edgeboot on."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from edgeboot.errors import BadInput
from edgeboot.lab import lab as labs
from edgeboot.lab.image import INITS, Image

_UNITS = {"M": 1 << 20, "G": 1 << 30}


def _bytes(_context: click.Context, _parameter: click.Parameter, value: str) -> int | None:
    """A memory ceiling in bytes: ``512M`` and ``1G`` are binary units, ``none`` is none."""
    if value == "none":
        return None
    found = re.fullmatch(r"(\d+)([MG])(?:iB)?", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no amount of memory; write 512M, 1G or none")
    return int(found[1]) * _UNITS[found[2]]


_name = click.option("--name", default="lab", show_default=True, help="Which lab.")


@click.group()
def lab() -> None:
    """Boot throw-away hosts on this machine to try edgeboot on (Linux, needs root).

    Each host is a container that boots real Debian, systemd or OpenRC, and OpenSSH, with
    an address and a memory ceiling of its own.

    \b
    edgeboot lab up --nodes 3 --memory 1G
    edgeboot install -i /var/lib/edgeboot-lab/lab/inventory.yml --bundle edge.tar
    edgeboot lab down
    """


@lab.command()
@_name
@click.option("--nodes", type=click.IntRange(1, 50), default=3, show_default=True, help="How many.")
@click.option(
    "--memory", callback=_bytes, default="1G", show_default=True, help="Ceiling of each host."
)
@click.option(
    "--init",
    type=click.Choice(tuple(INITS)),
    default="systemd",
    show_default=True,
    help="What the hosts boot; Debian's OpenRC stands in for Alpine's.",
)
def up(name: str, nodes: int, memory: int | None, init: str) -> None:
    """Boot a lab, replacing one of the same name, and write its inventory.

    \b
    edgeboot lab up --nodes 3 --memory 1G
    edgeboot lab up --name pair --nodes 2 --init openrc
    """
    spec = labs.LabSpec(name=name, nodes=nodes, memory_bytes=memory, image=Image(init=init))
    made = labs.up(spec, lambda line: click.echo(line, err=True))
    for host in made.hosts:
        click.echo(f"{host.name}  {host.address}")
    click.echo(f"inventory: {made.inventory}")


@lab.command()
@_name
def down(name: str) -> None:
    """Remove a lab and every trace of it, also of one that was killed half-way.

    \b
    edgeboot lab down
    """
    labs.down(name, labs.STATE_DIR, lambda line: click.echo(line, err=True))


@lab.command("list")
def list_() -> None:
    """List the labs of this machine and their hosts.

    \b
    edgeboot lab list
    """
    found = labs.list_labs()
    if not found:
        click.echo("no labs")
    for status in found:
        for host, state in zip(status.lab.hosts, status.states, strict=True):
            click.echo(f"{status.lab.name}  {host.name}  {host.address}  {state}")


@lab.command(context_settings={"allow_interspersed_args": False})
@_name
@click.option("--user", default="edge", show_default=True, help="Who to log in as: edge or root.")
@click.argument("host")
@click.argument("command", nargs=-1)
def ssh(name: str, user: str, host: str, command: tuple[str, ...]) -> None:
    """Log into a host of a lab, or run a command there.

    \b
    edgeboot lab ssh server-1
    edgeboot lab ssh agent-1 sudo journalctl -u k3s-agent
    """
    argv = (*labs.ssh_argv(labs.find_host(host, name), user), *command)
    path = Path("/usr/bin/ssh")
    if not path.exists():
        raise BadInput("this machine has no SSH client", hint="apt-get install openssh-client")
    os.execv(path, argv)  # noqa: S606 - an argv, no shell
