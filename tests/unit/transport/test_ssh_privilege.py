"""What sudo and shells say when a command cannot start, and what is made of it."""

from __future__ import annotations

import pytest

from edgeboot.transport.ssh.login.privilege import not_started
from edgeboot.transport.ssh.target import Hop

HOP = Hop("node-1", "pi", 22, "pi-user", (), False, False, None, "pi", (), None)


@pytest.mark.parametrize(
    ("said", "what", "hint"),
    [
        ("sudo: a password is required", "asks pi-user for a password", "-K"),
        ("sudo: interactive authentication is required", "asks pi-user", "NOPASSWD"),
        ("sudo: sorry, you must have a tty to run sudo", "requiretty", "!requiretty"),
        ("edgeboot: 6: exec: sudo: not found", "neither sudo nor doas", "install sudo"),
        ("edgeboot: line 6: exec: sudo: not found", "neither sudo nor doas", "install sudo"),
        ("doas: Authentication required", "from a terminal only", "nopass"),
        ("doas: Operation not permitted", "may not become root with doas", "doas.conf"),
        ("pi-user is not in the sudoers file.", "may not become root", "sudoers"),
        ("Sorry, user pi-user may not run sudo on pi.", "may not become root", "sudoers"),
        ("This account is currently not available.", "cannot run commands", "login|shell"),
        ("", "cannot run commands", "shell"),
    ],
)
def test_each_reason_is_told_with_a_way_out(said: str, what: str, hint: str) -> None:
    refused = not_started(HOP, f"noise\n{said}\n".encode() if said else b"", 1)
    assert refused.exit_code == 5
    assert what in refused.what
    assert any(h in str(refused.hint) for h in hint.split("|"))
    assert "node-1" in str(refused)
