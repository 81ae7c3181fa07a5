"""Changes through the API: made again where etcd has no leader for a moment, and only there."""

from __future__ import annotations

import pytest

from tests.integration.shell.snippets import Host

CHANGES = {
    "forget": ("pi-1", "pi-2"),
    "forget-node-password": ("pi-1",),
    "mark-node": ("pi-1", "unlabel:line", "taint:a=b:NoSchedule", "untaint:c:NoExecute"),
}
_FAILS = """
n=$(cat {root}/count 2>/dev/null || echo 0)
echo $((n + 1)) >{root}/count
if [ "$n" -lt {times} ]; then echo 'Error from server: {words}' >&2; exit 1; fi
echo "node/pi-1 changed"
"""


def run(host: Host, name: str, times: int, words: str) -> tuple[int, str]:
    """The snippet with a K3s that fails so often, with these words, and then does it."""
    host.program("k3s", _FAILS.format(root=host.root, times=times, words=words))
    host.program("sleep")
    k3s = str(host.programs / "k3s")
    done = host.run(name, *CHANGES[name], **{"/usr/local/bin/k3s": k3s})
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("words", ["etcdserver: no leader", "etcdserver: leader changed"])
def test_a_change_is_made_again_when_there_is_no_leader(host: Host, name: str, words: str) -> None:
    assert run(host, name, 3, words) == (0, "")
    assert host.said().count("sleep 2") == 3


@pytest.mark.parametrize("name", CHANGES)
def test_any_other_failure_is_told_at_once(host: Host, name: str) -> None:
    code, said = run(host, name, 9, "nodes is forbidden")
    assert code == 1
    assert "nodes is forbidden" in said
    assert "sleep 2" not in host.said()


def test_a_taint_that_is_off_already_is_no_error(host: Host) -> None:
    host.program("k3s", 'case $* in *taint*) echo "taint not found" >&2; exit 1;; esac; echo there')
    k3s = str(host.programs / "k3s")
    words = ("pi-1", "untaint:c:NoExecute")
    assert host.run("mark-node", *words, **{"/usr/local/bin/k3s": k3s}).returncode == 0
