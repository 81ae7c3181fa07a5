"""The ``edgeboot`` command: its groups, and the one place where errors become exit codes."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import NoReturn

import click

from edgeboot import __version__
from edgeboot.cli.lazy import LazyGroup
from edgeboot.cli.run.causes import by_cause
from edgeboot.cli.run.interruption import interrupted
from edgeboot.cli.terminal.streams import guard
from edgeboot.cli.terminal.verbosity import add_options
from edgeboot.engine.fleet import FleetError
from edgeboot.errors import BadInputs, EdgebootError
from edgeboot.localio import disk_space
from edgeboot.printable import shortened

_BUG = 70  # sysexits' EX_SOFTWARE: never an expected outcome
_MOST_SHOWN = 20  # mistakes of one file


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edgeboot")
def cli() -> None:
    """Turn bare Linux hosts into a K3s cluster, offline, and prove that it fits.

    \b
    edgeboot bundle build -f bundles/minimal.yml   collect everything on a connected machine
    edgeboot inventory check -i inventory.yml      check what I wrote
    edgeboot preflight -i inventory.yml            check whether the hosts can run it
    edgeboot plan -i inventory.yml                 show what an install would change
    edgeboot install -i inventory.yml              install, or apply changes
    edgeboot verify -i inventory.yml               check configuration, health and budgets
    edgeboot reset -i inventory.yml                remove K3s and all its data

    \b
    Exit codes: 0 done, 1 a check or budget missed, 2 bad input, 3 a host unreachable,
    4 a step failed, 5 refused, 6 could not be measured, 10 `plan` found changes, 130 interrupted.
    """


cli.lazy = {
    "bundle": "edgeboot.cli.bundle.build",
    "inventory": "edgeboot.cli.inventory.check",
    "preflight": "edgeboot.cli.cluster.preflight",
    "plan": "edgeboot.cli.cluster.plan",
    "install": "edgeboot.cli.cluster.install",
    "verify": "edgeboot.cli.verify.command",
    "report": "edgeboot.cli.verify.report",
    "status": "edgeboot.cli.cluster.status",
    "kubeconfig": "edgeboot.cli.cluster.kubeconfig",
    "ssh": "edgeboot.cli.cluster.ssh",
    "reset": "edgeboot.cli.cluster.reset",
    "completion": "edgeboot.cli.completion",
    "lab": "edgeboot.cli.lab",
    "version": "edgeboot.cli.about",
    "help": "edgeboot.cli.about",
}
cli.elsewhere = {
    **dict.fromkeys(("apply", "create", "deploy", "up", "setup"), "install"),
    **dict.fromkeys(("delete", "destroy", "down", "remove", "uninstall"), "reset"),
    **dict.fromkeys(("diff", "dry-run"), "plan"),
    **dict.fromkeys(("get", "info", "nodes", "ps"), "status"),
    **dict.fromkeys(("config", "kube-config"), "kubeconfig"),
    **dict.fromkeys(("exec", "shell"), "ssh"),
    **dict.fromkeys(("doctor", "precheck"), "preflight"),
    **dict.fromkeys(("test", "conformance"), "verify"),
    **dict.fromkeys(("check", "validate", "lint"), "inventory check"),
    "init": "inventory init",
    "import": "inventory import",
    "build": "bundle build",
    "sign": "bundle sign",
    "push": "bundle push",
    "pull": "bundle pull",
}
add_options(cli)


def main() -> None:
    """Runs the command and ends the process with its exit code."""
    guard()
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = cli.main(prog_name="edgeboot", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = _tell(interrupted())
    except EdgebootError as error:
        code = _tell(error)
    except OSError as error:
        expected = disk_space.unforeseen(error)
        code = _tell(expected) if expected else _tell_bug()
    except Exception:
        code = _tell_bug()
    sys.exit(code if isinstance(code, int) else 0)


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    raise interrupted("terminated")


def _tell(error: EdgebootError) -> int:
    errors: list[EdgebootError] = [error]
    if isinstance(error, FleetError):
        errors = by_cause(error.errors)
    elif isinstance(error, BadInputs):
        errors = list(error.errors[:_MOST_SHOWN])
    for one in errors:
        click.echo(f"error: {shortened(one.tell())}", err=True)
    if isinstance(error, BadInputs) and len(error.errors) > _MOST_SHOWN:
        click.echo(f"… and {len(error.errors) - _MOST_SHOWN} more", err=True)
    return error.exit_code


def _tell_bug() -> int:
    if os.environ.get("EDGEBOOT_TRACEBACK"):
        traceback.print_exc()
    error = sys.exc_info()[1]
    click.echo(
        f"error: this is a bug in edgeboot: {type(error).__name__}: {error} [bug]\n"
        "  next: run again with EDGEBOOT_TRACEBACK=1 and report what it prints",
        err=True,
    )
    return _BUG


if __name__ == "__main__":
    main()
