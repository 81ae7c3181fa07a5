"""What the snippets print that hosts run, and all that is concluded from it."""

from __future__ import annotations

import base64
import dataclasses
from contextlib import suppress

from edgeboot.checks.base import Subject
from edgeboot.checks.catalogue import findings
from edgeboot.components.cluster.applied_labels import applied_labels_of
from edgeboot.errors import NotMeasured
from edgeboot.inventory.model import Cluster, Node, Role
from edgeboot.lifecycle.install.age import age_objections
from edgeboot.plan import paths
from edgeboot.plan.diagnosis import diagnose
from edgeboot.plan.facts import FileFact, parse_facts
from edgeboot.plan.health import parse_status, why_no_api, why_not_ready, why_not_running
from edgeboot.plan.reset.remains import clearing_steps, losses, parse_remains
from edgeboot.verify.measure.figures import usage_of
from edgeboot.verify.measure.samples import parse_sampling
from edgeboot.verify.reading.inspection import parse_inspection
from tests.support.fuzz.running import Target
from tests.support.healthy_host import CONTENTS, healthy
from tests.support.kubeconfigs import K3S
from tests.support.verify_hosts import HostState, sampling

_NODE = Node("pi", "192.0.2.11", Role.SERVER)
_CLUSTER = Cluster("edge", (_NODE,))
_FACTS = """\
trait machine aarch64
trait os debian 12
trait init systemd
trait cgroup-version 2
trait cgroup-controllers cpu cpuset memory pids
trait memory-kib 1048576
trait cpus 4
trait hostname pi
trait machine-id 0123456789abcdef0123456789abcdef
trait clock 1790000000
trait default-route yes
trait board Raspberry Pi 4 Model B Rev 1.4
trait k3s-version v1.36.2+k3s1
listen 6443 haproxy
owned /a b
unit k3s active yes -
file file 600 0:0 3 abc /etc/with space
content eA== /etc/with space
condition filesystem 42 4096 2048 rw sd-card /var/lib/rancher/k3s
condition kernel-parameters console=tty1 quiet
condition module vxlan loadable
condition resolver /etc/resolv.conf 192.0.2.1 192.0.2.2
condition network 0002A8C0 00FFFFFF
condition address 192.0.2.11 eth0
condition swap /var/swap
condition iptables v1.8.9 (nf_tables)
condition boot-file /boot/firmware/cmdline.txt cm9vdD0vZGV2L3gK
condition throttled 0x50005
condition temperature 48312
node-token SzEwYTo6c2VydmVyOmIK
part 12 abc /var/lib/edgeboot/x
done hook 0123
end
"""
_STATUS = f"""\
== unit 0
ActiveState=active
NRestarts=2
Runtime=yes
== identity 0
MachineID=0123456789abcdef0123456789abcdef
Node=pi
== token 0
SzEwYTo6c2VydmVyOmIK
== kubeconfig 0
{base64.b64encode(K3S.value).decode()}
== journal 0
level=error msg="failed to get CA certs: connect: connection refused"
== clock 0
1790000000
== version 0
k3s version v1.36.2+k3s1 (abcdef)
"""
_REMAINS = """\
service k3s
processes 3
mount /run/k3s/x
namespace cni-1
rules 4
path 4 /usr/local/bin/k3s
moved /var/lib/rancher/k3s 3 /mnt/my ssd/k3s
record
end
"""


def _facts(data: bytes) -> None:
    facts = dataclasses.replace(parse_facts(_text(data), "pi"), asked_at=1_790_000_000.0)
    for finding in findings(Subject(_CLUSTER, _NODE, {"pi": facts}, CONTENTS)):
        str(finding)


def _status(data: bytes) -> None:
    status = parse_status(_text(data))
    why_not_running(status), why_no_api(status), why_not_ready(status, "pi")
    diagnose(status.journal, "pi")


def _remains(data: bytes) -> None:
    remains = parse_remains(_text(data), "pi")
    told = [step.describe() for step in clearing_steps(remains)]
    told += [loss.describe() for loss in losses(remains)]


def _inspection(data: bytes) -> None:
    found = parse_inspection(_text(data))
    for read in (
        lambda: found.clock, lambda: found.enabled, lambda: found.version,
        lambda: found.image_states, lambda: found.certificates, lambda: found.sysctls,
        lambda: found.modules, lambda: found.controllers, found.exposed,
    ):  # fmt: skip
        with suppress(NotMeasured):
            read()


def _samples(data: bytes) -> None:
    usage_of(parse_sampling(_text(data)))


def _records(data: bytes) -> None:
    """The files in which edgeboot recorded on the host what it did there."""
    fact = FileFact("file", 0o600, "0:0", len(data), "", data)
    files = {paths.BUNDLE: fact, paths.NODE_RECORD: fact}
    facts = dataclasses.replace(healthy("pi"), files=files)
    applied_labels_of(facts, "k3s")
    age_objections(facts, CONTENTS)


def _text(data: bytes) -> str:
    """As the transport decodes it."""
    return data.decode("utf-8", "replace")


TARGETS = (
    Target("host-facts", _facts, (_FACTS.encode(),)),
    Target("host-status", _status, (_STATUS.encode(),)),
    Target("host-remains", _remains, (_REMAINS.encode(),)),
    Target("host-inspection", _inspection, (HostState().inspect().encode(),)),
    Target("host-samples", _samples, (sampling(2).encode(), sampling(2, version=2).encode())),
    Target(
        "host-records",
        _records,
        (
            b'{"labels": ["a=b"], "taints": [], "settled": true}',
            b'{"name": "edge", "k3s_version": "v1.36.2+k3s1", "version": "1.4.0"}',
        ),
    ),
)
