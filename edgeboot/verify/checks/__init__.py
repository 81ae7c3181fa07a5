"""The built-in checks: ordinary pytest functions over what was read of hosts and cluster."""

from pathlib import Path

CHECKS = Path(__file__).parent
