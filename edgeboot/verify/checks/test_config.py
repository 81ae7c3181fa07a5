"""Configuration: service, files, images, secrets, certificates, kernel."""

# The assertions of checks are the product here, not debugging aids.
# ruff: noqa: S101

from __future__ import annotations

import time

from edgeboot.errors import NotMeasured
from edgeboot.plan.health import why_not_running
from edgeboot.verify.expectation import ExpectedFile
from edgeboot.verify.subject import Subject

_DAYS_LEFT = 30  # at every start, K3s renews what has 120 days or fewer left
_DAY = 86400.0
_MODULES = frozenset({"overlay", "br_netfilter"})


def test_service(subject: Subject) -> None:
    """K3s's service runs, uses its current files, and starts at boot."""
    reason = why_not_running(subject.inspection.status)
    assert reason is None, reason
    assert subject.inspection.enabled, f"{subject.expected.service} does not start at boot"
    assert not subject.expected.pending, subject.expected.pending


def test_version(subject: Subject) -> None:
    """The binary has the bundle's version."""
    found = subject.inspection.version
    if not found:
        raise NotMeasured("k3s --version printed no version")
    assert found == subject.expected.version, f"version {found}, not {subject.expected.version}"


def test_file(subject: Subject, expected_file: ExpectedFile) -> None:
    """Each file and directory exists with its mode, owner and content."""
    inspection = subject.inspection
    path = expected_file.path
    entry = inspection.entries.get(path)
    assert entry is not None, "missing"
    kind = "directory" if expected_file.directory else "regular file"
    assert entry.kind.replace(" empty", "") == kind, f"not a {kind} but a {entry.kind}"
    assert entry.mode == expected_file.mode, f"mode {entry.mode:04o}, not {expected_file.mode:04o}"
    assert entry.owner == "0:0", f"owned by {entry.owner}"
    if expected_file.sha256:
        found = inspection.hashes.get(path)
        if found is None:
            raise NotMeasured("the host did not hash it")
        assert found == expected_file.sha256, (
            f"content differs: sha256 {found[:12]}…, not {expected_file.sha256[:12]}…"
        )


def test_image(subject: Subject, image: str) -> None:
    """Each image is imported, complete, and has the bundle's digest."""
    found = subject.inspection.status.images
    if found is None:
        subject.inspection.sections.text("images")
        raise NotMeasured("the container runtime does not list images")
    assert image in found, "not imported"
    digest = subject.expected.images[image]
    assert found[image] == digest, f"digest {found[image]}, not {digest}"
    state = subject.inspection.image_states.get(image, "unknown")
    assert state == "complete", f"{state}, says `ctr images check`"


def test_secrets(subject: Subject) -> None:
    """No secret is readable by every user of the host."""
    if not subject.inspection.entries:
        subject.inspection.sections.text("modes")
        raise NotMeasured("the host did not list file modes")
    exposed = subject.inspection.exposed()
    assert not exposed, f"readable by every user: {', '.join(exposed)}"


def test_certificates(subject: Subject) -> None:
    """Every certificate is valid for 30 days or more."""
    certificates = subject.inspection.certificates
    if not certificates:
        raise NotMeasured("no certificates found")
    first = min(certificates, key=lambda c: c.not_after)
    days = int((first.not_after - subject.inspection.clock) / _DAY)
    date = time.strftime("%Y-%m-%d", time.gmtime(first.not_after))
    renew = f"restart {subject.expected.service} to renew it"
    assert days >= _DAYS_LEFT, f"{first.path} expires in {days} days ({date}); {renew}"


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
