"""What is found of K3s on a host, and the steps and losses that follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgeboot.errors import StepFailed
from edgeboot.plan.reset.clear import ResetTarget
from edgeboot.plan.reset.remains import Loss, clearing_steps, losses, parse_remains

FULL = """\
service k3s
volume 2048 /var/lib/rancher/k3s/storage/pvc 1
data 10 /var/lib/rancher/k3s/server/db
processes 1
mount /var/lib/kubelet/pods/with blank
namespace cni-1
link cni0
rules 7
disk /var/lib/rancher/k3s/storage
path 2 /usr/local/bin/k3s
record
end
"""


def test_all_of_it_goes_in_an_order_that_works() -> None:
    steps = clearing_steps(parse_remains(FULL, "n"))
    assert [step.part for step in steps] == list(ResetTarget)
    assert [step.describe() for step in steps] == [
        "stop and disable k3s",
        "kill 1 process of K3s and its pods",
        "unmount /var/lib/kubelet/pods/with blank",
        "remove links and network namespaces cni-1, cni0",
        "remove 7 rules of K3s from iptables",
        "remove /usr/local/bin/k3s (2.0 KiB)",
        "remove edgeboot's own /var/lib/edgeboot",
    ]


def test_a_bare_host_has_nothing_to_go_and_nothing_to_lose() -> None:
    remains = parse_remains("processes 0\nrules 0\nend\n", "n")
    assert clearing_steps(remains) == ()
    assert losses(remains) == ()


def test_a_disk_alone_is_no_reason_to_do_anything() -> None:
    text = "processes 0\nrules 0\ndisk /var/lib/rancher/k3s/storage\nend\n"
    assert clearing_steps(parse_remains(text, "n")) == ()


def test_data_is_named_with_its_size() -> None:
    remains = replace(parse_remains(FULL, "n"), claims=(Loss("persistent volume pvc-1, 2Gi"),))
    assert [loss.describe() for loss in losses(remains)] == [
        "volume /var/lib/rancher/k3s/storage/pvc 1 (2.0 MiB)",
        "persistent volume pvc-1, 2Gi",
        "the cluster's database /var/lib/rancher/k3s/server/db (10.0 KiB)",
        "all files on /var/lib/rancher/k3s/storage, which stays mounted",
    ]


MOVED = "processes 0\nrules 0\nmoved /var/lib/rancher/k3s 3 /mnt/my ssd/k3s\nend\n"


def test_what_is_behind_a_link_alone_is_a_reason_to_go_on() -> None:
    remains = parse_remains(MOVED, "n")
    assert [s.describe() for s in clearing_steps(remains)] == [
        "remove what is in /mnt/my ssd/k3s (3.0 KiB)"
    ]
    assert [loss.describe() for loss in losses(remains)] == [
        "all files in /mnt/my ssd/k3s, where /var/lib/rancher/k3s leads (3.0 KiB)"
    ]


@pytest.mark.parametrize(
    "text", ["", "processes 0\nrules 0\n", "rules 0\nend\n", "processes x\nend\n"]
)
def test_half_a_survey_is_an_error(text: str) -> None:
    with pytest.raises(StepFailed, match="cannot parse the host"):
        parse_remains(text, "server-1")
