"""Is it what was asked for: service, files, images, kernel, certificates."""

# The assertions of checks are the product here, not debugging aids.
# ruff: noqa: S101

from __future__ import annotations

import time

from edgeboot.errors import NotMeasured
from edgeboot.plan.health import why_not_running
from edgeboot.verify.expectation import ExpectedFile
from edgeboot.verify.subject import Subject

_DAYS_LEFT = 30  # K3s renews when it is started and 120 or fewer are left: this one was not
_DAY = 86400.0
_MODULES = frozenset({"overlay", "br_netfilter"})


def test_service(subject: Subject) -> None:
    """K3s's service runs, with the files it has now, and will after the next boot."""
    reason = why_not_running(subject.inspection.status, {})
    assert reason is None, reason
    assert subject.inspection.enabled, f"{subject.expected.service} is not enabled at boot"
    assert not subject.expected.pending, subject.expected.pending


def test_version(subject: Subject) -> None:
    """The binary on the node is the bundle's version."""
    found = subject.inspection.version
    if not found:
        raise NotMeasured("the binary does not say its version")
    assert found == subject.expected.version, f"it is {found}, not {subject.expected.version}"


def test_file(subject: Subject, expected_file: ExpectedFile) -> None:
    """A file or directory is there with its mode, owner and content."""
    inspection = subject.inspection
    path = expected_file.path
    entry = inspection.entries.get(path)
    assert entry is not None, "it does not exist"
    kind = "directory" if expected_file.directory else "regular file"
    assert entry.kind.replace(" empty", "") == kind, f"it is a {entry.kind}"
    assert entry.mode == expected_file.mode, f"mode {entry.mode:04o}, not {expected_file.mode:04o}"
    assert entry.owner == "0:0", f"owned by {entry.owner}"
    if expected_file.sha256:
        found = inspection.hashes.get(path)
        if found is None:
            raise NotMeasured("it could not be hashed")
        assert found == expected_file.sha256, (
            f"its content is {found[:12]}…, not what was installed"
        )


def test_image(subject: Subject, image: str) -> None:
    """An image is imported, is the very one of the bundle, and has all its blobs."""
    found = subject.inspection.status.images
    if found is None:
        subject.inspection.sections.text("images")
        raise NotMeasured("the container runtime does not list images")
    assert image in found, "it has not been imported"
    assert found[image] == subject.expected.images[image], f"its digest is {found[image]}"
    state = subject.inspection.image_states.get(image, "unknown")
    assert state == "complete", f"containerd says it is {state}"


def test_secrets(subject: Subject) -> None:
    """No secret can be read by every user of the host."""
    if not subject.inspection.entries:
        subject.inspection.sections.text("modes")
        raise NotMeasured("the host does not say what modes its files have")
    exposed = subject.inspection.exposed()
    assert not exposed, f"readable by everybody: {', '.join(exposed)}"


def test_certificates(subject: Subject) -> None:
    """Every certificate is good for another month."""
    certificates = subject.inspection.certificates
    if not certificates:
        raise NotMeasured("there is no certificate")
    first = min(certificates, key=lambda c: c.not_after)
    days = int((first.not_after - subject.inspection.clock) / _DAY)
    date = time.strftime("%Y-%m-%d", time.gmtime(first.not_after))
    assert days >= _DAYS_LEFT, (
        f"{first.path} ends in {days} days ({date}): a restart of "
        f"{subject.expected.service} renews it"
    )


def test_kernel(subject: Subject) -> None:
    """The kernel has the modules, settings and cgroup controllers that K3s needs."""
    inspection = subject.inspection
    wanted = {"overlay", *(("br_netfilter",) if "bridge" in str(subject.expected.sysctls) else ())}
    missing = [
        *(f"module {name}" for name in sorted(wanted - inspection.modules)),
        *(
            f"cgroup controller {n}"
            for n in sorted(subject.expected.controllers - inspection.controllers)
        ),
        *(
            f"{name}={inspection.sysctls.get(name, 'missing')}, not {value}"
            for name, value in subject.expected.sysctls.items()
            if inspection.sysctls.get(name) != value
        ),
    ]
    assert not missing, ", ".join(missing)
