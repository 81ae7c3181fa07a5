"""The stand-in's own tests: what it refuses has to be what K3s refuses."""

from __future__ import annotations

import os
import subprocess

from tests.standin.release import SOURCE


def test_the_stand_in_is_what_it_should_be() -> None:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/local/go/bin"}
    for words in (("vet",), ("test",)):
        done = subprocess.run(
            ("go", *words, "./..."),
            cwd=SOURCE,
            env=environment,
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.returncode == 0, done.stdout + done.stderr
