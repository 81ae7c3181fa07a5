"""The picture of a report in the README: ``python -m tests.support.screenshot FILE.webp``.

The report is made by edgeboot's own code, from hosts that are data: one of four is over its budget.
"""

from __future__ import annotations

import base64
import sys
import tempfile
from pathlib import Path

from edgeboot.report.verification.html.page import verification_html
from tests.support.browser import browser
from tests.support.verify_hosts import MIB, sampling, site, verified

_SIZE = (1200, 1140)
_PROBLEMS_ONLY = "document.querySelector('input[type=checkbox]').click()"


def report() -> str:
    made = site("agent-1", "agent-2", "agent-3")
    for number, host in enumerate(made.hosts.values()):
        host.state.sample = sampling(60, memory=(96 + 9 * number) * MIB)
    made.hosts["agent-2"].state.sample = sampling(60, memory=183 * MIB)
    return verification_html(verified(made))


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        page_file = Path(work) / "report.html"
        page_file.write_text(report(), encoding="utf-8")
        with browser(Path(work)) as page:
            page.size(*_SIZE)
            page.scheme("light")
            page.open(page_file)
            page.value(_PROBLEMS_ONLY)
            taken = page.ask("Page.captureScreenshot", format="webp", quality=80)
    Path(sys.argv[1]).write_bytes(base64.b64decode(taken["data"]))


if __name__ == "__main__":
    main()
