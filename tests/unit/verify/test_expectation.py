"""What is expected of nodes, and where the user's tests are."""

from __future__ import annotations

from pathlib import Path

from edgeboot.plan.diff import content_hash
from edgeboot.plan.resources import CreateOnly, Directory, File
from edgeboot.secret import Secret
from edgeboot.verify.catalogue import built_in, catalogue, files_of
from edgeboot.verify.expectation import (
    PROTECTED_SYSCTLS,
    SYSCTLS,
    ClusterExpectation,
    ExpectedFile,
    expected_files,
)
from edgeboot.verify.results import TITLES, Category, Outcome


def test_files_of_a_plan_are_expected_with_their_content_if_it_is_known() -> None:
    file = File("/etc/x", Secret(b"text"), mode=0o600)
    secret = CreateOnly("/etc/token", Secret(b"s"), mode=0o640)
    assert expected_files((file, secret, Directory("/var/lib/x", mode=0o700))) == (
        ExpectedFile("/etc/x", 0o600, content_hash(Secret(b"text"))),
        ExpectedFile("/etc/token", 0o640),
        ExpectedFile("/var/lib/x", 0o700, directory=True),
    )


def test_kernel_settings_are_those_of_k3s_and_the_kubelet() -> None:
    """pkg/agent/syssetup/setup.go; docs: security/hardening-guide."""
    assert SYSCTLS == {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}
    assert PROTECTED_SYSCTLS == {
        "vm/panic_on_oom": "0",
        "vm/overcommit_memory": "1",
        "kernel/panic": "10",
        "kernel/panic_on_oops": "1",
    }


def test_a_cluster_has_the_defaults_of_k3s() -> None:
    cluster = ClusterExpectation("edge")
    assert (cluster.domain, cluster.dns) == ("cluster.local", "10.43.0.10")


def test_words_that_users_and_programs_know() -> None:
    assert [c.value for c in Category] == ["config", "health", "budget", "own"]
    assert [o.value for o in Outcome] == ["passed", "failed", "not measured", "skipped"]
    assert list(TITLES.values()) == ["Configuration", "Health", "Budgets", "Your own tests"]


def test_names_of_checks_are_unique_and_explained() -> None:
    names = [check.name for check in built_in()]
    assert len(names) == len(set(names)) >= 18
    assert all(check.what.endswith(".") for check in built_in())


def test_tests_are_found_as_pytest_finds_them(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name in ("test_a.py", "b_test.py", "below/test_c.py", "helper.py", "test_d.txt"):
        (tmp_path / name).write_text("def test_x():\n    '''First.\n\n    More.'''\n")
    found = files_of(tmp_path)
    assert [str(p.relative_to(tmp_path)) for p in found] == [
        *("b_test.py", "below/test_c.py", "test_a.py")
    ]
    assert files_of(tmp_path / "helper.py") == (tmp_path / "helper.py",)
    assert [c.what for c in catalogue((tmp_path,)) if c.category is Category.OWN] == ["First."] * 3
