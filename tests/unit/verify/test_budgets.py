"""Samples to use, use to verdicts."""

from __future__ import annotations

import pytest

from edgeboot.errors import NotMeasured
from edgeboot.inventory.model import Budget, Role
from edgeboot.verify.budgets import effective, parse_usage, verdicts

OUTPUT = """\
sample 1000 100 0
sample 1100 300 500000000
sample 1200 200 1000000000
disk 5 /usr/local/bin/k3s
disk 7 /var/lib/rancher
"""


def test_usage() -> None:
    usage = parse_usage(OUTPUT)
    assert (usage.seconds, usage.memory_median, usage.memory_peak) == (2.0, 200, 300)
    assert (usage.cpu, usage.disk) == (500, 12)


@pytest.mark.parametrize(
    "output",
    [
        "",
        "disk 5 /x\n",
        "sample 1000 100 0\nsample 1100 1 1\n",
        "sample 1000 100 0\ndisk 5 /x\n",
        OUTPUT.replace("300", "many"),
        "sample 1000 1 0\nsample 1000 1 0\ndisk 5 /x\n",
        "sample 1000\n" + OUTPUT,
    ],
)
def test_what_is_not_all_there_is_not_measured(output: str) -> None:
    with pytest.raises(NotMeasured):
        parse_usage(output)


def test_verdicts_compare_the_peak_and_allow_the_limit_itself() -> None:
    usage = parse_usage(OUTPUT)
    fits = {v.what: v.fits for v in verdicts(usage, Budget(memory=299, cpu=500, disk=None))}
    assert fits == {"memory": False, "cpu": True, "disk": True}


def test_an_own_budget_replaces_only_its_own_figures() -> None:
    budget = effective(Role.AGENT, Budget(memory=1))
    assert budget.memory == 1
    assert budget.cpu == effective(Role.AGENT, Budget()).cpu
