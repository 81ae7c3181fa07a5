"""``edgeboot lab``: throw-away hosts on this machine to try edgeboot on."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click

from edgeboot.cli.groups import Group
from edgeboot.errors import BadInput
from edgeboot_lab import lab as nspawn
from edgeboot_lab.nspawn.hosts import LabHost
from edgeboot_lab.nspawn.image import INITS, USER, Image
from edgeboot_lab.vagrant import machines
from edgeboot_lab.vagrant.command import PROVIDERS

DRIVERS = ("nspawn", "vagrant")
_UNITS = {"M": 1 << 20, "G": 1 << 30}


def _bytes(_context: click.Context, _parameter: click.Parameter, value: str | None) -> int | None:
    """A memory ceiling in bytes: ``512M`` and ``1G`` are binary units, ``none`` is 0."""
    if value is None:
        return None
    if value == "none":
        return 0
    found = re.fullmatch(r"(\d+)([MG])(?:iB)?", value)
    if found is None:
        raise click.BadParameter(f"invalid amount of memory {value!r}; write 512M, 1G or none")
    return int(found[1]) * _UNITS[found[2]]


_name = click.option("--name", default="lab", show_default=True, help="Name of the lab.")
_driver = click.option(
    "--driver",
    type=click.Choice(DRIVERS),
    help="Containers (nspawn) or virtual machines (vagrant); needed if both have such a lab.",
)


@click.group(cls=Group)
def lab() -> None:
    """Boot throw-away hosts on this machine to try edgeboot on.

    Each host is a container that boots real Debian, systemd or OpenRC, and OpenSSH, with
    its own address and memory limit (Linux, needs root); with Vagrant, it is a virtual machine
    of VirtualBox or libvirt.

    \b
    edgeboot lab up --nodes 3 --memory 1G
    edgeboot install -i /var/lib/edgeboot-lab/lab/inventory.yml --bundle edge.tar
    edgeboot lab down
    """


@lab.command()
@_name
@click.option(
    "--driver",
    type=click.Choice(DRIVERS),
    default="nspawn",
    show_default=True,
    help="Containers (nspawn) or virtual machines (vagrant).",
)
@click.option(
    "--nodes", type=click.IntRange(1, 50), default=3, show_default=True, help="Number of hosts."
)
@click.option(
    "--memory",
    callback=_bytes,
    help="Memory limit of each host: 512M, 1G, none.  [default: 1G; vagrant: agents 512M]",
)
@click.option(
    "--init",
    type=click.Choice(tuple(INITS)),
    help="nspawn: init system of the hosts, systemd by default; Debian's OpenRC is like Alpine's.",
)
@click.option(
    "--provider",
    type=click.Choice(PROVIDERS),
    help="vagrant: what runs the machines.  [default: Vagrant's choice]",
)
@click.option(
    "--offline", is_flag=True, help="vagrant: no Internet access (nspawn hosts never have any)."
)
def up(
    name: str,
    driver: str,
    nodes: int,
    memory: int | None,
    init: str | None,
    provider: str | None,
    offline: bool,
) -> None:
    """Boot a lab and write its inventory; a lab of the same name is replaced.

    \b
    edgeboot lab up --nodes 3 --memory 1G
    edgeboot lab up --name pair --nodes 2 --init openrc
    edgeboot lab up --driver vagrant --provider libvirt --offline
    """
    made: nspawn.Lab | machines.VagrantLab
    if driver == "vagrant":
        if init is not None or memory == 0:
            what = "--init" if init is not None else "--memory none"
            raise BadInput(f"{what} needs --driver nspawn")
        place = machines.default_state_dir()
        wanted = machines.VagrantSpec(place, name, nodes, memory, provider, offline)
        made = machines.up(wanted, _say)
    else:
        if provider is not None:
            raise BadInput("--provider needs --driver vagrant")
        ceiling = nspawn.GIB if memory is None else memory or None
        image = Image(init=init or "systemd")
        made = nspawn.up(nspawn.LabSpec(name, nodes, ceiling, image=image), _say)
    for host in made.hosts:
        click.echo(f"{host.name}  {host.address}")
    click.echo(f"inventory: {made.inventory}")


@lab.command()
@_name
@_driver
def down(name: str, driver: str | None) -> None:
    """Remove a lab and every trace of it, even if `up` was killed half-way.

    \b
    edgeboot lab down
    """
    if _driver_of(name, driver) == "vagrant":
        machines.down(name, machines.default_state_dir(), _say)
    else:
        nspawn.down(name, nspawn.STATE_DIR, _say)


@lab.command("list")
def list_() -> None:
    """List the labs of this machine and their hosts.

    \b
    edgeboot lab list
    """
    found: tuple[nspawn.LabStatus | machines.VagrantStatus, ...]
    found = (*nspawn.list_labs(), *machines.list_labs(machines.default_state_dir()))
    if not found:
        click.echo("no labs")
    for status in found:
        hosts: tuple[LabHost | machines.VagrantHost, ...] = status.lab.hosts
        for host, state in zip(hosts, status.states, strict=True):
            click.echo(f"{status.lab.name}  {host.name}  {host.address}  {state}")


@lab.command(context_settings={"allow_interspersed_args": False})
@_name
@_driver
@click.option("--user", help="User to log in as: edge or root; vagrant in a virtual machine.")
@click.argument("host")
@click.argument("command", nargs=-1)
def ssh(
    name: str, driver: str | None, user: str | None, host: str, command: tuple[str, ...]
) -> None:
    """Log into a host of a lab, or run a command there.

    \b
    edgeboot lab ssh server-1
    edgeboot lab ssh agent-1 sudo journalctl -u k3s-agent
    """
    if _driver_of(name, driver) == "vagrant":
        argv = machines.find_host(host, name, machines.default_state_dir()).ssh_argv(user)
    else:
        argv = nspawn.ssh_argv(nspawn.find_host(host, name), user or USER)
    path = Path("/usr/bin/ssh")
    if not path.exists():
        raise BadInput("no SSH client on this machine", hint="apt-get install openssh-client")
    os.execv(path, (*argv, *command))  # noqa: S606 - an argv, no shell


def _say(line: str) -> None:
    click.echo(line, err=True)


def _driver_of(name: str, asked: str | None) -> str:
    """The requested driver, or the one that has the lab; nspawn if neither has.

    Only root can see labs of nspawn.
    """
    if asked is not None:
        return asked
    places = {"nspawn": nspawn.STATE_DIR, "vagrant": machines.default_state_dir()}
    having = [
        driver for driver, place in places.items() if os.path.exists(place / name / "lab.json")
    ]
    if len(having) > 1:
        raise BadInput(
            f"two labs are called {name!r}: one of containers, one of virtual machines",
            hint="choose one: --driver nspawn or --driver vagrant",
        )
    return having[0] if having else "nspawn"
