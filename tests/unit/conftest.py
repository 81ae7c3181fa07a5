"""Random input is the same in every run where CI is set, and no example is held to a deadline."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("edgeboot", deadline=None, max_examples=100)
settings.register_profile("ci", settings.get_profile("edgeboot"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "edgeboot")
