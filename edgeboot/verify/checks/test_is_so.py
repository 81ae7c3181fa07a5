"""Is it what was asked for: services, files, images, nodes."""

# The assertions of checks are the product here, not debugging aids.
# ruff: noqa: S101

from __future__ import annotations

from testinfra.host import Host

from edgeboot.errors import NotMeasured
from edgeboot.plan.health import why_not_ready, why_not_running
from edgeboot.verify.subject import ExpectedFile, Subject


def test_service(host: Host, subject: Subject) -> None:
    """K3s's service is running, and will be after the next boot."""
    service = host.service(subject.expected.service)
    reason = why_not_running(subject.status, {})
    assert reason is None, reason
    assert service.is_enabled, f"{subject.expected.service}.service is not enabled at boot"


def test_file(host: Host, expected_file: ExpectedFile) -> None:
    """A file is there with its mode, owner and content."""
    file = host.file(expected_file.path)
    assert file.is_file, "it does not exist"
    assert file.mode == expected_file.mode, f"mode {file.mode:04o}, not {expected_file.mode:04o}"
    assert file.uid == 0, f"owned by user {file.uid}"
    if expected_file.sha256:
        found = file.sha256sum
        assert found == expected_file.sha256, (
            f"its content is {found[:12]}…, not what was installed"
        )


def test_image(subject: Subject, image: str) -> None:
    """An image has been imported, and is the very one of the bundle."""
    if subject.status.images is None:
        raise NotMeasured("the container runtime does not list images")
    found = subject.status.images.get(image)
    assert found, "it has not been imported"
    assert found == subject.expected.images[image], f"its digest is {found}"


def test_node_ready(subject: Subject) -> None:
    """The cluster counts the node as Ready."""
    if subject.cluster_status.nodes is None:
        raise NotMeasured("the API does not list nodes")
    reason = why_not_ready(subject.cluster_status, subject.expected.node)
    assert reason is None, reason


def test_node_version(subject: Subject) -> None:
    """The node runs the bundle's version."""
    nodes = subject.cluster_status.nodes
    if nodes is None or subject.expected.node not in nodes:
        raise NotMeasured("the API does not list this node")
    found = nodes[subject.expected.node].version
    assert found == subject.expected.version, f"it runs {found}"
