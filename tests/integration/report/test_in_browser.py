"""The HTML report in a real browser: it renders, complains of nothing, and needs no mouse."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeboot.report.verification.html.page import verification_html
from tests.support.browser import Page, browser
from tests.support.verify_hosts import MIB, ended, node_object, sampling, site, verified

pytestmark = pytest.mark.integration

TAB, ENTER, SPACE = ("Tab", 9), ("Enter", 13), (" ", 32)


def failing(agents: int) -> str:
    """The report of a fleet in which one agent is broken in many ways and another is silent."""
    made = site(*(f"agent-{number}" for number in range(1, agents + 1)))
    broken = made.hosts["agent-1"].state
    broken.journal = "level=error msg=" + "x" * 300
    broken.sample = sampling(60, memory=200 * MIB)
    broken.hashes.clear()
    made.state.nodes[1] = node_object("agent-1", ready=False)
    made.state.pods["pod-server-1"] = ended("dns failed " + "no answer " * 20)
    made.hosts["agent-2"].gone = True
    return verification_html(verified(made))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if shutil.which("chromium") is None:
        pytest.skip("no chromium here")
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    made = {}
    for agents in (2, 30):
        made[agents] = tmp_path_factory.mktemp("report") / f"{agents}.html"
        made[agents].write_text(failing(agents), encoding="utf-8")
    return made


@pytest.mark.parametrize("agents", [2, 30])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_renders_without_a_complaint_and_without_scrolling_sideways(
    page: Page, reports: dict[int, Path], agents: int, width: int, scheme: str
) -> None:
    page.size(width, 800, phone=width < 600)
    page.scheme(scheme)
    page.open(reports[agents])
    assert page.complaints == []
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value("document.querySelectorAll('.matrix .cell.failed').length") >= 3
    # What fails is seen as such: a diagnosis stands beside it, and has a size.
    boxes = "[...document.querySelectorAll('.problem')].map(e => e.getBoundingClientRect())"
    assert page.value(f"{boxes}.every(b => b.width > 150 && b.height > 15)")
    ground = page.value("getComputedStyle(document.body).backgroundColor")
    light = sum(int(part) for part in ground[4:-1].split(",")) / 3
    assert (light > 128) == (scheme == "light")


def test_everything_is_reached_by_keys(page: Page, reports: dict[int, Path]) -> None:
    page.size(1280, 800)
    page.open(reports[2])
    wanted = "a[href], summary, input"
    visible = f"[...document.querySelectorAll('{wanted}')].filter(e => e.checkVisibility()).length"
    reached = set()
    for _ in range(page.value(visible)):
        page.key(*TAB)
        reached.add(
            page.value("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
        )
    assert len(reached) == page.value(visible)


def test_a_red_cell_leads_to_its_diagnosis_and_the_journal_opens(
    page: Page, reports: dict[int, Path]
) -> None:
    page.open(reports[2])
    page.value("document.querySelector('.cell.failed a').focus()")
    page.key(*ENTER)
    assert page.value("document.querySelector('.problem:target') !== null")
    page.value("document.querySelector('.problem summary').focus()")
    page.key(*ENTER)
    assert page.value("document.querySelector('.problem details').open")


def test_only_what_is_not_well_can_be_shown(page: Page, reports: dict[int, Path]) -> None:
    page.open(reports[30])
    shown = (
        "[...document.querySelectorAll('.row > .check')].filter(e => e.checkVisibility()).length"
    )
    before = page.value(shown)
    page.value("document.querySelector('#only').focus()")
    page.key(*SPACE)
    assert page.value("document.querySelector('#only').checked")
    assert 0 < page.value(shown) < before
    assert page.value("document.querySelectorAll('.card').length") == 31
    cards = "[...document.querySelectorAll('.card')].filter(e => e.checkVisibility()).length"
    assert page.value(cards) == 2


def test_it_prints(page: Page, reports: dict[int, Path]) -> None:
    page.open(reports[2])
    assert page.pdf().startswith(b"%PDF")
    page.ask("Emulation.setEmulatedMedia", media="print")
    assert page.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert page.value("document.querySelector('.problem pre').getBoundingClientRect().height") > 10
    page.ask("Emulation.setEmulatedMedia", media="")
