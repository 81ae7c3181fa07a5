"""Every form of a small verification, byte by byte: what other programs read must not change."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from edgeboot.report.verification.difference import difference, difference_json, difference_lines
from edgeboot.report.verification.document import verification_json
from edgeboot.report.verification.junit import junit_xml
from edgeboot.report.verification.prometheus import prometheus_text
from edgeboot.report.verification.text import bar, budget_table, node_table, problems, spark
from edgeboot.verify.measure.usage import Spread
from edgeboot.verify.results import (
    Category,
    CheckResult,
    Measured,
    NodeReport,
    Outcome,
    Verification,
)

SMALL = Verification(
    cluster='a"b\\c\nd',
    when="2027-01-15T08:00:00+00:00",
    k3s="v1",
    results=(
        CheckResult("n", "file", "/x", Outcome.PASSED),
        CheckResult("n", "file", "/y", Outcome.FAILED, "gone", hint="look", detail="l1\nl2"),
        CheckResult("m", "api", "", Outcome.NOT_MEASURED, "no route", Category.HEALTH),
        CheckResult("m", "own", "", Outcome.SKIPPED, "later", Category.OWN),
    ),
    nodes=(
        NodeReport(
            "n",
            "server",
            (
                Measured(
                    *("memory", 5, 4, False, ""), Spread(1, 2, 3, 5), series=((0.0, 1), (1.0, 5))
                ),
                Measured("cpu", 1500, None, None),
                Measured("load", 250, None, None),
                Measured("io-pressure", 150, 10_000, True),
                Measured("startup", None, 3000, None, "unknown"),
                Measured("writes", 7, None, None),
                Measured("files", 9, None, None),
            ),
            seconds=2.5,
            method="processes",
            disk=(("/d", 8),),
        ),
    ),
)

PROMETHEUS = r"""
# HELP edgeboot_verify_time_seconds Time of the verification.
# TYPE edgeboot_verify_time_seconds gauge
edgeboot_verify_time_seconds{cluster="C"} 1800000000
# HELP edgeboot_verify_checks Checks by outcome.
# TYPE edgeboot_verify_checks gauge
edgeboot_verify_checks{cluster="C",node="n",outcome="passed"} 1
edgeboot_verify_checks{cluster="C",node="n",outcome="failed"} 1
edgeboot_verify_checks{cluster="C",node="n",outcome="not measured"} 0
edgeboot_verify_checks{cluster="C",node="n",outcome="skipped"} 0
edgeboot_verify_checks{cluster="C",node="m",outcome="passed"} 0
edgeboot_verify_checks{cluster="C",node="m",outcome="failed"} 0
edgeboot_verify_checks{cluster="C",node="m",outcome="not measured"} 1
edgeboot_verify_checks{cluster="C",node="m",outcome="skipped"} 1
# HELP edgeboot_verify_memory_bytes Memory K3s and containerd cannot give back.
# TYPE edgeboot_verify_memory_bytes gauge
edgeboot_verify_memory_bytes{cluster="C",node="n"} 5
# HELP edgeboot_verify_memory_bytes_limit Budget: memory K3s and containerd cannot give back.
# TYPE edgeboot_verify_memory_bytes_limit gauge
edgeboot_verify_memory_bytes_limit{cluster="C",node="n"} 4
# HELP edgeboot_verify_cpu_cores Processor time of K3s and containerd.
# TYPE edgeboot_verify_cpu_cores gauge
edgeboot_verify_cpu_cores{cluster="C",node="n"} 1.5
# HELP edgeboot_verify_load_load The host's load average over a minute.
# TYPE edgeboot_verify_load_load gauge
edgeboot_verify_load_load{cluster="C",node="n"} 0.25
# HELP edgeboot_verify_io_pressure_ratio Time in which something waited for a disk.
# TYPE edgeboot_verify_io_pressure_ratio gauge
edgeboot_verify_io_pressure_ratio{cluster="C",node="n"} 0.015
# HELP edgeboot_verify_io_pressure_ratio_limit Budget: time in which something waited for a disk.
# TYPE edgeboot_verify_io_pressure_ratio_limit gauge
edgeboot_verify_io_pressure_ratio_limit{cluster="C",node="n"} 1.0
# HELP edgeboot_verify_files_count Open file descriptors of K3s and containerd.
# TYPE edgeboot_verify_files_count gauge
edgeboot_verify_files_count{cluster="C",node="n"} 9
# HELP edgeboot_verify_writes_bytes_per_second Written to the device that K3s's data is on.
# TYPE edgeboot_verify_writes_bytes_per_second gauge
edgeboot_verify_writes_bytes_per_second{cluster="C",node="n"} 7
# HELP edgeboot_verify_startup_seconds_limit Budget: from the start of K3s until it was ready.
# TYPE edgeboot_verify_startup_seconds_limit gauge
edgeboot_verify_startup_seconds_limit{cluster="C",node="n"} 3.0
""".lstrip().replace('cluster="C"', r'cluster="a\"b\\c\nd"')

JUNIT = """\
<?xml version='1.0' encoding='us-ascii'?>
<testsuites name="edgeboot verify edge" tests="4" failures="1" errors="1" skipped="1">
  <testsuite name="n" timestamp="2027-01-15T08:00:00+00:00" tests="2" failures="1" errors="0" skipped="0">
    <testcase name="file /x" classname="config.n" />
    <testcase name="file /y" classname="config.n">
      <failure message="gone">next: look
l1
l2</failure>
    </testcase>
  </testsuite>
  <testsuite name="m" timestamp="2027-01-15T08:00:00+00:00" tests="2" failures="0" errors="1" skipped="1">
    <testcase name="api" classname="health.m">
      <error message="no route" />
    </testcase>
    <testcase name="own" classname="own.m">
      <skipped message="later" />
    </testcase>
  </testsuite>
</testsuites>
"""  # noqa: E501 - as it is written


def test_prometheus() -> None:
    assert prometheus_text(SMALL) == PROMETHEUS


def test_junit() -> None:
    text = junit_xml(replace(SMALL, cluster="edge"))
    assert text.splitlines()[0].startswith("<?xml version='1.0' encoding=")
    assert text.splitlines()[1:] == JUNIT.splitlines()[1:]
    assert "\N{REPLACEMENT CHARACTER}[0m" in junit_xml(replace(SMALL, cluster="\x1b[0m"))


def test_json() -> None:
    def figure(used: int | None, limit: int | None, fits: bool | None, unit: str) -> object:
        return {"used": used, "limit": limit, "fits": fits, "unit": unit, "series": []}

    memory = {"used": 5, "limit": 4, "fits": False, "unit": "bytes"}
    memory |= {"min": 1, "median": 2, "p95": 3, "max": 5, "series": [[0.0, 1], [1.0, 5]]}
    startup = {"used": None, "limit": 3000, "fits": None, "unit": "milliseconds"}
    whole = verification_json(SMALL)
    checks = whole.pop("checks")
    assert whole == {
        "format": 1,
        "cluster": SMALL.cluster,
        "when": SMALL.when,
        "k3s": "v1",
        "bundle": "",
        "signer": "",
        "not_run": {},
        "exit_code": 1,
        "counts": {"passed": 1, "failed": 1, "not measured": 1, "skipped": 1},
        "nodes": {
            "n": {
                "role": "server",
                "address": "",
                "budget": "",
                "window_seconds": 2.5,
                "method": "processes",
                "figures": {
                    "memory": memory,
                    "cpu": figure(1500, None, None, "millicores"),
                    "load": figure(250, None, None, "thousandths"),
                    "io-pressure": figure(150, 10_000, True, "hundredths of a per cent"),
                    "startup": {**startup, "why": "unknown", "series": []},
                    "writes": figure(7, None, None, "bytes a second"),
                    "files": figure(9, None, None, "count"),
                },
                "disk": {"/d": 8},
            }
        },
    }
    assert checks[1] == {
        "node": "n",
        "check": "file",
        "subject": "/y",
        "outcome": "failed",
        "message": "gone",
        "category": "config",
        "detail": "l1\nl2",
        "hint": "look",
        "because": "",
    }
    assert [c["category"] for c in checks] == ["config", "config", "health", "own"]
    # Plain strings: a StrEnum would be written alike, but not read alike by YAML.
    assert {type(c[key]) for c in checks for key in ("category", "outcome")} == {str}


def coloured(*things: object) -> set[tuple[str, str]]:
    """Texts with the codes of their colours."""
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, color_system="standard")
    for thing in things:
        console.print(thing)
    found = re.findall(r"\x1b\[([\d;]+)m([^\x1b]*)\x1b\[0m", out.getvalue())
    return {(text.strip(), code) for code, text in found if text.strip()}


HEADING, RED, GREEN, YELLOW, DIM = "1", "1;31", "32", "33", "2"


def test_a_failed_budget_is_red_on_the_terminal_and_a_passed_one_green(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = coloured(budget_table(SMALL.nodes, everything=True))
    assert {one for one in shown if one[1] != HEADING} == {
        ("5 B", RED),
        ("█" * 20 + " 125%", RED),
        ("1.50 %", GREEN),
        ("░" * 20 + " 2%", GREEN),
        ("not measured", YELLOW),
        ("unknown", DIM),
    }


def test_nodes_have_their_colours_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    alone = CheckResult("o", "service", "", Outcome.PASSED)
    found = replace(SMALL, results=(*SMALL.results, alone))
    assert {one for one in coloured(node_table(found)) if one[1] != HEADING} == {
        ("1 FAILED", RED),
        ("1 not measured", YELLOW),
        ("1 skipped", DIM),
        ("1 ok", GREEN),
        ("5 B (125%)", RED),
        ("1.50 % (2%)", GREEN),
        ("?", YELLOW),
    }


def plain(*things: object) -> list[list[str]]:
    out = io.StringIO()
    console = Console(file=out, width=120, no_color=True)
    for thing in things:
        console.print(thing)
    return [line.split() for line in out.getvalue().splitlines()]


def test_a_node_is_one_line() -> None:
    results = [CheckResult(f"n{n}", "service", "", Outcome.PASSED) for n in range(20)]
    results += [CheckResult("n6", "kernel", "", Outcome.FAILED)]
    rows = plain(node_table(replace(SMALL, results=tuple(results), nodes=())))
    assert len(rows) == 21
    assert rows[0] == ["node", "config"]
    assert rows[6] == ["n5", "1", "ok"]
    assert rows[7] == ["n6", "1", "FAILED"]


def test_headings_and_minimums_of_the_budget_table() -> None:
    figures = (
        Measured("disk-free", 2, 4, False),
        Measured("memory-available", 2, None, None),
        Measured("files", 2, 4, True),
    )
    rows = plain(budget_table((NodeReport("n", "agent", figures),), everything=True))
    assert " ".join(rows[0]) == "node figure used limit of the limit over the window"
    assert rows[1][:7] == ["n", "disk-free", "2", "B", "≥", "4", "B"]
    assert rows[2] == ["memory-available", "2", "B"]
    assert rows[3][:3] == ["files", "2", "4"]


def test_numbers_are_right_aligned() -> None:
    out = io.StringIO()
    figures = (Measured("files", 1, 10_000, True), Measured("writes", 1 << 30, 2, False))
    console = Console(file=out, width=120, no_color=True)
    console.print(budget_table((NodeReport("n", "agent", figures),)))
    head, first, second = out.getvalue().splitlines()
    assert second.index("B/s") + len("B/s") == head.index("used") + len("used")
    assert first[: head.index("used") + len("used")].endswith(" 1")
    assert first.index("10000") + 5 == head.index("limit") + len("limit")


def test_problems_have_hints_only_where_there_are_some() -> None:
    assert list(problems(SMALL)) == [
        "failed: n: file /y: gone",
        "    l1",
        "    l2",
        "    next: look",
        "not measured: m: api: no route",
        "skipped: m: own: later",
    ]
    hostile = replace(SMALL.results[1], detail="a\x1b[2Jb")
    assert list(problems(replace(SMALL, results=(hostile,))))[1] == "    a\ufffd[2Jb"


def test_bars_and_sparks_use_their_whole_width() -> None:
    assert bar(0, 4) == "░" * 20 + " 0%"
    assert bar(4, 4) == "█" * 20 + " 100%"
    assert bar(9, 4) == "█" * 20 + " 225%"
    assert spark([(n, n) for n in range(30)])[0] == "▁"
    assert len(spark([(n, n) for n in range(30)])) == 24
    assert spark([(n, n % 8) for n in range(8)]) == "▁▂▃▄▅▆▇█"
    assert spark([(0, 3), (1, 3)]) == "▁▁"


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (Outcome.PASSED, Outcome.FAILED, 1),
        (Outcome.NOT_MEASURED, Outcome.FAILED, 1),
        (None, Outcome.FAILED, 1),
        (Outcome.FAILED, Outcome.FAILED, 0),
        (Outcome.PASSED, Outcome.NOT_MEASURED, 6),
        (Outcome.PASSED, None, 6),
        (Outcome.FAILED, Outcome.NOT_MEASURED, 0),
        (Outcome.FAILED, None, 0),
        (Outcome.FAILED, Outcome.PASSED, 0),
        (Outcome.PASSED, Outcome.SKIPPED, 0),
        (None, Outcome.PASSED, 0),
    ],
)
def test_a_difference_is_a_failure_where_something_got_worse(
    before: Outcome | None, after: Outcome | None, code: int
) -> None:
    def run(outcome: Outcome | None) -> Verification:
        other = CheckResult("n", "other", "", Outcome.PASSED)
        one = () if outcome is None else (CheckResult("n", "file", "/x", outcome),)
        return replace(SMALL, results=(other, *one))

    assert difference(run(before), run(after)).exit_code == code


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [(100, 105, 0), (100, 106, 1), (100, 95, 0), (100, 94, 1), (0, 1, 1), (0, 0, 0)],
)
def test_figures_differ_by_more_than_five_per_cent(before: int, after: int, moved: int) -> None:
    def run(used: int) -> Verification:
        return replace(
            SMALL, nodes=(NodeReport("n", "server", (Measured("cpu", used, None, None),)),)
        )

    assert len(difference(run(before), run(after)).figures) == moved


def test_a_figure_that_one_run_did_not_measure_has_not_changed() -> None:
    def run(used: int | None) -> Verification:
        return replace(
            SMALL, nodes=(NodeReport("n", "server", (Measured("cpu", used, None, None),)),)
        )

    assert difference(run(None), run(5)).figures == ()
    assert difference(run(5), run(None)).figures == ()
    assert difference(replace(SMALL, nodes=()), run(5)).figures == ()


def test_a_difference_for_programs() -> None:
    file, api = SMALL.results[0], SMALL.results[2]
    before = replace(SMALL, results=(file, api))
    figures = (Measured("cpu", 1500, None, None), Measured("files", 0, None, None))
    before = replace(before, nodes=(NodeReport("n", "server", figures),))
    figures = (Measured("cpu", 3000, None, None), Measured("files", 9, None, None))
    after = Verification(
        *("edge", SMALL.when, "v2", (replace(file, outcome=Outcome.FAILED, message="gone"),)),
        nodes=(NodeReport("n", "server", figures),),
    )
    found = difference(before, after)
    one = {"node": "n", "check": "file", "subject": "/x"}
    gone = {"node": "m", "check": "api", "subject": ""}
    assert difference_json(found) == {
        "k3s": ["v1", "v2"],
        "exit_code": 1,
        "checks": [
            {**one, "before": "passed", "after": "failed", "worse": True},
            {**gone, "before": "not measured", "after": None, "worse": False},
        ],
        "figures": [
            {"node": "n", "what": "cpu", "before": 1500, "after": 3000},
            {"node": "n", "what": "files", "before": 0, "after": 9},
        ],
    }
    assert list(difference_lines(found)) == [
        "K3s: v1 -> v2",
        "n: file /x: passed -> failed: gone",
        "m: api: not measured -> not run",
        "n: cpu: 1500m -> 3000m (+100%)",
        "n: files: 0 -> 9 (new)",
    ]
    back = difference(after, before)
    assert difference_json(back)["checks"][1]["before"] is None
    assert list(difference_lines(difference(before, replace(before, k3s="v2")))) == [
        "K3s: v1 -> v2"
    ]
    same = list(difference_lines(difference(before, replace(before, nodes=()))))
    assert same == ["No difference: same outcomes, and no figure changed by more than 5 %."]
