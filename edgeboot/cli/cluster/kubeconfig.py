"""``edgeboot kubeconfig``: the administrator's kubeconfig, alone or merged into your own."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from edgeboot.cli.formats import out_options
from edgeboot.cli.options import accept_new_option, ask_options, inventory_option
from edgeboot.cli.run.connect import connected
from edgeboot.cli.terminal.prompts import Asking
from edgeboot.engine.fleet import FleetError
from edgeboot.errors import BadInput, EdgebootError
from edgeboot.inventory.load import load
from edgeboot.lifecycle.kubeconfig import merging
from edgeboot.lifecycle.kubeconfig.fetch import check_target, fetch, rewritten, save
from edgeboot.localio.directories import expanded
from edgeboot.yaml import foreign

_HERE = "kubectl's own file"


@click.command()
@inventory_option
@accept_new_option
@ask_options
@out_options(
    "yaml",
    "json",
    out_help="File to write, readable by its owner only.  [default: standard output]",
    output_help="Format of the kubeconfig.  [default: yaml]",
)
@click.option(
    "--merge",
    is_flag=False,
    flag_value=_HERE,
    metavar="[FILE]",
    help="Merge it into an existing kubeconfig and keep everything else in it.  "
    "[FILE: the first of $KUBECONFIG, or ~/.kube/config]",
)
@click.option("--context", metavar="NAME", help="Name of the context.  [default: the cluster's]")
@click.option(
    "--server",
    metavar="URL",
    help="URL of the API as seen from here, such as a tunnel; K3s's certificate must name its host "
    "(tls-san).  [default: the inventory's vip, else the first server's address]",
)
@click.option("--use", is_flag=True, help="With --merge: make it the current context.")
@click.option("--force", is_flag=True, help="With --merge: replace another cluster of that name.")
def kubeconfig(
    inventory_path: Path,
    accept_new: bool,
    asking: Asking,
    out: Path | None,
    output: str | None,
    merge: str | None,
    context: str | None,
    server: str | None,
    use: bool,
    force: bool,
) -> None:
    """Get the administrator's kubeconfig, with the server's address and the cluster's name.

    \b
    edgeboot kubeconfig -i inventory.yml --out edge.kubeconfig
    edgeboot kubeconfig -i inventory.yml --merge --use
    edgeboot kubeconfig -i inventory.yml --server https://localhost:6443 > edge.kubeconfig
    """
    if merge is None and (use or force):
        raise BadInput("--use and --force need --merge", hint="add --merge")
    if merge is not None and (out is not None or output is not None):
        what = "--out" if out is not None else "--output"
        raise BadInput(f"{what} and --merge cannot be combined", hint="use one of them")
    if out is not None:
        check_target(out)
    if server is not None:
        _check_url(server)
    whole = load(inventory_path)
    servers = replace(whole, nodes=whole.servers)
    lost: dict[str, EdgebootError] = {}
    with connected(servers, accept_new=accept_new, asking=asking, lost=lost) as transports:
        if not transports:
            raise FleetError(lost)
        cluster = servers.without(lost.keys())
        found = fetch(cluster, transports)
    content = rewritten(found, cluster, context=context, server=server)
    if output == "json":
        content = f"{json.dumps(foreign.parse(content), indent=2, default=str)}\n".encode()
    name = context or cluster.name
    if merge is not None:
        path = merging.target() if merge == _HERE else expanded(merge)
        backup = merging.merge_into(path, content, use=use, force=force)
        click.echo(f"{path}: context {name}" + (f" (backup: {backup})" if backup else ""))
        click.echo(f"Next: kubectl --context {name} get nodes")
    elif out is not None:
        save(content, out)
        click.echo(f"{out}: context {name}")
        click.echo(f"Next: kubectl --kubeconfig {shlex.quote(str(out))} get nodes")
    else:
        click.echo(content.decode(), nl=False)


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        good = parts.scheme == "https" and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.username is not None or not text.isprintable():
        raise BadInput(f"invalid API server URL {text!r}", hint="use https://HOST:6443")
