"""A verification as JUnit XML, for CI systems.

A failed check is a ``failure``, one that could not be measured an ``error``.
Source: the schema of Jenkins' xUnit plugin, which the others follow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from edgeboot.printable import printable
from edgeboot.verify.results import CheckResult, Outcome, Verification

_TAGS = {
    Outcome.FAILED: "failure",
    Outcome.NOT_MEASURED: "error",
    Outcome.SKIPPED: "skipped",
}
# Characters that XML 1.0 forbids, even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(found: Verification) -> str:
    """One ``testsuite`` a node."""
    by_node: dict[str, list[CheckResult]] = {}
    for result in found.results:
        by_node.setdefault(result.node, []).append(result)
    name = _clean(f"edgeboot verify {found.cluster}")
    root = ET.Element("testsuites", {"name": name, **_counts(found.results)})
    for node, results in by_node.items():
        attributes = {"name": _clean(node), "timestamp": found.when, **_counts(results)}
        suite = ET.SubElement(root, "testsuite", attributes)
        for result in results:
            _case(suite, result)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ET.Element, result: CheckResult) -> None:
    name = " ".join(filter(None, (result.check, result.subject)))
    case = ET.SubElement(
        suite, "testcase", name=_clean(name), classname=_clean(f"{result.category}.{result.node}")
    )
    tag = _TAGS.get(result.outcome)
    if tag:
        child = ET.SubElement(case, tag, message=_clean(result.message))
        hint = f"next: {result.hint}\n" if result.hint else ""
        child.text = _clean(hint + result.detail)


def _counts(results: Sequence[CheckResult]) -> dict[str, str]:
    numbers = {"tests": len(results)} | {
        f"{tag}s" if tag != "skipped" else tag: sum(r.outcome is outcome for r in results)
        for outcome, tag in _TAGS.items()
    }
    return {name: str(number) for name, number in numbers.items()}


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", printable(text))
