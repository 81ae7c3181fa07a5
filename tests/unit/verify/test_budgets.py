"""Budgets: profiles, verdicts, what is recorded, and the files it goes into."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeboot.errors import BadInput, NotMeasured
from edgeboot.inventory.budget.file import budget_text, load_budget, named_budget
from edgeboot.inventory.budget.values import (
    ALL_FIGURES,
    NAMED,
    Unit,
    effective,
    parse_amount,
    write_amount,
)
from edgeboot.inventory.model import Budget, Role
from edgeboot.verify.measure.budgets import beyond, recorded, shown, verdict
from edgeboot.verify.measure.figures import usage_of
from edgeboot.verify.measure.samples import parse_sampling
from edgeboot.verify.measure.usage import Usage
from tests.support.verify_hosts import MIB, sampling


def used(**changes: int) -> Usage:
    return usage_of(parse_sampling(sampling(**changes)))  # type: ignore[arg-type]


def test_the_limit_itself_fits_and_one_more_does_not() -> None:
    usage = used(memory=100 * MIB)
    assert verdict(usage, "memory", 100 * MIB).fits
    assert not verdict(usage, "memory", 100 * MIB - 1).fits
    assert verdict(usage, "memory", None).fits


def test_what_has_to_be_left_counts_the_other_way() -> None:
    usage = used()
    assert verdict(usage, "disk-free", 1 << 30).fits
    assert not verdict(usage, "disk-free", (1 << 30) + 1).fits


def test_a_figure_that_was_not_had_has_no_verdict() -> None:
    with pytest.raises(NotMeasured, match="no pod has run"):
        verdict(used(), "pods.memory", 1)


def test_an_own_limit_replaces_only_its_own_figure() -> None:
    limits = effective(Role.AGENT, Budget(memory=1, more={"files": 7}))
    assert (limits["memory"], limits["files"]) == (1, 7)
    assert limits["cpu"] == NAMED["k3s-profile"][Role.AGENT].cpu


def test_a_profile_replaces_all_that_is_left_open() -> None:
    limits = effective(Role.SERVER, Budget(cpu=5, base="k3s-classic"))
    assert limits == {"memory": 512 * 10**6, "disk": 200 * 10**6, "cpu": 5}
    assert effective(Role.AGENT, Budget(base="k3s-classic"))["memory"] == 75 * 10**6


def test_what_is_recorded_is_the_most_of_all_nodes_and_the_margin_in_round_numbers() -> None:
    limits = recorded([used(memory=100 * MIB), used(memory=70 * MIB, files=33)], 20)
    assert limits["memory"] == 120 * MIB
    assert limits["files"] == 40
    assert limits["cpu"] == 120
    assert limits["startup"] == 5000


def test_a_budget_file_comes_back_as_it_went(tmp_path: Path) -> None:
    limits = {role: recorded([used()], 20) for role in Role}
    path = tmp_path / "site.yml"
    path.write_text(budget_text(limits, "Measured."))
    found = load_budget(path)
    assert {role: found[role].items() >= limits[role].items() for role in Role} == {
        Role.SERVER: True,
        Role.AGENT: True,
    }
    assert named_budget(str(path)) == found


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("roles: {server: {budget: {memori: 1GiB}}}", "unknown key"),
        ("roles: {server: {budget: {memory: much}}}", "invalid value 'much' for 'memory'"),
        ("roles: {boss: {}}", "unknown key"),
        ("nodes: []", "unknown key"),
        ("roles: {agent: {budget: {base: k3s-classy}}}", "invalid budget 'k3s-classy'"),
        ("roles: {agent: {budget: {components: {pods: {files: 3}}}}}", "unknown key"),
    ],
)
def test_a_budget_file_that_is_wrong_is_refused_at_its_line(
    tmp_path: Path, text: str, what: str
) -> None:
    path = tmp_path / "site.yml"
    path.write_text(text)
    with pytest.raises(BadInput, match=what) as raised:
        load_budget(path)
    assert raised.value.where == f"{path}:1"


def test_a_name_that_is_no_budget_is_told_what_it_may_be() -> None:
    with pytest.raises(BadInput) as raised:
        named_budget("k3s-clasic")
    assert "did you mean 'k3s-classic'?" in str(raised.value.hint)


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize("number", [10, 1000, 1024, 3000, 1 << 20])
def test_an_amount_that_is_written_is_read_as_the_same(unit: Unit, number: int) -> None:
    if unit is Unit.PERCENT:
        number %= 10_001
    assert parse_amount(unit, write_amount(unit, number)) == number


@pytest.mark.parametrize(
    ("unit", "text"),
    [
        (Unit.PERCENT, "101%"),
        (Unit.PERCENT, "-1"),
        (Unit.TIME, "soon"),
        (Unit.TIME, "0"),
        (Unit.COUNT, "1.5"),
        (Unit.COUNT, "0"),
        (Unit.RATE, "1 MB per second"),
        (Unit.BYTES, "5m"),
    ],
)
def test_an_amount_that_is_none_is_refused(unit: Unit, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_amount(unit, text)


def test_every_figure_can_be_shown() -> None:
    assert {shown(name, 1500)[-1] for name in ALL_FIGURES} >= {"B", "m", "s", "%"}
    assert shown("load", 1500) == "1.50"
    assert shown("writes", 2048) == "2.0 KiB/s"


@pytest.mark.parametrize(
    ("name", "limit", "note"),
    [
        ("memory", 1600 << 20, "cannot be exceeded: the host has 1.0 GiB, and runs out before"),
        ("memory", 1 << 30, ""),
        ("k3s.cpu", 2001, "cannot be exceeded: the host has 2000m, and runs out before"),
        ("memory-available", 2 << 30, "cannot be met: the host has 1.0 GiB"),
        ("files", 1 << 40, ""),
        ("memory", None, ""),
    ],
)
def test_a_limit_that_a_host_cannot_reach_is_said(name: str, limit: int | None, note: str) -> None:
    capacity = {"memory": 1 << 30, "cpu": 2000}
    assert beyond(name, limit, capacity).replace("1.00 GiB", "1.0 GiB") == note
    assert not beyond(name, limit, {})
