"""Every question is shown whole, what is typed is seen, and a password is not."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.integration.transport.sshd import PASSWORD, Lab
from tests.support.tmux import Terminal

pytestmark = pytest.mark.integration
SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
Start = Callable[..., Terminal]
Words = Callable[..., list[str]]

# A question that comes while six hosts are at work, which is what install's and reset's do.
_AT_WORK = """
import threading, time
from edgeboot.cli.terminal.progress import listener
from edgeboot.cli.terminal.questions import confirmed
from edgeboot.events import BytesSent, Note, StepStarted
import click

with listener("text") as tell:
    for n in range(6):
        tell(StepStarted(f"agent-{n}", "start k3s-agent"))
    tell(BytesSent("agent-0", "/usr/local/bin/k3s", 5 << 20, 60 << 20))
    time.sleep(2)
    click.echo("the plan [bold]as it is[/bold]")
    threading.Timer(1, lambda: tell(Note("came meanwhile", "agent-3"))).start()
    answer = confirmed("Apply these changes?")
    time.sleep(2)
click.echo(f"answer {answer}")
"""


def environment(lab: Lab, **more: str) -> dict[str, str]:
    home = {"HOME": str(lab.home), "XDG_STATE_HOME": str(lab.home / "state")}
    return {**home, "EDGEBOOT_TRACEBACK": "1", "SSH_AUTH_SOCK": "", **more}


@SIZES
@pytest.mark.parametrize("look", [{}, {"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_question_amid_work(
    terminals: Start, size: tuple[int, int], look: dict[str, str]
) -> None:
    terminal = terminals([sys.executable, "-c", _AT_WORK], look, size)
    if not look.get("TERM"):
        terminal.see("start k3s-agent, for", "5.0 of 60.0 MiB")
    shown = terminal.see("Apply these changes? [y/N]:")
    assert "the plan [bold]as it is[/bold]" in shown
    terminal.type("y")
    shown = terminal.see("Apply these changes? [y/N]: y")
    assert shown.rstrip().endswith("[y/N]: y"), shown
    assert "start k3s-agent" not in shown
    terminal.resize(size[0] - 10, size[1])
    terminal.see("Apply these changes? [y/N]: y")
    terminal.key("Enter")
    assert "came meanwhile" in terminal.see("answer True")
    assert terminal.code() == 0


@pytest.mark.parametrize(
    ("typed", "end"), [("", "False"), ("maybe\nno\n", "False"), ("maybe\nYES\n", "True")]
)
def test_what_is_neither_yes_nor_no(terminals: Start, typed: str, end: str) -> None:
    terminal = terminals([sys.executable, "-c", _AT_WORK], {})
    terminal.see("[y/N]:")
    for line in typed.splitlines():
        terminal.type(line)
        terminal.key("Enter")
        if line == "maybe":
            terminal.see("type y or n", "[y/N]: maybe")
    if not typed:
        terminal.key("C-d")
    terminal.see(f"answer {end}")


@SIZES
def test_the_hosts_and_a_mistyped_password(
    terminals: Start, edgeboot: Words, lab: Lab, size: tuple[int, int]
) -> None:
    """A bad line, a duplicate and a wrong password cost nothing that was typed before."""
    server = lab.sshd("PasswordAuthentication yes", "AuthorizedKeysFile none")
    host = f"{lab.users['asked']}@127.0.0.1:{server.port}"
    terminal = terminals(
        edgeboot("inventory", "init", "--out", lab.home / "inventory.yml"), environment(lab), size
    )
    for question, answer in (("Host 1:", "not a host=x"), ("next:", host), ("Host 2:", host)):
        terminal.see(question)
        terminal.type(answer)
        terminal.key("Enter")
    terminal.see("is in the list already", host)
    terminal.key("Enter")
    terminal.see("Are these the keys of your hosts? [y/N]:")
    terminal.type("y")
    terminal.key("Enter")
    terminal.see("Password of")
    terminal.key("Enter")
    terminal.see("nothing was typed")
    terminal.type("mistyped")
    terminal.key("Enter")
    terminal.see("rejected the password.", "(attempt 2 of 3):")
    terminal.type(PASSWORD)
    terminal.key("Enter")
    shown = terminal.see("sudo password of")
    assert PASSWORD not in shown
    assert "mistyped" not in shown
    terminal.key("C-c")
    assert terminal.code() == 130


def test_a_key_for_bundles(terminals: Start, edgeboot: Words, lab: Lab) -> None:
    key = lab.home / "site.key"
    terminal = terminals(edgeboot("bundle", "keygen", key), environment(lab))
    question = f"Passphrase of {key}:"
    for seen, answer in (
        (question, ""), ("nothing was typed", "one"), ("The same passphrase again:", "two"),
        ("the two passphrases differ", "one"),
    ):  # fmt: skip
        terminal.see(seen)
        terminal.type(answer)
        terminal.key("Enter")
    until = "the two passphrases differ\n" + question + "\nThe same passphrase again:"
    terminal.see(until)
    terminal.key("C-d")
    assert terminal.code() == 2
    assert not key.exists()


def test_without_a_terminal_the_option_is_named(edgeboot: Words, lab: Lab) -> None:
    text = "cluster: {name: edge}\nnodes: [{name: a, role: server, address: 127.0.0.1}]\n"
    (lab.home / "one.yml").write_text(text)
    for words, option in (
        (("status", "-i", "one.yml", "--ask-pass"), "--ask-pass: no password entered"),
        (("inventory", "init"), "no terminal to ask for them"),
    ):
        done = subprocess.run(
            edgeboot(*words), cwd=lab.home, env={**os.environ, **environment(lab)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2, done
        assert option in done.stderr
        assert done.stderr.count("error:") == 1
