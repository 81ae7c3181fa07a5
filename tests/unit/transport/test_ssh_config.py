"""What ~/.ssh/config makes of a target."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.errors import BadInput
from edgeboot.transport.ssh.client_config import load, resolve
from edgeboot.transport.ssh.target import Hop, SshTarget


def _resolve(tmp_path: Path, text: str, target: SshTarget) -> Hop:
    path = tmp_path / "config"
    path.write_text(text)
    return resolve(target, load(path))


def test_without_a_file_defaults_hold(tmp_path: Path) -> None:
    hop = resolve(SshTarget("n", "FD00::1", user="u"), load(tmp_path / "none"))
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
        ("Host pi\n Port many\n", "invalid SSH configuration"),
        ("Host pi\n ProxyCommand nc %h %p\n", "ProxyCommand"),
        ("nonsense\n", "cannot read"),
    ],
)
def test_mistakes_are_bad_input(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        _resolve(tmp_path, text, SshTarget("n", "pi"))
