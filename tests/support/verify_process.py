"""Verifies healthy hosts that are data, in a process of its own, and prints how checks ended.

For what may take part in a process: variables, installed packages, files of the current directory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from edgeboot.verify.selection import CheckSelection
from tests.support.verify_hosts import outcomes, site, verified


def main() -> None:
    """The user's own tests are the arguments."""
    tests = tuple(map(Path, sys.argv[1:]))
    found = verified(site(), CheckSelection(tests=tests))
    json.dump({"exit_code": found.exit_code, "outcomes": outcomes(found)}, sys.stdout)


if __name__ == "__main__":
    main()
