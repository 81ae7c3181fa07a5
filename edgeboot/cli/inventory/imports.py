"""``edgeboot inventory import``: an inventory from another tool's."""

from __future__ import annotations

from pathlib import Path

import click

from edgeboot.cli.formats import out_options
from edgeboot.cli.inventory.write import Target
from edgeboot.errors import BadInput
from edgeboot.inventory.draft import Draft, DraftNode, DraftSsh, named
from edgeboot.inventory.importers.k0sctl import from_k0sctl, is_k0sctl
from edgeboot.inventory.importers.k3s_ansible import from_ini, from_yaml
from edgeboot.inventory.model import Role
from edgeboot.localio.directories import expanded
from edgeboot.transport.ssh import client_config
from edgeboot.transport.ssh.target import Hop, SshTarget
from edgeboot.yaml import foreign

_SSH_PORT = 22
_MOST = 1 << 20  # bytes


@click.command("import")
@click.argument(
    "source", type=click.Path(path_type=Path, dir_okay=False), default=Path("~/.ssh/config")
)
@click.option(
    "--from",
    "kind",
    type=click.Choice(("auto", "k3s-ansible", "k0sctl", "ssh-config")),
    default="auto",
    show_default=True,
    help="Format of SOURCE.",
)
@click.option("--host", "pattern", help="With ssh-config: the hosts to import, for example 'pi-*'.")
@out_options(
    "yaml",
    out_help="The inventory to write.  [default: inventory.yml]",
    output_help="Print it instead of writing a file.",
)
@click.option("--force", is_flag=True, help="Replace an existing inventory.")
def import_(
    source: Path, kind: str, pattern: str | None, out: Path | None, output: str | None, force: bool
) -> int:
    """Write an inventory from SOURCE: k3s-ansible's, k0sctl's, or hosts in ~/.ssh/config.

    No host is contacted. What cannot be carried over is listed.

    \b
    edgeboot inventory import inventory/sample/hosts.yml
    edgeboot inventory import k0sctl.yaml --out inventory.yml
    edgeboot inventory import --from ssh-config --host 'pi-*'
    """
    target = Target.chosen(out, output, force=force)
    path = expanded(source)
    draft = _from_ssh_config(path, pattern) if kind == "ssh-config" else _read(path, kind)
    target.write(
        draft,
        f"{len(draft.nodes)} nodes",
        *(f"not carried over: {line}" for line in draft.lost),
    )
    return 0


def _read(path: Path, kind: str) -> Draft:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8")
    except OSError as error:
        hint = "check the path and its permissions"
        raise BadInput(f"cannot read: {error.strerror}", where=str(path), hint=hint) from error
    except UnicodeDecodeError:
        raise BadInput("not UTF-8 text", where=str(path), hint="save it as UTF-8") from None
    if len(data) > _MOST:
        hint = "check that this is the right file"
        raise BadInput(f"larger than {_MOST >> 20} MiB", where=str(path), hint=hint)
    if path.suffix not in {".yml", ".yaml"} and kind != "k0sctl" and "\n[" in f"\n{text}":
        return from_ini(text, str(path))
    try:
        document = foreign.parse(data)
    except ValueError as error:
        hint = "fix the file, or name its format with --from"
        raise BadInput(f"invalid YAML: {error}", where=str(path), hint=hint) from error
    if kind == "k0sctl" or (kind == "auto" and is_k0sctl(document)):
        if not is_k0sctl(document):
            hint = "check its apiVersion: k0sctl.k0sproject.io/v1beta1"
            raise BadInput("not a k0sctl.yaml", where=str(path), hint=hint)
        return from_k0sctl(document, str(path))
    return from_yaml(document, str(path))


def _from_ssh_config(path: Path, pattern: str | None) -> Draft:
    if not pattern:
        hint = "add --host with a name or a pattern, for example --host 'pi-*'"
        raise BadInput("--from ssh-config needs --host", hint=hint)
    config = client_config.load(path)
    names = client_config.aliases(config, pattern)
    if not names:
        hint = "use names as written after `Host`; patterns there are skipped"
        raise BadInput(f"no host matches {pattern!r}", where=str(path), hint=hint)
    hops = {name: client_config.resolve(SshTarget(name, name), config) for name in names}
    nodes = [_node_of(name, hop, first=name == names[0]) for name, hop in hops.items()]
    lost = [
        f"{name}: only its last jump host; the others still come from ~/.ssh/config"
        for name, hop in hops.items()
        if hop.via and hop.via.via
    ]
    if len(nodes) > 1:
        lost.append("roles: the first host is the server, the others are agents; adjust them")
    return Draft("edge", named(nodes), lost=tuple(lost))


def _node_of(name: str, hop: Hop, *, first: bool) -> DraftNode:
    return DraftNode(
        address=hop.host,
        role=Role.SERVER if first else Role.AGENT,
        name=name,
        ssh=DraftSsh(
            user=hop.user,
            port=hop.port if hop.port != _SSH_PORT else None,
            key=next((str(key) for key in hop.keys if key.is_file()), None),
            jump=f"{hop.via.user}@{hop.via.host}:{hop.via.port}" if hop.via else None,
        ),
    )
