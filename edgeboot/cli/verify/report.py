"""``edgeboot report``: reports of verifications."""

from __future__ import annotations

import json
from pathlib import Path

import click

from edgeboot.cli.formats import output_option
from edgeboot.cli.groups import Group
from edgeboot.errors import BadInput
from edgeboot.localio import bounded
from edgeboot.report.verification.difference import difference, difference_json, difference_lines
from edgeboot.report.verification.document import read_verification
from edgeboot.verify.results import Verification

_MOST = 64 << 20  # bytes of a report
_PATH = click.Path(path_type=Path)


@click.group(cls=Group)
def report() -> None:
    """Work with reports of `edgeboot verify`."""


@report.command()
@click.argument("before", type=_PATH)
@click.argument("after", type=_PATH)
@output_option("text", "json")
def diff(before: Path, after: Path, output: str) -> int:
    """Compare two JSON reports, such as before and after an upgrade.

    Exits 1 if a check fails now that did not before, 6 if one that passed has no outcome now.

    \b
    edgeboot verify -i inventory.yml --report before.json
    edgeboot report diff before.json after.json
    """
    found = difference(_read(before), _read(after))
    if output == "json":
        click.echo(json.dumps(difference_json(found), indent=2))
    else:
        for line in difference_lines(found):
            click.echo(line)
    return found.exit_code


def _read(path: Path) -> Verification:
    try:
        with bounded.opened(path) as file:
            text = file.read(_MOST + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "not UTF-8 text"
        raise BadInput(f"cannot read this report: {what}", where=str(path)) from error
    if len(text) > _MOST:
        raise BadInput(f"larger than {_MOST >> 20} MiB", where=str(path))
    return read_verification(text, str(path))
