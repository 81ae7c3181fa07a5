"""kubectl itself as the referee of merged kubeconfigs."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgeboot.lifecycle.kubeconfig import merging
from tests.support.kubeconfigs import OTHERS, OURS, without_ours


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
def test_kubectl_reads_the_same_before_and_after(tmp_path: Path) -> None:
    def view(path: Path) -> Any:
        argv = ["kubectl", "config", "view", "--raw", "-o", "json", "--kubeconfig", str(path)]
        return json.loads(subprocess.run(argv, check=True, capture_output=True, timeout=60).stdout)

    existing = OTHERS.replace(b"1e3", b'"1e3"').replace(b"namespace: on", b'namespace: "on"')
    path = tmp_path / "config"
    path.write_bytes(existing)
    before = view(path)
    merging.merge_into(path, OURS, use=False, force=False)
    after = view(path)
    assert without_ours(after) == before
    assert "edge" in [entry["name"] for entry in after["clusters"]]
