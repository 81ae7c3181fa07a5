"""What a shell, SSH or a terminal would obey never gets into a field that meets one of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.load import load
from tests.support.payloads import FIELDS, PAYLOADS, inventory_with


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
        node = {"name": "a", "address": "192.0.2.11", "role": "server"}
        path.write_text(json.dumps({"cluster": {"name": "edge"}, **below, "nodes": [node]}))
        refusal_of(path, payload)


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
