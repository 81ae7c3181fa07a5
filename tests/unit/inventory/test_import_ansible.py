"""Inventories for Ansible, as in tests/cases/ansible: which nodes come out, and what is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edgeboot.cli.inventory.imports import import_
from edgeboot.errors import BadInput
from edgeboot.inventory.importers.ansible.hosts import expanded
from edgeboot.inventory.importers.ansible.templates import Undefined, Unknown, rendered
from edgeboot.inventory.load import load
from edgeboot.inventory.model import Cluster, Node

CASES = Path(__file__).parents[2] / "cases" / "ansible" / "inventories.yml"


def cases() -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in yaml.safe_load(CASES.read_text())]


def imported(tmp_path: Path, files: dict[str, str], inventory: str) -> tuple[Cluster, str]:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    made = tmp_path / "made.yml"
    words = [str(tmp_path / inventory), "--out", str(made)]
    done = CliRunner().invoke(import_, words, standalone_mode=False)
    if done.exception:
        raise done.exception
    return load(made), done.output


def shown(node: Node) -> str:
    jump = node.ssh.jump
    via = "-"
    if jump:
        via = f"{jump.user}@" if jump.user else ""
        via += jump.address + (f":{jump.port}" if jump.port else "")
    login = f"{node.ssh.user or '-'} {node.ssh.port or 22} {node.ssh.key or '-'}"
    return f"{node.role.value} {node.address} {login} {via}"


@pytest.mark.parametrize("case", cases())
def test_what_comes_out(case: dict[str, Any], tmp_path: Path) -> None:
    cluster, said = imported(tmp_path, case["files"], case["inventory"])
    assert [shown(node) for node in cluster.nodes] == case["nodes"]
    assert cluster.datastore.kind.value == case.get("datastore", "sqlite")
    for key, value in case.get("config", {}).items():
        found = cluster.servers[0].config[key]
        assert (list(found) if isinstance(found, tuple) else found) == value
    if "labels" in case:
        assert cluster.agents[0].labels == case["labels"]
    assert case.get("says", "") in said
    if "silent" in case:
        assert case["silent"] not in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[server]\nweb[1:\n", "invalid range"),
        ("[server]\na[05:7]\n", "equally long"),
        ("[server]\na[1:99999]\n", "more than 1000"),
        ("[server]\na b\n", "'b' is not key=value"),
        ('[server]\na b="c\n', "invalid line"),
    ],
)
def test_mistakes_of_the_ini_form_have_a_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as error:
        imported(tmp_path, {"hosts.ini": text}, "hosts.ini")
    assert ":" in str(error.value.where)


def test_a_dynamic_inventory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="dynamic inventory") as error:
        imported(tmp_path, {"hosts.yml": "plugin: community.general.proxmox\n"}, "hosts.yml")
    assert "ansible-inventory --list" in str(error.value.hint)


VARIABLES = {"a": "x", "n": 2, "list": ["first"], "map": {"key": "value"}, "again": "{{ a }}"}


def _lookup(name: str) -> Any:
    if name not in VARIABLES:
        raise Undefined
    return VARIABLES[name]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ a }}", "x"),
        ("{{ n }}", 2),
        ("{{again}}-{{ list[0] }}", "x-first"),
        ("{{ map.key | upper }}", "VALUE"),
        ("{{ map['none'] | default(no.such) | default('d') }}", "d"),
        ("{{ '' | default('d', true) }}", "d"),
        ("{{ 'yes' if list | length >= 1 else 'no' }}", "yes"),
        ("{{ no.such if n == 3 else 'no' }}", "no"),
    ],
)
def test_simple_templates(text: str, value: Any) -> None:
    assert rendered(text, _lookup) == value


@pytest.mark.parametrize(
    "text", ["{{ no }}", "{{ a | hash }}", "{{ a() }}", "{% if a %}{% endif %}", "{{ a", "{{ }}"]
)
def test_templates_that_need_ansible(text: str) -> None:
    if text == "{{ a":
        assert rendered(text, _lookup) == text
        return
    with pytest.raises(Unknown):
        rendered(text, _lookup)


@given(st.text(alphabet="{}[]()|.'\"a1 ,~=if", max_size=40))
def test_a_template_ends_in_a_value_or_is_unknown(text: str) -> None:
    try:
        rendered("{{" + text + "}}", _lookup)
    except Unknown:
        return


@given(st.text(alphabet="[]:a1.-0", max_size=20))
def test_a_host_pattern_ends_in_names_or_an_error(text: str) -> None:
    try:
        names, _ = expanded(text)
    except ValueError:
        return
    assert len(names) <= 1000


@given(st.text(alphabet="[]:=\n '\"{}a1-#!&*|\\", max_size=60), st.sampled_from(("ini", "yml")))
def test_whatever_a_file_says_ends_in_a_draft_or_bad_input(
    tmp_path_factory: pytest.TempPathFactory, text: str, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
    path.write_text(f"[server]\n192.0.2.1 {text}" if suffix == "ini" else f"server: {text}")
    done = CliRunner().invoke(import_, [str(path), "-o", "yaml"], standalone_mode=False)
    assert done.exception is None or isinstance(done.exception, BadInput)
