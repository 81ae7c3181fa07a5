"""The page: verdict, matrix of checks and nodes, budgets of each node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files

from edgeboot.report.verification.html.figures import node_card
from edgeboot.report.verification.html.matrix import matrix
from edgeboot.report.verification.matrix import rows_of
from edgeboot.report.verification.text import summary
from edgeboot.verify.results import TITLES, Category, Outcome, Verification

_FEW = 8


def verification_html(found: Verification) -> str:
    """The whole document."""
    style = (files(__package__) / "style.css").read_text(encoding="utf-8")
    title = f"{found.cluster}: {_verdict(found)}"
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n"
        + "\n".join(_body(found))
        + "\n</body>\n</html>\n"
    )


def _verdict(found: Verification) -> str:
    failed, unmeasured = found.count(Outcome.FAILED), found.count(Outcome.NOT_MEASURED)
    if failed:
        return f"{failed} {'check' if failed == 1 else 'checks'} failed"
    if unmeasured:
        return f"{unmeasured} could not be measured"
    return "all checks passed"


def _body(found: Verification) -> Iterator[str]:
    categories = rows_of(found)
    measured = [node for node in found.nodes if node.figures]
    yield '<a class="skip" href="#checks">Skip to the checks</a>'
    yield from _header(found)
    yield "<nav aria-label='Contents'>"
    yield from (f'<a href="#{q.value}">{TITLES[q]}</a>' for q in categories)
    worth = _worth_naming(found)
    named = (escape(node.name) for node in measured if node.name in worth)
    yield from (f'<a href="#node-{name}">{name}</a>' for name in named)
    yield "</nav>\n<main id='checks'>"
    yield (
        '<p class="filter"><label><input type="checkbox" id="only"> '
        "Only what is not well</label></p>"
    )
    for category, rows in categories.items():
        yield f'<section class="category" id="{category.value}">'
        yield f"<h2>{TITLES[category]}</h2>"
        yield from matrix(rows)
        if category is Category.BUDGET:
            yield '<p class="note">The figures are under each node below.</p>'
        yield "</section>"
    if measured:
        yield '<h2 class="nodes-title">What each node uses</h2>'
        yield '<div class="nodes">'
        for node in measured:
            yield from node_card(node)
        yield "</div>"
    yield "</main>"
    yield (
        "<footer>Written by <code>edgeboot verify</code>. <b>?</b> means that a check or figure "
        "could not be measured: neither passed nor failed.</footer>"
    )


def _worth_naming(found: Verification) -> frozenset[str]:
    """All nodes of a small fleet, of a large one those with problems."""
    if len(found.nodes) <= _FEW:
        return frozenset(node.name for node in found.nodes)
    return frozenset(r.node for r in found.results if r.outcome is not Outcome.PASSED)


def _header(found: Verification) -> Iterator[str]:
    state = {1: "failed", 6: "unmeasured"}.get(found.exit_code, "passed")
    yield f'<header class="{state}"><div>'
    yield f"<h1>{escape(found.cluster)}</h1>"
    yield f'<p class="verdict">{_verdict(found)}</p>'
    window = max((node.seconds for node in found.nodes), default=0)
    facts = {
        "When": re.sub(r"(?=[+-]\d\d:\d\d$)", " ", found.when.replace("T", " ")),
        "K3s": found.k3s,
        "Nodes": str(len(found.nodes)),
        "Sampled": f"{window:.0f} s" if window else "not",
    }
    yield "</div><dl>"
    yield from (f"<div><dt>{k}</dt><dd>{escape(v)}</dd></div>" for k, v in facts.items())
    yield f"</dl><p class='sum'>{escape(summary(found))}</p>"
    yield from _share(found)
    yield "</header>"


def _share(found: Verification) -> Iterator[str]:
    """How checks ended, as one bar."""
    total = len(found.results) or 1
    yield '<div class="share" aria-hidden="true">'
    for outcome, name in (
        (Outcome.FAILED, "failed"),
        (Outcome.NOT_MEASURED, "unmeasured"),
        (Outcome.PASSED, "passed"),
    ):
        share = found.count(outcome) / total * 100
        if share:
            yield f'<i class="{name}" style="width:{share:.2f}%"></i>'
    yield "</div>"
