"""``edgeboot inventory import``: an inventory from another tool's."""

from __future__ import annotations

from pathlib import Path

import click

from edgeboot.cli.formats import out_options
from edgeboot.cli.inventory.ssh_config import from_ssh_config
from edgeboot.cli.inventory.write import Target
from edgeboot.errors import BadInput
from edgeboot.inventory.draft import Draft
from edgeboot.inventory.importers.ansible import ini, k3s, variables
from edgeboot.inventory.importers.ansible import yaml as ansible_yaml
from edgeboot.inventory.importers.ansible.model import Inventory
from edgeboot.inventory.importers.k0sctl import from_k0sctl, is_k0sctl
from edgeboot.localio import bounded
from edgeboot.localio.directories import expanded
from edgeboot.yaml import foreign

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

    No host is contacted, and nothing of SOURCE is run. Variables are read from group_vars and
    host_vars as Ansible does. What cannot be carried over is listed.

    \b
    edgeboot inventory import inventory/sample/hosts.yml
    edgeboot inventory import k0sctl.yaml --out inventory.yml
    edgeboot inventory import --from ssh-config --host 'pi-*'
    """
    target = Target.chosen(out, output, force=force)
    path = expanded(source)
    draft = from_ssh_config(path, pattern) if kind == "ssh-config" else _read(path, kind)
    target.write(
        draft,
        f"{len(draft.nodes)} nodes",
        *(f"not carried over: {line}" for line in draft.lost),
    )
    return 0


def _read(path: Path, kind: str) -> Draft:
    try:
        with bounded.opened(path) as file:
            data = file.read(_MOST + 1)
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
        return _of_ansible(ini.read(text, str(path)), path)
    try:
        documents = foreign.parse_all_tagged(data)
    except ValueError as error:
        hint = "fix the file, or name its format with --from"
        raise BadInput(f"invalid YAML: {error}", where=str(path), hint=hint) from error
    of_k0sctl = any(is_k0sctl(document) for document in documents)
    if kind == "k0sctl" or (kind == "auto" and of_k0sctl):
        if not of_k0sctl:
            hint = "check its apiVersion: k0sctl.k0sproject.io/v1beta1"
            raise BadInput("not a k0sctl.yaml", where=str(path), hint=hint)
        return from_k0sctl(documents, path)
    if len(documents) > 1:
        what, hint = "more than one YAML document", "keep the one with the hosts"
        raise BadInput(what, where=str(path), hint=hint)
    return _of_ansible(ansible_yaml.read(next(iter(documents), None), str(path)), path)


def _of_ansible(inventory: Inventory, path: Path) -> Draft:
    variables.add(inventory, path, foreign.parse_tagged)
    return k3s.draft(inventory, str(path), path.absolute().parent, foreign.parse_tagged)
