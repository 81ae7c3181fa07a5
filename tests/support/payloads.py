"""Texts that a shell, SSH or a terminal would obey, and the fields of an inventory."""

from __future__ import annotations

import json
from typing import Any

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
