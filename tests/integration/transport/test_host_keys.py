"""Who is believed to be the host: pinned, known, new, changed, revoked, behind a jump host."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from edgeboot.errors import EdgebootError, Refused
from edgeboot.transport.base import Argv
from edgeboot.transport.ssh.target import SshTarget
from tests.integration.transport.sshd import Lab, Sshd

pytestmark = pytest.mark.integration


def _known(lab: Lab, *lines: str) -> Path:
    path = lab.home / "known_hosts"
    path.write_text("".join(lines))
    return path


def _works(lab: Lab, target: SshTarget, *files: Path) -> bool:
    return lab.connect(target, lab.keys(*files)).run(Argv(("true",)), deadline=5).ok


def _refusal(lab: Lab, target: SshTarget, *files: Path, accept_new: bool = False) -> str:
    with pytest.raises(Refused) as error:
        lab.connect(target, lab.keys(*files, accept_new=accept_new))
    assert error.value.exit_code == 5
    return str(error.value)


def _logged_in(server: Sshd) -> bool:
    return bool(server.sessions())


def test_an_unknown_key_is_refused_and_its_fingerprint_shown(lab: Lab) -> None:
    server = lab.sshd()
    message = _refusal(lab, lab.target(server, host_key=None))
    assert server.fingerprint() in message
    assert "--accept-new" in message
    assert "node-1" in message
    assert not lab.recorded.exists()


@pytest.mark.parametrize("form", ["public", "fingerprint"])
def test_a_pinned_key(lab: Lab, form: str) -> None:
    right, wrong = lab.sshd(), lab.sshd()
    pin = getattr(right, form)()
    assert _works(lab, lab.target(right, host_key=pin))
    message = _refusal(lab, lab.target(wrong, host_key=pin), accept_new=True)
    assert wrong.fingerprint() in message
    assert right.fingerprint() in message


def test_known_hosts_do_not_override_a_pin(lab: Lab) -> None:
    server, other = lab.sshd(), lab.sshd()
    known = _known(lab, server.known_line())
    assert "inventory" in _refusal(lab, lab.target(server, host_key=other.public()), known)


def test_known_hosts_plain_and_hashed(lab: Lab) -> None:
    server = lab.sshd()
    known = _known(lab, "# a comment\n", "rubbish\n", server.known_line())
    assert _works(lab, lab.target(server, host_key=None), known)
    known.write_text(server.known_line())
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert "127.0.0.1" not in known.read_text()
    assert _works(lab, lab.target(server, host_key=None), known)


def test_the_key_of_another_port_is_not_taken(lab: Lab) -> None:
    server = lab.sshd()
    known = _known(lab, f"127.0.0.1 {server.public()}\n")
    assert "unknown host key" in _refusal(lab, lab.target(server, host_key=None), known)


def test_revoked_is_refused_even_when_pinned(lab: Lab) -> None:
    server = lab.sshd()
    known = _known(lab, server.known_line(), f"@revoked * {server.public()}\n")
    assert "revoked" in _refusal(lab, lab.target(server, host_key=None), known, accept_new=True)
    assert "revoked" in _refusal(lab, lab.target(server), known)


def test_the_type_of_the_key_we_hold_is_negotiated(lab: Lab) -> None:
    server = lab.sshd(start=False)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", str(server.home / "rsa")], check=True
    )
    server.extra = (f"HostKey {server.home}/rsa",)
    server.start()
    public = " ".join((server.home / "rsa.pub").read_text().split()[:2])
    assert _works(lab, lab.target(server, host_key=public))
    known = _known(lab, f"[127.0.0.1]:{server.port} {public}\n")
    assert _works(lab, lab.target(server, host_key=None), known)


def test_accept_new_tells_records_and_then_holds_to_it(lab: Lab) -> None:
    server, other = lab.sshd(), lab.sshd()
    told: list[str] = []
    target = lab.target(server, host_key=None)
    lab.connect(target, lab.keys(accept_new=True, announce=told.append))
    assert len(told) == 1
    assert server.fingerprint() in told[0]
    assert lab.recorded.read_text() == server.known_line()
    assert lab.recorded.stat().st_mode & 0o777 == 0o600
    assert _works(lab, target)

    lab.recorded.write_text(server.known_line().replace(str(server.port), str(other.port)))
    message = _refusal(lab, lab.target(other, host_key=None), accept_new=True)
    assert "host key changed" in message
    assert f"{lab.recorded}:1" in message


def test_another_type_of_key_than_the_known_one_is_a_changed_key(lab: Lab) -> None:
    server, other = lab.sshd(key="ecdsa"), lab.sshd()
    known = _known(lab, f"[127.0.0.1]:{server.port} {other.public()}\n")
    target = lab.target(server, host_key=None)
    assert "host key changed" in _refusal(lab, target, known, accept_new=True)


def test_many_meet_one_new_host_at_once(lab: Lab) -> None:
    server = lab.sshd()
    told: list[str] = []
    failed: list[EdgebootError] = []
    keys = lab.keys(accept_new=True, announce=told.append)

    def meet() -> None:
        try:
            lab.connect(lab.target(server, host_key=None), keys)
        except EdgebootError as error:
            failed.append(error)

    threads = [threading.Thread(target=meet) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(told) == 1
    assert len(lab.recorded.read_text().splitlines()) == 1


def test_through_a_jump_host_both_keys_are_checked(lab: Lab) -> None:
    jump, inner, other = lab.sshd(), lab.sshd(), lab.sshd()
    good = lab.target(jump, node="gate")
    assert _works(lab, lab.target(inner, jump=good))

    wrong_jump = lab.target(jump, node="gate", host_key=other.public())
    assert "gate" in _refusal(lab, lab.target(inner, jump=wrong_jump))
    message = _refusal(lab, lab.target(inner, jump=good, host_key=other.public()))
    assert "node-1" in message
    assert inner.fingerprint() in message

    known = _known(lab, jump.known_line())
    unknown = lab.target(inner, host_key=None, jump=lab.target(jump, host_key=None))
    assert "unknown host key" in _refusal(lab, unknown, known)
    told: list[str] = []
    lab.connect(unknown, lab.keys(known, accept_new=True, announce=told.append))
    assert len(told) == 1
    assert lab.recorded.read_text() == inner.known_line()
