"""Whatever stands in an inventory, the answer is a Cluster or a BadInput."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeboot.errors import BadInput
from edgeboot.inventory import sections
from edgeboot.inventory.budget.section import BUDGET_SECTION
from edgeboot.inventory.k3s_keys import KEYS, OWNED
from edgeboot.inventory.load import load
from edgeboot.inventory.node.login import JUMP_SECTION, SSH_SECTION
from edgeboot.inventory.sections import CLUSTER, NODE

WORDS = sorted(
    {*sections.TOP.names, *CLUSTER.names, *NODE.names, *SSH_SECTION.names, *JUMP_SECTION.names}
    | {*BUDGET_SECTION.names, *sections.ROLES, *list(KEYS)[:5], *list(OWNED)[:5]}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([*WORDS, "192.0.2.1", "a[1-2]", "a=b:NoSchedule", "1Gi"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner, max_size=4)
    ),
    max_leaves=20,
)


def try_to_load(text: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "inventory.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "replace"))
        with contextlib.suppress(BadInput):
            load(path)


@given(st.dictionaries(st.sampled_from(sections.TOP.names), VALUES))
@settings(max_examples=150)
def test_random_values(document: dict[str, Any]) -> None:
    try_to_load(json.dumps({"cluster": {"name": "edge"}, **document}))
    try_to_load(yaml.safe_dump(document, allow_unicode=True))


@given(st.dictionaries(st.sampled_from(NODE.names), VALUES))
@settings(max_examples=150)
def test_random_nodes(node: dict[str, Any]) -> None:
    whole = {"name": "a", "address": "b", "role": "server", **node}
    try_to_load(json.dumps({"cluster": {"name": "edge"}, "nodes": [whole]}))


@given(st.text(st.sampled_from("a:-[]{}\n\t #&*!|>'\"%@`,?<~\\x0\r\ufeff\u2028\x00"), max_size=60))
@settings(max_examples=300)
def test_random_text(text: str) -> None:
    try_to_load(text)
    try_to_load("cluster:\n" + text)


@given(st.binary(max_size=100))
def test_random_bytes(data: bytes) -> None:
    try_to_load(data)
