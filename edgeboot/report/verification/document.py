"""A verification as JSON, and back; figures in the units of the values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from edgeboot.answer import MALFORMED
from edgeboot.errors import BadInput
from edgeboot.inventory.budget.values import ALL_FIGURES
from edgeboot.verify.measure.usage import Spread
from edgeboot.verify.results import (
    Category,
    CheckResult,
    Measured,
    NodeReport,
    Outcome,
    Verification,
)

FORMAT = 1


def check_json(result: CheckResult) -> dict[str, Any]:
    """One check."""
    return {**asdict(result), "outcome": result.outcome.value, "category": result.category.value}


def verification_json(found: Verification) -> dict[str, Any]:
    """Everything as one document."""
    return {
        "format": FORMAT,
        "cluster": found.cluster,
        "when": found.when,
        "k3s": found.k3s,
        "bundle": found.bundle,
        "signer": found.signer,
        "exit_code": found.exit_code,
        "counts": {outcome.value: found.count(outcome) for outcome in Outcome},
        "checks": [check_json(result) for result in found.results],
        "not_run": dict(found.not_run),
        "nodes": {node.name: _node(node) for node in found.nodes},
    }


def _node(node: NodeReport) -> dict[str, Any]:
    return {
        "role": node.role,
        "address": node.address,
        "budget": node.budget,
        "window_seconds": node.seconds,
        "method": node.method,
        "figures": {measured.what: _figure(measured) for measured in node.figures},
        "disk": dict(node.disk),
    }


def _figure(measured: Measured) -> dict[str, Any]:
    return {
        "used": measured.used,
        "limit": measured.limit,
        "fits": measured.fits,
        "unit": ALL_FIGURES[measured.what].unit.value,
        **({"why": measured.why} if measured.why else {}),
        **({"note": measured.note} if measured.note else {}),
        **(asdict(measured.spread) if measured.spread else {}),
        "series": [list(point) for point in measured.series],
    }


def read_verification(text: str, where: str) -> Verification:
    """The verification in a JSON report; raises ``BadInput`` for anything else."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise ValueError(f"unknown format {document['format']}")
        return Verification(
            cluster=str(document["cluster"]),
            when=str(document["when"]),
            k3s=str(document["k3s"]),
            results=tuple(map(_read_check, document["checks"])),
            nodes=tuple(_read_node(n, d) for n, d in document["nodes"].items()),
            bundle=str(document.get("bundle", "")),
            signer=str(document.get("signer", "")),
            not_run=tuple((str(n), str(w)) for n, w in document.get("not_run", {}).items()),
        )
    except (*MALFORMED, AttributeError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else error
        raise BadInput(
            f"not a JSON report of `edgeboot verify`: {why}",
            where=where,
            hint="write one: edgeboot verify -i inventory.yml --report FILE.json",
        ) from error


def _read_check(item: Mapping[str, Any]) -> CheckResult:
    return CheckResult(
        node=str(item["node"]),
        # Reports of edgeboot 0.1 had spaces in names.
        check=str(item["check"]).replace(" ", "_"),
        subject=str(item["subject"]),
        outcome=Outcome(item["outcome"]),
        message=str(item["message"]),
        category=Category(item["category"]),
        detail=str(item["detail"]),
        hint=str(item["hint"]),
        because=str(item.get("because", "")),
    )


def _read_node(name: str, item: Mapping[str, Any]) -> NodeReport:
    return NodeReport(
        name=name,
        role=str(item["role"]),
        figures=tuple(_read_figure(what, d) for what, d in item["figures"].items()),
        seconds=float(item["window_seconds"]),
        method=str(item["method"]),
        disk=tuple((str(path), int(size)) for path, size in item["disk"].items()),
        address=str(item.get("address", "")),
        budget=str(item.get("budget", "")),
    )


def _read_figure(what: str, item: Mapping[str, Any]) -> Measured:
    if what not in ALL_FIGURES:
        raise ValueError(f"unknown figure {what}")
    spread = (
        Spread(item["min"], item["median"], item["p95"], item["max"]) if "min" in item else None
    )
    series = tuple((float(at), int(value)) for at, value in item["series"])
    return Measured(
        *(what, item["used"], item["limit"], item["fits"], str(item.get("why", "")), spread),
        series=series,
        note=str(item.get("note", "")),
    )
