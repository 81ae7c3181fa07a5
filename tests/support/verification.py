"""A verification with one of every outcome."""

from __future__ import annotations

from edgeboot.verify.measure.usage import Spread
from edgeboot.verify.results import (
    Category,
    CheckResult,
    Measured,
    NodeReport,
    Outcome,
    Verification,
)

MIB = 1 << 20
FOUND = Verification(
    cluster="edge",
    when="2027-01-15T08:00:00+01:00",
    k3s="v1.36.2+k3s1",
    results=(
        CheckResult("a", "file", "/etc/x", Outcome.PASSED),
        CheckResult("a", "file", "/etc/y", Outcome.FAILED, "mode 0644", detail="line 1\nline 2"),
        CheckResult("b", "file", "/etc/x", Outcome.NOT_MEASURED, "no route"),
        CheckResult("cluster", "api", "", Outcome.PASSED, category=Category.HEALTH),
        CheckResult("a", "budget", "memory", Outcome.FAILED, "too much", Category.BUDGET),
        CheckResult("b", "mine", "", Outcome.SKIPPED, "not here", Category.OWN),
    ),
    nodes=(
        NodeReport(
            "a",
            "server",
            (
                Measured(
                    "memory",
                    200 * MIB,
                    100 * MIB,
                    False,
                    spread=Spread(1, 2, 3, 4),
                    series=((0.0, 1), (1.0, 4)),
                ),
                Measured("cpu", 250, None, None),
                Measured("io-pressure", 150, 500, True),
                Measured("startup", 1500, 3000, True),
            ),
            2.0,
            disk=(("/var/lib/rancher", 5 * MIB),),
        ),
        NodeReport("b", "agent", (Measured("memory", None, 100 * MIB, None, "no route"),)),
    ),
)
