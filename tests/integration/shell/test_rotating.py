"""The snippet that takes over a token made by K3s, run by the shells that hosts have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.shell.snippets import Host

HEAD = "K10" + "a" * 64
OLD, NEW, FORMER = "0" * 32, "1" * 32, "f" * 32

# A K3s that lets in who shows $LETS, writes the new token down and then succeeds or not.
_K3S = """
if [ "$K3S_TOKEN" != "{head}::server:{lets}" ]; then
    echo 'level=fatal msg="401 Unauthorized"' >&2
    exit 1
fi
echo "{head}::server:{new}" >{root}/token
{then}
"""


class Server:
    """What the snippet finds on a host: the two files, K3s, and its manager."""

    def __init__(self, host: Host, *, active: bool, told: str, wrote: str) -> None:
        self.host, self.root = host, host.root
        self.file, self.theirs = host.root / "edgeboot-token", host.root / "token"
        self.file.write_text(told)
        self.theirs.write_text(f"{HEAD}::server:{wrote}\n")
        (host.root / "k3s.yaml").write_text("    server: https://127.0.0.1:6443\n")
        (host.root / "systemd").mkdir()
        host.program("systemctl", f"echo {'active' if active else 'activating'}")
        host.program("sleep")

    @property
    def former(self) -> Path:
        return self.host.ours / "former-server-tokens"

    def k3s(self, lets: str, then: str = ":") -> None:
        body = _K3S.format(root=self.root, head=HEAD, lets=lets, new=NEW, then=then)
        self.host.program("k3s", body)

    def rotate(self, mode: str) -> tuple[int, str]:
        done = self.host.run(
            "rotate-token",
            mode,
            **{
                "/var/lib/rancher/k3s/server/token": str(self.theirs),
                "/etc/rancher/k3s/edgeboot-token": str(self.file),
                "/etc/rancher/k3s/k3s.yaml": str(self.root / "k3s.yaml"),
                "/usr/local/bin/k3s": str(self.host.programs / "k3s"),
                "/run/systemd/system": str(self.root / "systemd"),
            },
        )
        assert done.stdout == ""
        return done.returncode, done.stderr

    def took_over(self) -> bool:
        """All of it, for nobody else to read; the former one is kept."""
        modes = {oct(path.stat().st_mode & 0o777) for path in (self.file, self.former)}
        return self.file.read_text() == f"{HEAD}::server:{NEW}" and modes == {"0o600"}


@pytest.mark.parametrize("told", [OLD, f"{HEAD}::server:{OLD}"], ids=["short", "full"])
def test_a_new_token_is_taken_over(host: Host, told: str) -> None:
    server = Server(host, active=True, told=told, wrote=OLD)
    server.k3s(lets=OLD)
    assert server.rotate("new") == (0, "")
    assert server.took_over()
    assert server.former.read_text() == f"{OLD}\n"


def test_no_token_is_in_an_argument(host: Host) -> None:
    server = Server(host, active=True, told=OLD, wrote=OLD)
    server.k3s(lets=OLD)
    server.rotate("new")
    said = host.said()
    assert "k3s token rotate --server https://127.0.0.1:6443" in said
    assert not any(word in line for line in said for word in (OLD, NEW))


def test_nothing_is_finished_where_nothing_was_begun(host: Host) -> None:
    server = Server(host, active=True, told=OLD, wrote=OLD)
    server.k3s(lets=OLD)
    assert server.rotate("finish") == (0, "")
    assert server.file.read_text() == OLD
    assert not any(line.startswith("k3s") for line in host.said())


def test_a_k3s_that_runs_makes_one_anew(host: Host) -> None:
    """It may have been cut off before its data had the one it wrote down."""
    server = Server(host, active=True, told=OLD, wrote="2" * 32)
    server.k3s(lets=OLD)
    assert server.rotate("finish") == (0, "")
    assert server.took_over()


def test_a_k3s_that_was_not_restarted_goes_by_the_former_one(host: Host) -> None:
    server = Server(host, active=True, told=OLD, wrote=OLD)
    server.former.write_text(f"{FORMER}\n")
    server.former.chmod(0o600)
    server.k3s(lets=FORMER)
    assert server.rotate("new") == (0, "")
    assert server.took_over()
    assert server.former.read_text() == f"{FORMER}\n{OLD}\n"


@pytest.mark.parametrize(
    ("lets", "then"), [("another", ":"), (OLD, "echo 'level=fatal msg=500' >&2; exit 1")]
)
def test_a_k3s_that_says_no_is_told_and_nothing_taken_over(
    host: Host, lets: str, then: str
) -> None:
    server = Server(host, active=True, told=OLD, wrote=OLD)
    server.k3s(lets=lets, then=then)
    code, said = server.rotate("new")
    assert code == 1
    assert "level=fatal" in said
    assert not any(word in said for word in (OLD, NEW))
    assert server.file.read_text() == OLD
    assert not server.former.exists()


def test_a_k3s_that_makes_none_is_told(host: Host) -> None:
    server = Server(host, active=True, told=OLD, wrote=OLD)
    host.program("k3s")
    assert server.rotate("new") == (1, "K3s did not create a new token\n")


@pytest.mark.parametrize(
    ("journal", "code", "words"),
    [
        ("bootstrap data already found and encrypted with different token", 0, ""),
        ("cred/passwd newer than datastore and could cause a cluster outage", 1, "was interrupted"),
        ("Starting k3s", 1, "neither starts nor logs"),
    ],
)
def test_a_k3s_that_does_not_start_says_which_it_has(
    host: Host, journal: str, code: int, words: str
) -> None:
    server = Server(host, active=False, told=OLD, wrote=NEW)
    host.program("journalctl", f"echo '{journal}'")
    host.program("k3s", "exit 9")
    got, said = server.rotate("finish")
    assert (got, words in said) == (code, True)
    assert server.former.exists() == (code == 0)
    assert server.file.read_text() == (OLD if code else f"{HEAD}::server:{NEW}")
    assert not any(line.startswith("k3s") for line in host.said())
