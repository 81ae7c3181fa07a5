"""What hosts say, read: whole, cut short, and odd."""

from __future__ import annotations

import base64
import json

import pytest

from edgeboot.errors import StepFailed
from edgeboot.plan.facts import parse_facts
from edgeboot.plan.health import (
    parse_status,
    why_charts_pending,
    why_no_api,
    why_not_ready,
    why_not_running,
)

TRAITS = """\
trait machine aarch64
trait os debian 12
trait init systemd
trait cgroup-version 1
trait cgroup-controllers cpu memory
trait memory-kib 1024
trait cpus 4
trait hostname pi
trait machine-id 0123
trait clock 1790000000
trait default-route no
trait board Raspberry Pi 4 Model B Rev 1.4
trait k3s-version v1.36.2+k3s1
"""
FACTS = (
    TRAITS
    + """\
listen 6443 haproxy
owned /a b
unit k3s active yes -
file file 600 0:0 3 abc /etc/with space
file directory 755 0:0 0 - /etc/d
content eA== /etc/with space
free 2048 /var/lib/rancher/k3s
node-token SzEwYTo6c2VydmVyOmIK
end
"""
)


def test_facts() -> None:
    facts = parse_facts(FACTS, "pi")
    assert facts.traits.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert facts.traits.memory == 1 << 20
    assert not facts.traits.default_route
    assert facts.listeners[0].program == "haproxy"
    assert facts.files["/etc/with space"].content == b"x"
    assert facts.files["/etc/d"].sha256 == ""
    assert facts.units["k3s"].started_with == ""
    assert facts.free["/var/lib/rancher/k3s"] == 2 << 20
    assert facts.node_token is not None
    assert facts.node_token.value == b"K10a::server:b"
    assert "K10a" not in repr(facts)


@pytest.mark.parametrize(
    "output",
    [
        "",
        FACTS.removesuffix("end\n"),
        FACTS.replace("trait machine aarch64\n", ""),
        FACTS.replace("file file 600", "file file rw-"),
        "what is this\n" + FACTS,
        FACTS.replace("free 2048 ", "free much "),
    ],
)
def test_unreadable_facts_are_an_error_that_names_the_host(output: str) -> None:
    with pytest.raises(StepFailed, match=r"^pi: "):
        parse_facts(output, "pi")


NODE = {
    "metadata": {"name": "pi", "labels": {"zone": "a"}},
    "status": {
        "conditions": [{"type": "Ready", "status": "False", "message": "no CNI"}],
        "nodeInfo": {"kubeletVersion": "v1.36.2+k3s1"},
    },
}
CHART = {"kind": "HelmChart", "metadata": {"name": "hello", "namespace": "kube-system"}}
JOB = {
    "kind": "Job",
    "metadata": {"name": "helm-install-hello", "namespace": "kube-system"},
    "status": {"failed": 2},
}


def status_text(**sections: tuple[int, str]) -> str:
    return "".join(f"== {name} {code}\n{body}\n" for name, (code, body) in sections.items())


UNIT = (0, "ActiveState=active\nNRestarts=0")
IMAGES = (0, "REF TYPE DIGEST SIZE PLATFORMS LABELS\npause:1 application/x sha256:aa 1.0 B linux -")


def test_status() -> None:
    status = parse_status(
        status_text(
            unit=UNIT,
            images=IMAGES,
            ready=(0, "ok"),
            nodes=(0, "Warning: old\n" + json.dumps({"items": [NODE]})),
            charts=(0, json.dumps({"items": [CHART, JOB]})),
            token=(0, base64.b64encode(b"K10x::server:y\n").decode()),
        )
    )
    assert why_no_api(status) is None
    assert why_not_running(status, {"pause:1": "sha256:aa"}) is None
    assert why_not_ready(status, "pi") == "not Ready: no CNI"
    assert why_not_ready(status, "other") == "it has not joined the cluster"
    assert why_charts_pending(status) == (
        "chart kube-system/hello: job helm-install-hello failed 2 times"
    )


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ({"pause:1": "sha256:bb"}, "image pause:1 is sha256:aa, expected sha256:bb"),
        ({"x:1": "y"}, "1 of 1 images are not imported yet, first x:1"),
    ],
)
def test_images_that_are_not_right(images: dict[str, str], reason: str) -> None:
    assert why_not_running(parse_status(status_text(unit=UNIT, images=IMAGES)), images) == reason


def test_what_cannot_be_had_is_not_known_and_says_why() -> None:
    status = parse_status(
        status_text(unit=UNIT, images=(1, "dial: no socket"), ready=(1, "refused"), nodes=(1, "x"))
    )
    assert why_not_running(status, {}) == "its container runtime does not answer yet"
    assert why_no_api(status) == "the API is not ready"
    assert why_not_ready(status, "pi") == "the API does not list nodes"
    assert "images: dial: no socket" in status.complaints


def test_no_output_at_all() -> None:
    assert why_no_api(parse_status("")) == "its service is unknown"


def test_broken_json_is_not_known() -> None:
    status = parse_status(status_text(unit=UNIT, nodes=(0, '{"items": [')))
    assert status.nodes is None
