"""The JSON Schema and the loader agree."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from edgeboot.errors import BadInput
from edgeboot.inventory.k3s_keys import KEYS, OWNED
from edgeboot.inventory.load import load
from edgeboot.inventory.schema.document import json_schema

EXAMPLES = sorted((Path(__file__).parents[3] / "inventories").glob("*.yml"))
SCHEMA = json_schema()


def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(SCHEMA)


def test_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_pass(path: Path) -> None:
    validator().validate(yaml.safe_load(path.read_text()))


def test_every_reference_leads_somewhere() -> None:
    named = set(re.findall(r'"#/\$defs/([a-z]+)"', json.dumps(SCHEMA)))
    assert named == set(SCHEMA["$defs"])


def test_owned_keys_are_no_config_keys() -> None:
    assert not set(KEYS) & set(OWNED)


@pytest.mark.parametrize("key", [*KEYS, *OWNED])
def test_loader_and_schema_agree_on_each_k3s_key(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value of the type that the schema names is loaded; an owned key is refused by both."""
    known = SCHEMA["$defs"]["config"]["properties"].get(key, {"type": "string"})
    value = example(known)
    node = {"name": "a", "address": "192.0.2.1", "role": "server", "config": {key: value}}
    document = {"cluster": {"name": "edge", **datastore_for(key)}, "nodes": [node]}
    monkeypatch.setenv("EDGEBOOT_TEST_ENDPOINT", "postgres://k3s:secret@192.0.2.5/k3s")
    path = tmp_path / "inventory.yml"
    path.write_text(yaml.safe_dump(document))
    assert validator().is_valid(document) is (key in KEYS)
    if key in KEYS:
        loaded = load(path).nodes[0].config[key]
        assert loaded == (tuple(value) if isinstance(value, list) else value)
    else:
        with pytest.raises(BadInput, match="is not allowed in 'config'"):
            load(path)


def datastore_for(key: str) -> dict[str, Any]:
    """Some keys are errors without the datastore they are about."""
    if key.startswith("etcd-"):
        return {"datastore": "etcd"}
    if key.startswith("datastore-"):
        return {"datastore": {"endpoint-env": "EDGEBOOT_TEST_ENDPOINT"}}
    return {}


def example(known: dict[str, Any]) -> object:
    if "oneOf" in known:
        return [known["oneOf"][1]["items"].get("enum", ["x"])[0]]
    if "enum" in known:
        return known["enum"][0]
    return {"string": "x", "integer": 5, "boolean": True}[known["type"]]
