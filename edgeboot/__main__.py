"""``python -m edgeboot``."""

from edgeboot.cli.main import main

main()
