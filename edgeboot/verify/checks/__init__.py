"""The checks: ordinary pytest functions over what was read of nodes and cluster."""

from pathlib import Path

CHECKS = Path(__file__).parent
