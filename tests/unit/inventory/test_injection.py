"""What a shell, SSH or a terminal would obey never gets into a field that meets one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.load import load

CANARY = "touch canary"
PAYLOADS = (
    f"; {CANARY}", f"a; {CANARY}", f"a;{CANARY}", f"a && {CANARY}", f"a || {CANARY}",
    f"a | {CANARY}", f"a & {CANARY}", f"$({CANARY})", f"a$({CANARY})", f"`{CANARY}`",
    f"a`{CANARY}`", f"a\n{CANARY}", f"a\r{CANARY}", f"a\r\n{CANARY}", "a\n", "\na", "a\0b",
    "$HOME", "${IFS}", "a$IFS", "$'x'", "a>canary", "a<canary", "a>>canary", "a 2>canary",
    "<(touch canary)", "'", "''", f"'; {CANARY}; '", '"', f'"; {CANARY}; "', "a\\", "\\a",
    "a b", " a", "a ", "a\tb", "*", "a?", "[!a]", "{a,b}", "~", "~root", "!a", "!!", "#a", "a#",
    "-oProxyCommand=touch canary", "--", "-a", "%h", "a%25n", "a=b c", "(a)", "../../a", "/etc/a",
    "a/b", "\x1b[31ma", "a\x7f", "a\x85b", "a\u2028b", "\u202ea", "\uff1b", "\u00e9", "",
)  # fmt: skip
# Where each field stands, as a path into the inventory.
FIELDS: tuple[tuple[str | int, ...], ...] = (
    ("cluster", "name"),
    ("nodes", 0, "name"),
    ("nodes", 0, "address"),
    ("nodes", 0, "role"),
    ("nodes", 0, "node-ip"),
    ("nodes", 0, "groups", 0),
    ("nodes", 0, "ssh", "user"),
    ("nodes", 0, "ssh", "host-key"),
    ("nodes", 0, "ssh", "jump"),
    ("nodes", 0, "ssh", "jump", "address"),
    ("nodes", 0, "ssh", "jump", "user"),
    ("nodes", 0, "ssh", "jump", "host-key"),
    ("nodes", 0, "ssh", "key"),
    ("nodes", 0, "taints", 0),
    ("nodes", 0, "budget", "memory"),
    ("nodes", 0, "budget", "cpu"),
    ("nodes", 0, "budget", "disk"),
    ("nodes", 0, "labels", "board"),
    ("nodes", 0, "board"),
    ("nodes", 0, "swap"),
    ("nodes", 0, "firewall"),
    ("nodes", 0, "storage", "path"),
    ("nodes", 0, "time", "servers", 0),
    ("nodes", 0, "files", 0, "dest"),
    ("nodes", 0, "files", 0, "mode"),
    ("nodes", 0, "hooks", 0, "name"),
    ("nodes", 0, "hooks", 0, "before"),
    ("defaults", "ssh", "user"),
    ("cluster", "config", "flannel-backend"),
)


def inventory_with(field: tuple[str | int, ...], value: str) -> str:
    jump: Any = {"address": "192.0.2.1"}
    document: dict[str, Any] = {
        "cluster": {"name": "edge", "config": {}},
        "defaults": {"ssh": {}},
        "groups": {"g": {}},
        "nodes": [
            {
                "name": "a",
                "address": "192.0.2.11",
                "role": "server",
                "groups": ["g"],
                "ssh": {"jump": jump},
                "labels": {},
                "taints": [""],
                "budget": {},
                "storage": {"path": "/mnt/ssd"},
                "time": {"servers": ["192.0.2.1"]},
                "files": [{"src": "inventory.yml", "dest": "/etc/motd"}],
                "hooks": [{"name": "a", "before": "start", "run": "true"}],
            }
        ],
    }
    if "taints" not in field:
        document["nodes"][0]["taints"] = []
    inner: Any = document
    for step in field[:-1]:
        inner = inner[step]
    inner[field[-1]] = value
    return json.dumps(document)  # JSON is YAML


@pytest.mark.parametrize("field", FIELDS, ids=lambda f: ".".join(map(str, f)))
def test_refused(field: tuple[str | int, ...], tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    for payload in PAYLOADS:
        if field[-1] == "board" and payload == "":
            continue  # a label may be empty
        if field[-1] == "dest" and payload == "/etc/a":
            continue  # this is how paths look
        path.write_text(inventory_with(field, payload))
        error = refusal_of(path, payload)
        assert str(error).replace("\n  next: ", "").isprintable()


@pytest.mark.parametrize("where", ["labels", "groups", "config"])
def test_refused_as_key(where: str, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yml"
    for payload in PAYLOADS:
        if where == "labels" and payload == "a/b":
            continue  # this is how labels look
        values = {"labels": "x", "groups": {}, "config": True}
        content = {payload: values[where]}
        below = {"groups": content} if where == "groups" else {"defaults": {where: content}}
        path.write_text(json.dumps({"cluster": {"name": "edge"}, **below}))
        error = refusal_of(path, payload)
        assert "no nodes" not in str(error)  # which would be about what follows the key


def refusal_of(path: Path, payload: str) -> BadInput:
    try:
        load(path)
    except BadInput as error:
        return error
    pytest.fail(f"accepted: {payload!a}")


def test_control(tmp_path: Path) -> None:
    """The document around the payloads is right, so that it is they that are refused."""
    assert len(PAYLOADS) >= 40
    path = tmp_path / "inventory.yml"
    path.write_text(inventory_with(("cluster", "name"), "edge"))
    assert load(path).nodes[0].name == "a"


SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%")


@given(st.text())
def test_whatever_passes_is_harmless(text: str) -> None:
    for check in (syntax.dns_label, syntax.address, syntax.user, syntax.ip_address):
        try:
            passed = check(text)
        except ValueError:
            continue
        assert set(passed) <= SAFE
        assert not passed.startswith("-")
        assert passed
