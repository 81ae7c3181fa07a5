"""The HTML report shows what the values say, in words, colours and lengths."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError

from edgeboot.report.verification.html.figures import Bar, figure_view
from edgeboot.report.verification.html.page import page_of, verdict, verification_html
from edgeboot.report.verification.html.rendering import rendered
from edgeboot.verify.measure.usage import Spread
from edgeboot.verify.results import Category, CheckResult, Measured, NodeReport, Outcome
from tests.support.verification import FOUND, MIB


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    inner: list[Element] = field(default_factory=list)

    def all(self, tag: str, *classes: str) -> list[Element]:
        """Elements below this one with a tag and all of these classes."""
        mine = self.attributes.get("class", "").split()
        found = [self] if self.tag == tag and set(classes) <= set(mine) else []
        return found + [e for one in self.inner for e in one.all(tag, *classes)]

    def words(self) -> str:
        return " ".join(self.text.split())


class _Tree(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open = [Element("", {})]
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inner.append(one)
        if tag not in {"meta", "link", "input", "wbr"}:
            self.open.append(one)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].inner.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for one in self.open:
            one.text += data


def tree(text: str) -> Element:
    (root,) = _Tree(text).open
    return root


def drawn(*figures: Measured) -> list[Element]:
    """The figures of one node's card."""
    found = replace(FOUND, nodes=(NodeReport("a", "server", figures),))
    return tree(verification_html(found)).all("div", "figure")


def test_a_failed_budget_is_drawn_as_failed_and_a_passed_one_as_passed() -> None:
    over = Measured("memory", 200 * MIB, 100 * MIB, False)
    within = Measured("cpu", 250, 500, True)
    little = Measured("disk-free", MIB, 4 * MIB, False)
    free = Measured("files", 7, None, None)
    unknown = Measured("load", None, 1000, None, "no load average")
    shown = drawn(over, within, little, unknown, free)
    assert [one.attributes["class"] for one in shown] == [
        *("figure failed", "figure passed", "figure failed", "figure unmeasured", "figure plain")
    ]
    assert [one.all("p", "amount")[0].words() for one in shown] == [
        "200.0 MiB of 100.0 MiB · 200%",
        "250m of 500m · 50%",
        "1.0 MiB at least 4.0 MiB · 25%",
        "? no load average",
        "7",
    ]
    bars = [[r.attributes for r in one.all("rect")] for one in shown]
    assert [(bar[1]["width"], bar[2]["x"]) for bar in bars if bar] == [
        ("100.00", "50.00"),
        ("50.00", "99.20"),
        ("25.00", "99.20"),
    ]
    assert [len(bar) for bar in bars] == [3, 3, 3, 0, 0]


def test_every_end_of_a_check_has_its_own_mark_and_class() -> None:
    root = tree(verification_html(FOUND))
    cells = [
        (cell.attributes["class"].removeprefix("cell "), cell.words())
        for cell in root.all("span", "cell")
    ]
    assert cells == [
        ("failed", "✗1"),  # one of two files
        ("unmeasured", "?"),
        ("passed", "✓"),
        ("failed", "✗"),
        ("skipped", "-"),
    ]
    links = [cell.all("a") for cell in root.all("span", "cell")]
    assert [bool(link) for link in links] == [True, True, False, True, False]
    targets = {link[0].attributes["href"].removeprefix("#") for link in links if link}
    problems = root.all("div", "problem")
    assert targets == {problem.attributes["id"] for problem in problems}
    assert [(p.attributes["class"], p.words()) for p in problems] == [
        ("problem failed", "a /etc/y mode 0644 detailsline 1 line 2"),
        ("problem unmeasured", "b /etc/x no route"),
        ("problem failed", "a too much"),
    ]
    assert [len(row.all("div", "problem")) == 0 for row in root.all("div", "row")] == [
        "well" in row.attributes["class"] or "head" in row.attributes["class"]
        for row in root.all("div", "row")
    ]


@pytest.mark.parametrize(
    ("outcomes", "words", "state"),
    [
        ([Outcome.PASSED, Outcome.SKIPPED], "all checks passed", "passed"),
        ([Outcome.PASSED, Outcome.FAILED], "1 check failed", "failed"),
        ([Outcome.FAILED, Outcome.FAILED, Outcome.NOT_MEASURED], "2 checks failed", "failed"),
        ([Outcome.PASSED, Outcome.NOT_MEASURED], "1 could not be measured", "unmeasured"),
        ([Outcome.SKIPPED], "no check was run", "passed"),
        ([], "no check was run", "unmeasured"),
    ],
)
def test_the_verdict(outcomes: list[Outcome], words: str, state: str) -> None:
    results = tuple(CheckResult("a", "file", str(n), o) for n, o in enumerate(outcomes))
    found = replace(FOUND, results=results)
    assert verdict(found) == words
    root = tree(verification_html(found))
    assert root.all("header")[0].attributes["class"] == state
    assert root.all("title")[0].text == f"edge: {words}"


def test_shares_are_of_all_checks() -> None:
    assert page_of(FOUND).shares == (
        ("failed", "33.33"),
        ("unmeasured", "16.67"),
        ("passed", "33.33"),
    )


def test_equal_problems_of_a_node_stand_together() -> None:
    results = tuple(
        CheckResult("a", "file", f"/etc/{n}", Outcome.NOT_MEASURED, "no route") for n in range(5)
    )
    other = CheckResult("a", "file", "/etc/x", Outcome.FAILED, "mode 0644", hint="chmod it")
    (section,) = page_of(replace(FOUND, results=(*results, other))).sections
    (row,) = section.tables[0].rows
    assert [(p.subjects, p.more, p.message, p.state) for p in row.problems] == [
        (("/etc/0", "/etc/1", "/etc/2"), 2, "no route", "unmeasured"),
        (("/etc/x",), 0, "mode 0644", "failed"),
    ]
    assert [bool(p.anchor) for p in row.problems] == [True, False]
    (cell,) = row.cells
    assert (cell.state, cell.count) == ("failed", 6)
    page = tree(verification_html(replace(FOUND, results=(*results, other))))
    assert "and 2 more: no route" in page.all("div", "problem")[0].words()
    assert page.all("p", "next")[0].words() == "next: chmod it"


def test_exactly_as_many_subjects_as_are_named_leave_no_more() -> None:
    results = tuple(CheckResult("a", "f", str(n), Outcome.FAILED, "x") for n in range(3))
    (section,) = page_of(replace(FOUND, results=results)).sections
    assert section.tables[0].rows[0].problems[0].more == 0


@pytest.mark.parametrize(("nodes", "size"), [(6, "few"), (7, "many")])
def test_the_cluster_has_a_table_of_its_own(nodes: int, size: str) -> None:
    results = [CheckResult(f"n{n}", "service", "", Outcome.PASSED) for n in range(nodes)]
    results += [CheckResult("cluster", "api", "", Outcome.FAILED, "x")]
    results += [CheckResult("n1", "kernel", "", Outcome.FAILED, "y")]
    found = replace(FOUND, results=tuple(results))
    (section,) = page_of(found).sections
    first, second = section.tables
    assert (first.size, second.size) == (size, "few")
    assert second.nodes == ("cluster",)
    assert [row.check for row in first.rows] == ["service", "kernel"]
    assert [cell.state for cell in first.rows[1].cells] == [
        "failed" if n == 1 else "none" for n in range(nodes)
    ]
    scrolls = tree(verification_html(found)).all("div", "scroll")
    assert ["tabindex" in one.attributes for one in scrolls] == [size == "many", False]


def test_contents_name_all_nodes_of_a_small_fleet_and_those_with_problems_of_a_large_one() -> None:
    figures = (Measured("cpu", 1, None, None),)
    names = [f"n{n}" for n in range(9)]
    nodes = tuple(NodeReport(name, "agent", figures) for name in names)
    results = (
        CheckResult("n1", "service", "", Outcome.FAILED),
        CheckResult("n2", "service", "", Outcome.NOT_MEASURED),
        CheckResult("n3", "service", "", Outcome.SKIPPED),
        CheckResult("n4", "service", "", Outcome.PASSED),
    )
    assert page_of(replace(FOUND, results=results, nodes=nodes)).named == ("n1", "n2")
    assert page_of(replace(FOUND, results=results, nodes=nodes[:8])).named == tuple(names[:8])
    bare = replace(FOUND, nodes=(NodeReport("b", "agent"),))
    assert (page_of(bare).named, page_of(bare).cards) == ((), ())


def test_facts() -> None:
    assert page_of(FOUND).facts == (
        ("When", "2027-01-15 08:00:00 +01:00"),
        ("K3s", "v1.36.2+k3s1"),
        ("Nodes", "2"),
        ("Sampled", "2 s"),
    )
    assert page_of(replace(FOUND, nodes=())).facts[3] == ("Sampled", "no")


def test_a_nodes_card() -> None:
    root = tree(verification_html(FOUND))
    first, second = root.all("section", "card")
    assert first.attributes["id"] == "node-a"
    assert first.all("h3")[0].words() == "a server"
    assert [d.words() for d in first.all("td")] == ["/var/lib/rancher", "5.0 MiB"]
    assert [s.words() for s in first.all("summary")] == [
        *("1 figures without a limit", "Disk usage by directory")
    ]
    assert [f.all("b")[0].words() for f in first.all("div", "free")[0].all("div", "figure")] == [
        "cpu"
    ]
    assert second.all("p", "silent")[0].words() == "? not measured: no route"
    assert not second.all("div", "figure")
    assert not root.all("p", "note")[1:]


def test_several_reasons_are_shown_by_figure() -> None:
    shown = drawn(Measured("cpu", None, 1, None, "x"), Measured("load", None, 1, None, "y"))
    assert [one.all("p", "amount")[0].words() for one in shown] == ["? x", "? y"]


def test_figures_summed_over_processes_are_marked() -> None:
    nodes = (replace(FOUND.nodes[0], method="processes"),)
    (card,) = tree(verification_html(replace(FOUND, nodes=nodes))).all("section", "card")
    assert "sums over K3s's processes" in card.all("p", "note")[0].text


def test_a_series_fills_its_box_and_a_flat_one_lies_in_the_middle() -> None:
    rising = Measured(
        "files", 3, None, None, "", Spread(1, 2, 3, 5), ((10.0, 1), (12.0, 5), (14.0, 3))
    )
    line = figure_view(rising).line
    assert line is not None
    assert line.points == "0.0,32.0 80.0,2.0 160.0,17.0"
    assert line.label == "files from 1 to 5"
    assert line.spread == (("min", "1"), ("median", "2"), ("p95", "3"), ("max", "5"))
    flat = figure_view(replace(rising, series=((0.0, 4), (1.0, 4)), spread=None)).line
    assert flat is not None
    assert (flat.points, flat.spread) == ("0.0,17.0 160.0,17.0", ())
    assert figure_view(replace(rising, series=((0.0, 4),))).line is None
    (shown,) = drawn(rising)
    assert shown.all("polyline")[0].attributes["points"] == line.points
    assert shown.all("polygon")[0].attributes["points"] == f"0,34 {line.points} 160,34"
    assert shown.all("p", "spread")[0].words() == "min1 median2 p953 max5"


@pytest.mark.parametrize(
    ("used", "limit", "bar"),
    [
        (0, 10, Bar("0.00", "99.20")),
        (10, 10, Bar("100.00", "99.20")),
        (40, 10, Bar("100.00", "25.00")),
        (1, 0, None),
    ],
)
def test_a_bar_ends_at_the_larger_of_use_and_limit(used: int, limit: int, bar: Bar | None) -> None:
    assert figure_view(Measured("files", used, limit, used <= limit)).bar == bar


def test_whatever_hosts_say_is_text() -> None:
    nasty = "<b>&\"'\x1b[31m\u202e"
    results = (CheckResult(nasty, nasty, nasty, Outcome.FAILED, nasty, Category.OWN, nasty),)
    text = verification_html(replace(FOUND, cluster=nasty, k3s=nasty, results=results))
    assert nasty[:4] + '"' not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    (problem,) = tree(text).all("div", "problem")
    tamed = "<b>&\"'\N{REPLACEMENT CHARACTER}[31m\N{REPLACEMENT CHARACTER}"
    assert problem.all("pre")[0].text == tamed
    assert problem.all("code") == []  # the subject is named in the row already
    assert problem.all("p")[0].words() == f"{tamed} {tamed}"


def test_a_name_that_a_template_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        rendered("page.html")


def test_each_cause_comes_first_and_once() -> None:
    stopped = CheckResult(
        "a", "service", "", Outcome.FAILED, "its service is inactive", hint="run x"
    )
    images = [
        CheckResult("a", "image", f"i{n}", Outcome.NOT_MEASURED, "no runtime", because="a service")
        for n in range(9)
    ]
    root = tree(verification_html(replace(FOUND, results=(stopped, *images))))
    (cause,) = root.all("div", "cause")
    assert "a service: its service is inactive" in cause.words()
    assert "This also explains 9 other results: image." in cause.words()
    assert "next: run x" in cause.words()
    assert "i0 i1 i2 and 6 more: follows from a service" in root.words()


def test_the_page_says_what_it_rests_on() -> None:
    node = replace(FOUND.nodes[0], address="192.0.2.1", budget="k3s-classic")
    note = "cannot be exceeded: the host has 1.0 GiB, and runs out before"
    node = replace(node, figures=(replace(node.figures[0], note=note), *node.figures[1:]))
    found = replace(
        FOUND,
        nodes=(node,),
        bundle="edge.tar",
        signer="0123456789ABCDEF (name=edge)",
        not_run=(("storage", "local-storage is disabled"),),
    )
    text = tree(verification_html(found)).words()
    for words in (
        *("edge.tar", "signed by 0123456789ABCDEF (name=edge)", "192.0.2.1", "budget: k3s-classic"),
        *(note, "storage was not run: local-storage is disabled", "b mine: not here"),
        *("✓ passed", "✗ failed", "? not measured", "· does not apply"),
    ):
        assert words in text, words


def test_no_empty_table_stays_where_only_problems_are_shown() -> None:
    """A table, a section and a heading without problems are marked, and the style hides them."""
    good = CheckResult("a", "api", "", Outcome.PASSED, category=Category.HEALTH)
    wrong = CheckResult("a", "file", "/x", Outcome.FAILED, "missing")
    text = verification_html(replace(FOUND, results=(good, wrong), nodes=()))
    root = tree(text)
    sections = {s.attributes["id"]: s for s in root.all("section", "category")}
    assert "well" in str(sections["health"].attributes["class"]).split()
    assert "well" not in str(sections["config"].attributes["class"]).split()
    assert "main:has(#only:checked) .category.well" in text
    assert "main:has(#only:checked) .scroll.well" in text
