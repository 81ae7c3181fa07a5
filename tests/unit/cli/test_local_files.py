"""What the controller's own disk refuses is an expected error in every command, never a bug."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from edgeboot.cli.cluster.install import _finish
from edgeboot.cli.main import main
from edgeboot.errors import StepFailed
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.install.run import Installed
from edgeboot.lifecycle.kubeconfig import fetch, merging
from edgeboot.plan.plan import Plan
from edgeboot.transport.ssh.host_keys import known_hosts
from tests.support.kubeconfigs import K3S

INVENTORY = """\
cluster: {name: edge}
nodes:
  - {name: server-1, address: 127.0.0.1, role: server, ssh: {port: 1}}
"""


@pytest.fixture
def edgeboot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """Runs the whole command, with what its ``main`` makes of errors."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["edgeboot", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, capsys.readouterr().err

    yield run
    signal.signal(signal.SIGTERM, before)


# ``file`` is a file; what should be written or read below it cannot be, by root neither.
@pytest.mark.parametrize(
    "words",
    [
        ("bundle", "build", "-f", "file/bundle.yml", "--out", "x.tar"),
        ("bundle", "build", "-f", "bundle.yml", "--out", "file/x.tar"),
        ("bundle", "lock", "-f", "file/bundle.yml"),
        ("bundle", "init", "--out", "file/bundle.yml"),
        ("bundle", "inspect", "file/x.tar"),
        ("bundle", "keygen", "--no-passphrase", "file/site"),
        ("bundle", "sign", "file/x.tar", "--key", "file/site.key"),
        ("bundle", "sbom", "file/x.tar"),
        ("bundle", "split", "file/x.tar", "--size", "1M"),
        ("bundle", "join", "file/x.json", "--out", "file/x.tar"),
        ("inventory", "check", "-i", "file/inventory.yml"),
        ("inventory", "import", "file/hosts.yml", "--out", "x.yml"),
        ("inventory", "import", "~no-such-user/x", "--out", "x.yml"),
        ("inventory", "import", "k3s.yml", "--out", "file/x.yml"),
        ("inventory", "init", "--yes", "127.0.0.1:1", "--out", "file/x.yml"),
        ("verify", "-i", "inventory.yml", "--report", "file/x.html"),
        ("verify", "-i", "inventory.yml", "--record", "file/x.yml"),
        ("verify", "-i", "inventory.yml", "--tests", "file/tests"),
        ("verify", "-i", "inventory.yml", "--budget", "file/budget.yml"),
        ("report", "diff", "file/a.json", "file/b.json"),
        ("install", "-i", "inventory.yml", "--yes", "--kubeconfig", "file/x"),
        ("install", "-i", "inventory.yml", "--yes", "--bundle", "file/x.tar"),
        ("plan", "-i", "inventory.yml", "--bundle", "file/x.tar"),
        ("preflight", "-i", "inventory.yml", "--bundle", "file/x.tar"),
        ("kubeconfig", "-i", "inventory.yml", "--out", "file/x"),
        ("lab", "list"),
    ],
    ids=" ".join,
)
def test_a_file_in_the_way_is_never_a_bug(
    tmp_path: Path, edgeboot: Callable[..., tuple[int, str]], words: Sequence[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    (tmp_path / "bundle.yml").write_text("k3s: v1.33.0+k3s1\narch: [amd64]\n")
    (tmp_path / "k3s.yml").write_text(
        "k3s_cluster:\n  children:\n    server: {hosts: {192.0.2.11: {}}}\n"
    )
    code, said = edgeboot(*words)
    assert code in {2, 3, 4, 5} or words == ("lab", "list"), said
    assert "bug" not in said
    assert "Traceback" not in said
    assert "Usage" not in said


def test_output_to_a_full_disk_is_never_a_bug(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "edgeboot", "inventory", "check", "-i", "inventory.yml"],
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 4, done.stderr
    assert "cannot write the output: No space left on device [local-disk]" in done.stderr
    assert "Exception ignored" not in done.stderr


def test_an_install_whose_kubeconfig_cannot_be_written_is_an_install_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    node = Node("server-1", "192.0.2.11", Role.SERVER)
    cluster = Cluster("edge", (node,), where="/etc/my sites/edge.yml:3")
    done = Installed(Plan(()), True, K3S)
    for output, said in (("text", "every node is Ready"), ("jsonl", '"kubeconfig": null')):
        with pytest.raises(StepFailed) as caught:
            _finish(cluster, done, tmp_path / "file" / "kubeconfig", output, 1)
        assert said in capsys.readouterr().out
        assert caught.value.what.startswith("the cluster is installed, but its kubeconfig was not")
        assert str(tmp_path / "file") in caught.value.what
        assert "edgeboot kubeconfig -i '/etc/my sites/edge.yml' --out" in (caught.value.hint or "")
        assert caught.value.error_id == "local-disk"


def test_kubeconfigs_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StepFailed, match="cannot write"):
        fetch.save(K3S.value, tmp_path / "file" / "x")
    with pytest.raises(StepFailed, match="cannot write"):
        merging.merge_into(tmp_path / "file" / "x", K3S.value, use=False, force=False)
    with pytest.raises(StepFailed, match="cannot write"):
        merging.merge_into(Path("/proc/kubeconfig"), K3S.value, use=False, force=False)
    with pytest.raises(Exception, match="symbolic links") as caught:
        merging.merge_into(tmp_path / "loop", K3S.value, use=False, force=False)
    assert caught.type.__name__ == "BadInput"


def test_host_keys_that_cannot_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "edgeboot" / "known_hosts"
    assert known_hosts.read([path]) == ()
    with pytest.raises(StepFailed, match="cannot write"), known_hosts.locked(path):
        pass
    with pytest.raises(StepFailed, match="cannot write"):
        known_hosts.add(Path("/proc/known_hosts"), "host", "ssh-ed25519", b"key")
