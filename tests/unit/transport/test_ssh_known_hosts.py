"""known_hosts lines, and the rules about keys, without a server."""

from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest

from edgeboot.errors import BadInput, Refused
from edgeboot.transport.ssh.host_keys import known_hosts
from edgeboot.transport.ssh.host_keys.policy import HostKeys
from edgeboot.transport.ssh.target import Hop

BLOB = b"key one"
OTHER = b"key two"


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _hop(host: str = "pi", pin: str | None = None, port: int = 22) -> Hop:
    name = host if port == 22 else f"[{host}]:{port}"
    return Hop("node-1", host, port, "u", (), False, False, pin, name, (), None)


def _keys(tmp_path: Path, *lines: str, accept_new: bool = False) -> HostKeys:
    path = tmp_path / "known_hosts"
    path.write_text("\n".join(lines) + "\n")
    return HostKeys((path,), tmp_path / "state" / "recorded", accept_new)


@pytest.mark.parametrize(
    ("patterns", "name", "named"),
    [
        ("pi,10.0.0.1", "10.0.0.1", True),
        ("pi*", "pi-3", True),
        ("p?", "pi", True),
        ("*,!pi", "pi", False),
        ("!pi", "other", False),
        ("[pi]:2222", "[pi]:2222", True),
        ("[pi]:2222", "pi", False),
        ("[pi]:2222", "i:2222", False),
        ("[*]:2222", "[pi]:2222", True),
        ("PI", "pi", True),
        ("|1|c2FsdA==|rubbish", "pi", False),
        ("|1|!!", "pi", False),
    ],
)
def test_which_hosts_a_line_names(patterns: str, name: str, named: bool) -> None:
    key = known_hosts.KnownKey(tuple(patterns.split(",")), "ssh-ed25519", BLOB, False, "f:1")
    assert key.names(name) is named


def test_a_hashed_name() -> None:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, b"[pi]:2222", "sha1").digest()
    key = known_hosts.KnownKey((f"|1|{_b64(salt)}|{_b64(digest)}",), "t", BLOB, False, "f:1")
    assert key.names("[pi]:2222")
    assert not key.names("pi")


def test_unusable_lines_are_passed_over_and_authorities_do_not_count(tmp_path: Path) -> None:
    keys = _keys(
        tmp_path,
        "# pi ssh-ed25519 AAAA",
        "pi ssh-ed25519",
        "pi ssh-ed25519 %%%",
        f"@cert-authority pi ssh-ed25519 {_b64(BLOB)}",
    )
    with pytest.raises(Refused, match="unknown host key"):
        keys.check(_hop(), "ssh-ed25519", BLOB)


def test_one_of_several_keys_is_enough_and_the_place_is_named(tmp_path: Path) -> None:
    keys = _keys(tmp_path, f"pi ssh-rsa {_b64(OTHER)}", f"pi ssh-ed25519 {_b64(BLOB)}")
    keys.check(_hop(), "ssh-ed25519", BLOB)
    with pytest.raises(Refused, match="known_hosts:1"):
        keys.check(_hop(), "ssh-ed25519", b"third")


def test_the_types_we_hold_are_negotiated_first(tmp_path: Path) -> None:
    keys = _keys(tmp_path, f"pi ssh-rsa {_b64(OTHER)}", f"pi ssh-unknown {_b64(OTHER)}")
    assert keys.algorithms(_hop())[:2] == ("rsa-sha2-512", "rsa-sha2-256")
    assert keys.algorithms(_hop("other"))[0] == "ssh-ed25519"
    pinned = _hop(pin=f"ecdsa-sha2-nistp256 {_b64(BLOB)}")
    assert keys.algorithms(pinned)[0] == "ecdsa-sha2-nistp256"
    assert len(set(keys.algorithms(_hop()))) == 6


@pytest.mark.parametrize("pin", ["rubbish", "ssh-ed25519 %%", "MD5:aa:bb"])
def test_a_pin_that_is_no_key(tmp_path: Path, pin: str) -> None:
    with pytest.raises(BadInput, match="host-key"):
        _keys(tmp_path).check(_hop(pin=pin), "ssh-ed25519", BLOB)


def test_a_record_is_added_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("without newline")
    known_hosts.add(path, "pi", "ssh-ed25519", BLOB)
    assert path.read_text() == f"without newline\npi ssh-ed25519 {_b64(BLOB)}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(p.name for p in tmp_path.iterdir()) == ["known_hosts"]


def test_an_unreadable_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read known hosts"):
        known_hosts.read([tmp_path])
