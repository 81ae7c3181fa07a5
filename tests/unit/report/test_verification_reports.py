"""Every form of a report says what the values say, and keeps its own syntax whatever they hold."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from edgeboot.cli.verify.output import render
from edgeboot.errors import BadInput
from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.report.verification.difference import difference, difference_json, difference_lines
from edgeboot.report.verification.document import read_verification, verification_json
from edgeboot.report.verification.html.page import verification_html
from edgeboot.report.verification.junit import junit_xml
from edgeboot.report.verification.prometheus import prometheus_text
from edgeboot.report.verification.text import (
    bar,
    budget_table,
    node_table,
    problems,
    remarks,
    spark,
    summary,
)
from edgeboot.verify.results import (
    Category,
    CheckResult,
    Outcome,
    Verification,
)
from tests.support.verification import FOUND, MIB

NASTY = "<script>alert('x')</script>\"&\x00\x1b[31m\ufffe"

HOSTILE = replace(
    FOUND,
    results=(CheckResult(NASTY, NASTY, NASTY, Outcome.FAILED, NASTY, Category.OWN, NASTY),),
)


def test_json_comes_back_as_it_went() -> None:
    text = json.dumps(verification_json(FOUND))
    assert read_verification(text, "x.json") == FOUND
    assert json.loads(text)["exit_code"] == 1


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "cluster": 1}', "null"]
)
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="not a JSON report") as raised:
        read_verification(text, "x.json")
    assert raised.value.where == "x.json"


def test_junit_counts_failures_and_what_was_not_measured() -> None:
    root = ET.fromstring(junit_xml(FOUND))  # noqa: S314 - our own
    counts = {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "6", "failures": "2", "errors": "1", "skipped": "1"}
    failure = root.find("./testsuite[@name='a']/testcase[@name='file /etc/y']/failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("mode 0644", "line 1\nline 2")


def test_prometheus_has_base_units_and_limits() -> None:
    lines = prometheus_text(FOUND).splitlines()
    assert 'edgeboot_verify_memory_bytes{cluster="edge",node="a"} 209715200' in lines
    assert 'edgeboot_verify_memory_bytes_limit{cluster="edge",node="b"} 104857600' in lines
    assert 'edgeboot_verify_cpu_cores{cluster="edge",node="a"} 0.25' in lines
    assert 'edgeboot_verify_io_pressure_ratio{cluster="edge",node="a"} 0.015' in lines
    assert 'edgeboot_verify_startup_seconds{cluster="edge",node="a"} 1.5' in lines
    assert 'edgeboot_verify_checks{cluster="edge",node="a",outcome="failed"} 2' in lines
    sample = re.compile(r'[a-z_]+(\{([a-z]+="[^"\n]*",?)*\})? [-+0-9.e]+')
    assert all(sample.fullmatch(line) for line in lines if not line.startswith("# "))
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


class _Page(HTMLParser):
    """Tags, ids and links of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        named = dict(attrs)
        self.ids += [named["id"] or ""] if "id" in named else []
        self.links += [named["href"] or ""] if "href" in named else []
        if tag not in {"meta", "link", "input", "wbr"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"rect", "polygon", "polyline"}, attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("found", [FOUND, HOSTILE, replace(FOUND, results=(), nodes=())])
def test_html_is_whole_and_needs_nothing_else(found: Verification) -> None:
    text = verification_html(found)
    page = _Page(text)
    assert page.open == []
    assert "script" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    inner = [link.removeprefix("#") for link in page.links if link.startswith("#")]
    assert set(inner) <= set(page.ids)
    assert [link for link in page.links if not link.startswith("#")] == ["data:,"]
    assert "http" not in text


def test_hostile_texts_keep_the_syntax_of_every_form() -> None:
    ET.fromstring(junit_xml(HOSTILE))  # noqa: S314 - our own
    assert json.loads(json.dumps(verification_json(HOSTILE)))["checks"][0]["message"] == NASTY
    assert all(line.isprintable() for line in problems(HOSTILE))


def _shown(*things: object) -> str:
    console = Console(width=140, file=io.StringIO())
    with console.capture() as captured:
        for thing in things:
            console.print(thing)
    return captured.get()


def test_the_terminal_shows_counts_bars_and_reasons() -> None:
    text = _shown(node_table(FOUND), budget_table(FOUND.nodes))
    assert re.search(r"^a\s+1 FAILED\s+1 FAILED", text, re.M)
    assert re.search(r"memory\s+200.0 MiB\s+100.0 MiB\s+█{20} 200%\s+▁█", text)
    assert re.search(r"not measured\s+100.0 MiB\s+no route", text)
    assert "250m" not in text
    assert "250m" in _shown(budget_table(FOUND.nodes, everything=True))
    lines = list(problems(FOUND))
    assert "failed: a: file /etc/y: mode 0644" in lines
    assert "    line 2" in lines
    assert summary(FOUND) == "2 of 6 checks passed, 2 failed, 1 not measured, 1 skipped"


def test_what_is_the_same_on_several_nodes_is_said_once() -> None:
    one = CheckResult("a", "dns", "", Outcome.NOT_MEASURED, "no image", detail="x", hint="build")
    other = replace(one, node="c", message="no answer")
    lines = problems(replace(FOUND, results=(one, other, replace(one, node="b"))))
    assert list(lines) == [
        *("not measured: a, b: dns: no image", "    x", "    next: build"),
        *("not measured: c: dns: no answer", "    x", "    next: build"),
    ]


def test_consequences_are_counted_under_their_cause() -> None:
    stopped = CheckResult("a", "service", "", Outcome.FAILED, "its service is inactive")
    images = [
        CheckResult("a", "image", f"i{n}", Outcome.NOT_MEASURED, "no runtime", because="a service")
        for n in range(9)
    ]
    ready = CheckResult("a", "node_ready", "", Outcome.FAILED, "not Ready", because="a service")
    lines = list(problems(replace(FOUND, results=(stopped, *images, ready))))
    assert lines == [
        "failed: a: service: its service is inactive",
        "    10 checks follow from this: image, node_ready",
    ]


def test_one_problem_of_many_files_is_one_line() -> None:
    missing = [
        CheckResult(node, "file", f"/f{n}", Outcome.FAILED, "missing")
        for n in range(5)
        for node in ("a", "b")
    ]
    assert list(problems(replace(FOUND, results=tuple(missing)))) == [
        "failed: a, b: file /f0, /f1, /f2 and 2 more: missing"
    ]


def test_nothing_is_cut_or_wrapped_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    name, message = "node-" + "x" * 60, "word " * 60
    long = CheckResult(name, "file", "/" + "y" * 90, Outcome.FAILED, message.strip())
    node = replace(FOUND.nodes[0], name=name)
    render(replace(FOUND, results=(long,), nodes=(node,)), "text")
    out = capsys.readouterr().out
    assert "…" not in out
    assert f"failed: {name}: file {long.subject}: {long.message}\n" in out
    assert len([line for line in out.splitlines() if line.startswith(name)]) == 1


def test_no_color_means_no_colour(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """https://no-color.org; terminals get it otherwise."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    render(FOUND, "text")
    assert re.search(r"\x1b\[(?:\d+;)*3\d", capsys.readouterr().out)
    monkeypatch.setenv("NO_COLOR", "1")
    render(FOUND, "text")
    assert not re.search(r"\x1b\[(?:\d+;)*[349]\d", capsys.readouterr().out)


def test_bars_and_sparks() -> None:
    assert bar(1, 2) == "█" * 10 + "░" * 10 + " 50%"
    assert bar(1, None) == ""
    assert spark(((0, 5), (1, 5))) == "▁▁"
    assert spark(((0, 0), (1, 7))) == "▁█"
    assert spark(((0, 0),)) == ""


def test_a_difference_names_what_turned_and_what_moved() -> None:
    results = (
        replace(FOUND.results[0], outcome=Outcome.FAILED, message="gone"),
        replace(FOUND.results[1], outcome=Outcome.PASSED, message=""),
        *FOUND.results[2:5],
    )
    memory = replace(FOUND.nodes[0].figures[0], used=300 * MIB)
    cpu = replace(FOUND.nodes[0].figures[1], used=255)
    nodes = (replace(FOUND.nodes[0], figures=(memory, cpu)), FOUND.nodes[1])
    after = replace(FOUND, k3s="v1.37.0+k3s1", results=results, nodes=nodes)
    found = difference(FOUND, after)
    assert list(difference_lines(found)) == [
        "K3s: v1.36.2+k3s1 -> v1.37.0+k3s1",
        "a: file /etc/x: passed -> failed: gone",
        "a: file /etc/y: failed -> passed",
        "b: mine: skipped -> not run",
        "a: memory: 200.0 MiB -> 300.0 MiB (+50%)",
    ]
    assert found.exit_code == 1
    assert difference_json(found)["figures"][0]["after"] == 300 * MIB


def test_a_run_does_not_differ_from_itself() -> None:
    found = difference(FOUND, FOUND)
    assert found.exit_code == 0
    (line,) = difference_lines(found)
    assert line.startswith("No difference")


def test_every_figure_has_words_for_people() -> None:
    assert all(figure.what and figure.counts for figure in ALL_FIGURES.values())


def test_the_text_says_what_it_rests_on_and_what_was_not_run() -> None:
    memory = replace(FOUND.nodes[0].figures[0], note="cannot be exceeded: the host has less")
    nodes = tuple(
        replace(FOUND.nodes[0], name=name, figures=(memory,), budget="k3s-profile")
        for name in ("a", "c")
    )
    left_out = (("ingress", "--no-pods"), ("storage", "--no-pods"), ("chart", "none"))
    found = replace(FOUND, nodes=nodes, bundle="edge.tar", signer="AB", not_run=left_out)
    assert list(remarks(found)) == [
        "bundle: edge.tar, signed by AB",
        "budget: k3s-profile",
        "  a, c: memory limit 100.0 MiB cannot be exceeded: the host has less",
        "not run: ingress, storage: --no-pods",
        "not run: chart: none",
    ]
