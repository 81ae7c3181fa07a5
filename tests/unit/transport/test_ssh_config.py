"""What our own reader of ~/.ssh/config makes of a target, where there is no ssh to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.errors import BadInput
from edgeboot.transport.ssh.client_config import files
from edgeboot.transport.ssh.client_config.resolve import resolve
from edgeboot.transport.ssh.client_config.settings import HostConfiguration
from edgeboot.transport.ssh.client_config.subset import Subset
from edgeboot.transport.ssh.target import Hop, SshTarget


def _resolve(tmp_path: Path, text: str, target: SshTarget) -> Hop:
    path = tmp_path / "config"
    path.write_text(text)
    return resolve(target, Subset((files.read(path),)))


def test_without_a_file_defaults_hold(tmp_path: Path) -> None:
    hop = resolve(SshTarget("n", "FD00::1", user="u"), Subset((files.read(tmp_path / "none"),)))
    assert (hop.host, hop.port, hop.known_as, hop.via) == ("FD00::1", 22, "fd00::1", None)


def test_an_include_ends_its_own_scope(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("Host other\n User wrong\n")
    text = "Host pi\nInclude one none*\nUser right\nHost *\nPort 2200\n"
    hop = _resolve(tmp_path, text, SshTarget("n", "pi"))
    assert (hop.user, hop.port, hop.known_as) == ("right", 2200, "[pi]:2200")


def test_an_include_of_itself_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="nested"):
        _resolve(tmp_path, "Include config\n", SshTarget("n", "pi"))


def test_an_alias_names_the_host_key(tmp_path: Path) -> None:
    hop = _resolve(tmp_path, "Host pi\nHostKeyAlias a\nPort 99\n", SshTarget("n", "pi"))
    assert hop.known_as == "a"


def test_a_jump_for_everybody_is_not_taken_to_the_jump_host(tmp_path: Path) -> None:
    text = "Host *\n ProxyJump u@gate:2222\n"
    hop = _resolve(tmp_path, text, SshTarget("n", "pi", user="x"))
    assert hop.via
    assert (hop.via.host, hop.via.user, hop.via.port, hop.via.via) == ("gate", "u", 2222, None)
    assert [h.host for h in hop.chain] == ["gate", "pi"]


def test_the_target_s_own_jump_wins_and_none_means_none(tmp_path: Path) -> None:
    text = "Host pi\n ProxyJump gate\n"
    hop = _resolve(tmp_path, text, SshTarget("n", "pi", jump=SshTarget("j", "own")))
    assert hop.via
    assert hop.via.host == "own"
    assert _resolve(tmp_path, "Host pi\n ProxyJump none\n", SshTarget("n", "pi")).via is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Host pi\n ProxyJump a:b:c\n", "ProxyJump"),
        ("Host pi\n Port many\n", "invalid SSH configuration: port 'many' at .*config:2"),
        ("Host pi\n ProxyCommand nc %h %p\n", "ProxyCommand"),
        ("nonsense\n", "cannot read"),
        ("Include a**b\nHost pi\n Port many\n", "invalid SSH configuration"),
        ("IdentityFile ~\0\n", "not a text"),
        ('User "pi\n', "a quote is not closed"),
    ],
)
def test_mistakes_are_bad_input(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        _resolve(tmp_path, text, SshTarget("n", "pi"))


@pytest.mark.parametrize(
    ("text", "host", "user", "port"),
    [
        ("Match final all\n GSSAPIAuthentication yes\n", "192.0.2.11", "pi", 22),
        ("Match final host 192.0.2.*\n Port 99\n", "192.0.2.11", "pi", 99),
        ("Match final host pi\n Port 99\n", "192.0.2.11", "pi", 22),
        ("Match user git\n Port 99\nMatch all\n Port 98\n", "192.0.2.11", "pi", 98),
        ("Match !user git host *.11 originalhost pi\n Port 99\n", "192.0.2.11", "pi", 99),
        ("Match canonical all\n Port 99\n", "192.0.2.11", "pi", 22),
        ("Port 2222 # odd\n", "192.0.2.11", "pi", 2222),
        ("Host * !pi\n Port 99\n", "192.0.2.11", "pi", 22),
    ],
)
def test_what_openssh_reads_and_paramiko_does_not(
    tmp_path: Path, text: str, host: str, user: str, port: int
) -> None:
    start = 'Host pi # first\n HostName=192.0.2.11 # rack 1\n User "pi" # login\n'
    hop = _resolve(tmp_path, f"{start}{text}", SshTarget("n", "pi"))
    assert (hop.host, hop.user, hop.port) == (host, user, port)


def test_a_proxy_command_is_taken_back_by_none(tmp_path: Path) -> None:
    text = "Host pi\n ProxyCommand none\nHost *\n ProxyCommand nc -x 127.0.0.1:1080 %h %p\n"
    assert _resolve(tmp_path, text, SshTarget("n", "pi")).via is None
    with pytest.raises(HostConfiguration, match="ProxyCommand"):
        _resolve(tmp_path, text, SshTarget("n", "other"))


@pytest.mark.parametrize("criterion", ["exec true", "localnetwork 203.0.113.0/32", "tagged x"])
def test_a_criterion_that_cannot_be_evaluated_is_refused_where_it_matters(
    tmp_path: Path, criterion: str
) -> None:
    text = f"Match host pi {criterion}\n User wrong\n"
    assert _resolve(tmp_path, text, SshTarget("n", "other", user="u")).user == "u"
    with pytest.raises(HostConfiguration, match=r"cannot evaluate 'Match .*config:1"):
        _resolve(tmp_path, text, SshTarget("n", "pi"))


def test_tokens_lists_and_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", "/keys")
    text = (
        'IdentityFile ${KEYS}/%h-%r\nIdentityFile "/a b"\nIdentityAgent $KEYS\n'
        'UserKnownHostsFile /one "/two three"\nGlobalKnownHostsFile /four\n'
        "ConnectTimeout 40\nAddressFamily inet6\nUser pi\nIdentitiesOnly yes\n"
    )
    hop = _resolve(tmp_path, text, SshTarget("n", "pi"))
    assert [str(key) for key in hop.keys] == ["/keys/pi-pi", "/a b"]
    assert [str(path) for path in hop.known_hosts] == ["/one", "/two three", "/four"]
    assert (str(hop.agent), hop.connect_timeout, hop.address_family) == ("/keys", 40, "inet6")
    assert hop.agent_only_listed
    with pytest.raises(HostConfiguration, match="uses %C in a path"):
        _resolve(tmp_path, "IdentityFile /k/%C\n", SshTarget("n", "pi"))
