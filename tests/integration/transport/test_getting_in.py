"""Hosts as they are found: rows 16-22 of the fault catalogue, each on a real sshd.

Passwords, passphrases and certificates besides. ``typed`` counts what a person was asked.
"""

from __future__ import annotations

import hashlib
import pwd
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgeboot.blob import BytesSource
from edgeboot.errors import BadInput, Refused, Unreachable
from edgeboot.secret import Secret
from edgeboot.transport.base import Argv, Result, Snippet
from edgeboot.transport.ssh.connection import SshTransport
from edgeboot.transport.ssh.login.secrets import Credentials
from edgeboot.transport.ssh.target import SshTarget
from tests.integration.transport.sshd import PASSWORD, Lab, sudo_log

pytestmark = pytest.mark.integration
BINARY = bytes(range(256)) * 4096 + b"\n\r\x04\x03\x1a" + PASSWORD.encode()
WHO = Argv(("id", "-u"))
KEYBOARD = ("KbdInteractiveAuthentication yes", "UsePAM yes")


@dataclass
class Person:
    """Answers every question alike, and remembers the questions."""

    answer: str | None = PASSWORD
    questions: list[str] = field(default_factory=list)

    def __call__(self, question: str) -> Secret | None:
        self.questions.append(question)
        return None if self.answer is None else Secret(self.answer.encode())


def sudo_user(lab: Lab, person: Person, kind: str = "asked") -> SshTransport:
    target = lab.target(lab.sshd(), lab.users[kind])
    return lab.connect(target, credentials=Credentials(person))


def wrong_attempts(lab: Lab, kind: str) -> int:
    log = sudo_log(lab.users[kind])
    return log.read_text().count("incorrect password attempt") if log.exists() else 0


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def without_sudo(*extra_mounts: str) -> tuple[str, ...]:
    """Words that start sshd where there is no sudo: nothing executable at its place."""
    mounts = (f"mount --bind /dev/null {shutil.which('sudo')}", *extra_mounts)
    script = " && ".join((*mounts, 'exec "$@"'))
    return ("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh")


def test_row_16_no_sudo(lab: Lab) -> None:
    server = lab.sshd(start=False)
    server.within = without_sudo("mount --bind /dev/null /usr/bin/doas 2>/dev/null || true")
    server.start()
    host = lab.connect(lab.target(server, lab.users["bash"]))
    with pytest.raises(Refused, match="neither sudo nor doas") as error:
        host.run(WHO, deadline=5)
    assert "log in as root" in str(error.value)


@pytest.mark.skipif(not shutil.which("doas"), reason="needs opendoas")
def test_row_16_doas_where_there_is_no_sudo(lab: Lab) -> None:
    conf = lab.home / "doas.conf"
    conf.write_text(f"permit nopass {lab.users['dash']}\npermit {lab.users['bash']}\n")
    conf.chmod(0o400)
    Path("/etc/doas.conf").touch()
    server = lab.sshd(start=False)
    server.within = without_sudo(f"mount --bind {conf} /etc/doas.conf")
    server.start()
    host = lab.connect(lab.target(server, lab.users["dash"]))
    assert host.run(WHO, deadline=5).stdout == "0\n"
    assert host.run(Argv(("sha256sum",)), stdin=BINARY, deadline=5).stdout[:64] == digest(BINARY)
    person = Person()
    asked = lab.connect(lab.target(server, lab.users["bash"]), credentials=Credentials(person))
    with pytest.raises(Refused, match="from a terminal only"):
        asked.run(WHO, deadline=5)
    refused = lab.connect(lab.target(server, lab.users["fish"]))
    with pytest.raises(Refused, match="may not become root with doas"):
        refused.run(WHO, deadline=5)
    assert person.questions == []


@pytest.mark.parametrize("kind", ["asked", "always"])  # sudo remembers, or asks every time
def test_row_17_sudo_with_password(lab: Lab, kind: str) -> None:
    person = Person()
    host = sudo_user(lab, person, kind)
    assert host.run(WHO, deadline=5).stdout == "0\n"
    for data in (BINARY, b"", b"\n", PASSWORD.encode() + b"\n"):
        result = host.run(Argv(("sha256sum",)), stdin=data, deadline=5)
        assert result.stdout.split()[0] == digest(data)
    sent: list[int] = []
    result = host.put(BytesSource(BINARY), Snippet("count"), progress=sent.append, stall=5)
    assert int(result.stdout) == len(BINARY)
    held = host.hold(Snippet("hold", (str(lab.home / "pid"),)), ready="READY", deadline=5)
    assert not isinstance(held, Result)
    assert host.run(Argv(("false",)), deadline=5).exit_code == 1
    held.release()
    assert person.questions == ["sudo password of the hosts"]
    assert wrong_attempts(lab, kind) == 0


@pytest.mark.parametrize("first", ["put", "hold"])
def test_row_17_whatever_comes_first(lab: Lab, first: str) -> None:
    host = sudo_user(lab, Person(), "always")
    if first == "put":
        count: list[int] = []
        done = host.put(BytesSource(BINARY), Snippet("count"), progress=count.append, stall=5)
        assert int(done.stdout) == len(BINARY)
    else:
        held = host.hold(Snippet("hold", (str(lab.home / "pid"),)), ready="READY", deadline=5)
        assert not isinstance(held, Result)
        held.release()


def test_row_17_a_wrong_password_is_sent_to_one_host_only(lab: Lab) -> None:
    person = Person("wrong")
    credentials = Credentials(person)
    target = lab.target(lab.sshd(), lab.users["always"])
    before = wrong_attempts(lab, "always")
    hosts = [lab.connect(target, credentials=credentials) for _ in range(3)]
    failed: list[str] = []

    def work(host: SshTransport) -> None:
        for _ in range(2):
            try:
                host.run(WHO, deadline=10)
            except Refused as error:
                failed.append(str(error))

    threads = [threading.Thread(target=work, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failed) == 6
    assert all("rejected the password 3 times; no other host was tried" in t for t in failed)
    assert not any("wrong" in text for text in failed)
    assert len(person.questions) == 3
    log = sudo_log(lab.users["always"]).read_text()
    assert wrong_attempts(lab, "always") == before + 3
    assert "1 incorrect password attempt" in log


def test_row_17_without_a_terminal_it_is_explained(lab: Lab) -> None:
    host = sudo_user(lab, Person(None))
    with pytest.raises(Refused, match=r"asks .* for a password") as error:
        host.run(WHO, deadline=5)
    assert "-K" in str(error.value)
    assert "NOPASSWD" in str(error.value)


def test_row_17_one_who_may_not_is_told_so(lab: Lab) -> None:
    subprocess.run(["chpasswd"], input=f"{lab.users['nosudo']}:{PASSWORD}", text=True, check=True)
    with pytest.raises(Refused, match="may not become root"):
        sudo_user(lab, Person(), "nosudo").run(WHO, deadline=10)


def test_row_18_requiretty_is_explained(lab: Lab) -> None:
    with pytest.raises(Refused, match="requiretty") as error:
        sudo_user(lab, Person(), "tty").run(WHO, deadline=5)
    assert "!requiretty" in str(error.value)


@pytest.mark.parametrize("shell", ["dash", "bash", "fish", "ash"])
def test_row_19_any_login_shell_with_a_password_too(lab: Lab, shell: str) -> None:
    path = pwd.getpwnam(lab.users[shell]).pw_shell
    user = lab.users["always"]
    subprocess.run(["usermod", "-s", path, user], check=True, capture_output=True)
    try:
        host = sudo_user(lab, Person(), "always")
        result = host.run(Snippet("words", ("$(id)", "'", "\\", "a b")), deadline=10)
    finally:
        subprocess.run(["usermod", "-s", "/bin/sh", user], check=True, capture_output=True)
    expected = [(word.encode() + b"\0").hex() for word in ("$(id)", "'", "\\", "a b")]
    assert result.stdout.split() == expected


def test_row_20_noexec_tmp(lab: Lab) -> None:
    server = lab.sshd(start=False)
    script = "mount -t tmpfs -o noexec,nosuid eb-test /var/tmp && "
    script += "mount -t tmpfs -o noexec,nosuid eb-test /dev/shm && "
    # The server's own files are in /tmp: there only the flag changes.
    script += "mount --bind /tmp /tmp && mount -o remount,bind,noexec /tmp && "
    script += 'exec "$@"'
    server.within = ("unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh")
    server.start()
    host = lab.connect(lab.target(server, lab.users["bash"]))
    probe = "cp /bin/true /tmp/eb-true.$$; /tmp/eb-true.$$; echo $?; rm /tmp/eb-true.$$"
    assert host.run(Snippet("script", (probe,)), deadline=5).stdout == "126\n"
    at = str(lab.home / "put")
    done = host.put(BytesSource(BINARY), Snippet("cat", (at,)), progress=lambda _: None, stall=5)
    assert done.stdout.split()[0] == digest(BINARY)


def test_row_21_no_sftp_subsystem(lab: Lab) -> None:
    server = lab.sshd("Subsystem sftp /bin/false")
    host = lab.connect(lab.target(server))
    at = str(lab.home / "put")
    done = host.put(BytesSource(BINARY), Snippet("cat", (at,)), progress=lambda _: None, stall=5)
    assert done.stdout.split()[0] == digest(BINARY)


def test_row_22_noisy_start_up_files_and_banner(lab: Lab) -> None:
    server = lab.sshd("PrintMotd yes")
    (server.home / "banner").write_text("edgeboot-" + "*" * 5000 + "\n")
    for shell in ("bash", "fish"):
        result = lab.connect(lab.target(server, lab.users[shell])).run(WHO, deadline=5)
        assert (result.stdout, result.stderr) == ("0\n", "")


def password_target(lab: Lab, *extra: str, **more: object) -> SshTarget:
    server = lab.sshd(*(extra or ("PasswordAuthentication yes",)))
    return lab.target(server, lab.users["asked"], key=None, password="the hosts", **more)


@pytest.mark.parametrize("extra", [(), KEYBOARD], ids=["password", "keyboard-interactive"])
def test_login_by_password(lab: Lab, extra: tuple[str, ...]) -> None:
    person = Person()
    credentials = Credentials(person)
    target = password_target(lab, *extra)
    for _ in range(2):
        assert lab.connect(target, credentials=credentials).run(WHO, deadline=9).stdout == "0\n"
    assert person.questions == ["Password of the hosts", "sudo password of the hosts"]


@pytest.mark.parametrize("extra", [(), KEYBOARD], ids=["password", "keyboard-interactive"])
def test_a_wrong_login_password_is_asked_for_three_times(lab: Lab, extra: tuple[str, ...]) -> None:
    person = Person("wrong")
    credentials = Credentials(person)
    target = password_target(lab, *extra)
    for _ in range(2):
        with pytest.raises(Unreachable, match=r"rejected the password 3 times; no other host"):
            lab.connect(target, credentials=credentials)
    assert len(person.questions) == 3


def test_key_and_password_both_wanted(lab: Lab) -> None:
    both = ("PasswordAuthentication yes", "AuthenticationMethods publickey,password")
    target = lab.target(lab.sshd(*both), lab.users["asked"], password="the hosts")
    person = Person()
    assert lab.connect(target, credentials=Credentials(person)).run(WHO, deadline=9).ok


def test_no_password_is_asked_where_a_key_gets_in_or_nobody_wanted_it(lab: Lab) -> None:
    person = Person()
    server = lab.sshd("PasswordAuthentication yes")
    target = lab.target(server, password="the hosts")
    assert lab.connect(target, credentials=Credentials(person)).run(WHO, deadline=5).ok
    with pytest.raises(Unreachable, match="--ask-pass"):
        lab.connect(lab.target(server, key=None), credentials=Credentials(person))
    assert person.questions == []


def encrypt(key: Path, passphrase: str) -> None:
    words = ["ssh-keygen", "-q", "-p", "-P", "", "-N", passphrase, "-f", str(key)]
    subprocess.run(words, check=True, capture_output=True)


def test_a_passphrase_is_asked_for_once(lab: Lab) -> None:
    encrypt(lab.key, PASSWORD)
    person = Person()
    credentials = Credentials(person)
    server = lab.sshd()
    for _ in range(2):
        assert lab.connect(lab.target(server), credentials=credentials).run(WHO, deadline=5).ok
    assert [q.partition(",")[0] for q in person.questions] == [f"Passphrase of {lab.key}"]
    with pytest.raises(BadInput, match="wrong passphrase"):
        lab.connect(lab.target(server), credentials=Credentials(Person("wrong")))
    with pytest.raises(Unreachable, match="ssh-add"):
        lab.connect(lab.target(server), credentials=Credentials(Person(None)))


@pytest.mark.parametrize("beside", [True, False], ids=["beside the key", "CertificateFile"])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_certificates(lab: Lab, beside: bool, kind: str) -> None:
    ca, key = lab.home / "ca", lab.home / f"certified_{kind}"
    for path, of in ((ca, "ed25519"), (key, kind)):
        words = ["ssh-keygen", "-q", "-t", of, "-N", "", "-f", str(path)]
        subprocess.run(words, check=True)
    words = ["ssh-keygen", "-q", "-s", str(ca), "-I", "me", "-n", "root", f"{key}.pub"]
    subprocess.run(words, check=True, capture_output=True)
    config = lab.home / "config"
    config.write_text("")
    if not beside:
        Path(f"{key}-cert.pub").rename(lab.home / "elsewhere.pub")
        config.write_text(f"Host *\n CertificateFile {lab.home / 'elsewhere.pub'}\n")
    trusting = lab.sshd(f"TrustedUserCAKeys {ca}.pub")
    assert lab.connect(lab.target(trusting, key=key), config=config).run(WHO, deadline=5).ok
    # A host that does not know the authority lets in the key itself.
    plain = lab.sshd()
    (plain.home / "authorized_keys").write_text(Path(f"{key}.pub").read_text())
    assert lab.connect(lab.target(plain, key=key), config=config).run(WHO, deadline=5).ok
