"""How each figure is computed from samples. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from edgeboot.answer import number, understood
from edgeboot.errors import NotMeasured
from edgeboot.verify.measure.samples import Sample, Sampling, keyed
from edgeboot.verify.measure.usage import Reading, Unmeasured, Usage
from edgeboot.verify.measure.window import Window, process_stat

IMAGE_STORE = "/var/lib/rancher/k3s/agent/containerd"
DISK_PATHS = ("/usr/local/bin/k3s", "/var/lib/rancher", "/var/lib/edgeboot")
_SECTOR = 512
_MEMORY_V1 = ("total_rss", "total_shmem", "total_mapped_file")
_MEMORY_V2 = ("anon", "shmem", "file_mapped", "kernel")
_PARTS = {"k3s": ("k3s",), "containerd": ("containerd", "shim")}
_OURS = frozenset({"k3s", "containerd", "shim"})


def usage_of(sampling: Sampling) -> Usage:
    """All figures of a window."""
    window = Window(sampling)
    figures: dict[str, Reading | Unmeasured] = {}
    for name, take in _TAKERS.items():
        try:
            with understood(_unreadable):
                figures[name] = take(window, name)
        except NotMeasured as error:
            figures[name] = Unmeasured(error.what)
    with understood(_unreadable):
        return Usage(
            seconds=window.seconds,
            method=sampling.facts.get("method", "cgroup"),
            figures=figures,
            disk=sampling.disk,
            started_at=window.started_at(),
            began=window.times[0],
        )


def _unreadable(why: str) -> NotMeasured:
    return NotMeasured(f"cannot read the samples: {why}")


def _memory(window: Window, name: str) -> Reading:
    if window.all.facts.get("method") == "processes":
        return _pss(window, name)
    return window.gauge(name, lambda s: _held(window, s, ""), "no memory statistics of the service")


def _held(window: Window, sample: Sample, prefix: str) -> int | None:
    """Bytes of a control group that the kernel cannot reclaim; unmapped page cache it can."""
    keys = window.keys(sample, f"{prefix}memory")
    if "anon" in keys:
        return sum(keys.get(key, 0) for key in _MEMORY_V2)
    if "total_rss" not in keys:
        return None
    known = sum(keys.get(key, 0) for key in _MEMORY_V1)
    return known + (window.number(sample, f"{prefix}kernel-memory") or 0)


def _pss(window: Window, name: str, roles: Sequence[str] | frozenset[str] = _OURS) -> Reading:
    def of(sample: Sample) -> int | None:
        sizes = window.of_processes(sample, roles, "status", "VmRSS")
        sizes |= window.of_processes(sample, roles, "smaps_rollup", "Pss")
        return sum(sizes.values()) * 1024 if sizes else None

    return window.gauge(name, of, f"no {_whose(name)} process was found")


def _whose(name: str) -> str:
    part, dot, _ = name.partition(".")
    return part if dot else "K3s"


def _peak(window: Window, name: str) -> Reading:
    def of(sample: Sample) -> int | None:
        sizes = window.of_processes(sample, _OURS, "status", "VmHWM")
        return sum(sizes.values()) * 1024 if sizes else None

    return window.gauge(name, of, "the kernel reports no VmHWM for K3s's processes")


def _available(window: Window, name: str) -> Reading:
    limit = window.all.facts.get("limit")

    def of(sample: Sample) -> int | None:
        free = window.keys(sample, "meminfo").get("MemAvailable")
        used = window.number(sample, "host-usage")
        if free is None:
            return None
        if limit is None or used is None:
            return free * 1024
        keys = window.keys(sample, "host-memory")
        cache = keys.get("total_inactive_file", keys.get("inactive_file", 0))
        return min(free * 1024, max(0, number(limit) - used + cache))

    return window.gauge(name, of, "the kernel reports no MemAvailable")


def _cpu(window: Window, name: str) -> Reading:
    if "cpu" not in window.all.names:
        return _cpu_of(window, name, _OURS)
    return window.rate(lambda s: _ran(window, s, "cpu"), "no CPU statistics of the service")


def _ran(window: Window, sample: Sample, name: str) -> float | None:
    """Thousandths of a CPU second so far."""
    microseconds = window.keys(sample, name).get("usage_usec")
    if microseconds is not None:
        return microseconds / 1000
    nanoseconds = window.number(sample, name)
    return None if nanoseconds is None else nanoseconds / 1e6


def _cpu_of(window: Window, name: str, roles: Sequence[str] | frozenset[str]) -> Reading:
    """By the processes' own clocks, including children they have waited for."""
    ticks = number(window.all.facts.get("ticks", "100"))

    def of(sample: Sample, pid: str) -> int | None:
        fields = process_stat(sample.lines.get(f"/proc/{pid}/stat", []))
        return sum(map(int, fields[11:15])) if len(fields) > 14 else None

    return window.rate(
        _grown(window, roles, of, 1000 / ticks), f"no {_whose(name)} process was found"
    )


def _grown(
    window: Window,
    roles: Sequence[str] | frozenset[str],
    of: Callable[[Sample, str], int | None],
    factor: float,
) -> Callable[[Sample], float | None]:
    """What processes have counted since each was first seen; processes come and go."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}

    def take(sample: Sample) -> float | None:
        for pid, role in window.all.roles.items():
            value = of(sample, pid) if role in roles else None
            if value is not None:
                first.setdefault(pid, value)
                last[pid] = value
        return sum(last[pid] - first[pid] for pid in last) * factor if last else None

    return take


def _written_by(window: Window, name: str, roles: Sequence[str]) -> Reading:
    def of(sample: Sample, pid: str) -> int | None:
        return keyed(sample.lines.get(f"/proc/{pid}/io", [])).get("write_bytes")

    return window.rate(_grown(window, roles, of, 1), f"no {_whose(name)} process was found")


def _written(window: Window, _name: str) -> Reading:
    def sectors(sample: Sample) -> int | None:
        lines = window.all.of(sample, "disks")
        fields = lines[0].split() if lines else []
        return number(fields[9]) * _SECTOR if len(fields) > 9 else None

    return window.rate(sectors, "K3s's data is not on a block device in /proc/diskstats")


def _load(window: Window, name: str) -> Reading:
    def of(sample: Sample) -> int | None:
        lines = window.all.of(sample, "load")
        return round(float(lines[0].split()[0]) * 1000) if lines else None

    return window.gauge(name, of, "the kernel reports no load average")


def _throttled(window: Window, _name: str) -> Reading:
    def quota(sample: Sample) -> Mapping[str, int]:
        return window.keys(sample, "quota") or window.keys(sample, "cpu")

    first, last = quota(window.all.samples[0]), quota(window.all.samples[-1])
    if "nr_periods" not in first or "nr_periods" not in last:
        raise NotMeasured("no CPU quota statistics of the service")
    periods = last["nr_periods"] - first["nr_periods"]
    throttled = last["nr_throttled"] - first["nr_throttled"]
    if periods < 0:
        raise NotMeasured("K3s restarted during the window")
    return Reading(round(throttled / periods * 10_000) if periods else 0)


def _pressure(window: Window, name: str) -> Reading:
    kind = name.removesuffix("-pressure")

    def of(sample: Sample) -> float | None:
        for line in window.all.of(sample, f"pressure-{kind}") or ():
            if line.startswith("some "):
                return number(line.rpartition("total=")[2]) / 100  # microseconds: 10 000 a per cent
        return None

    return window.rate(of, "the kernel has no pressure stall information (PSI)")


def _files(window: Window, name: str, roles: Sequence[str] | frozenset[str] = _OURS) -> Reading:
    def of(sample: Sample) -> int | None:
        counted = [count for role, count in sample.files.items() if role in roles]
        return sum(counted) if counted else None

    return window.gauge(name, of, f"no {_whose(name)} process was found")


def _disk(window: Window, _name: str) -> Reading:
    there = [window.all.disk[path] for path in DISK_PATHS if path in window.all.disk]
    if not there:
        raise NotMeasured("the host did not report disk usage")
    return Reading(sum(there))


def _image_store(window: Window, _name: str) -> Reading:
    if IMAGE_STORE not in window.all.disk:
        raise NotMeasured("no image store found")
    return Reading(window.all.disk[IMAGE_STORE])


def _disk_free(window: Window, _name: str) -> Reading:
    if "space" not in window.all.facts:
        raise NotMeasured("the host did not report free disk space")
    return Reading(number(window.all.facts["space"]) * 1024)


def _startup(window: Window, _name: str) -> Reading:
    if "boot" not in window.all.facts:
        raise NotMeasured("the service manager does not know when K3s became ready")
    return Reading(number(window.all.facts["boot"]) // 1000)


def _pods_memory(window: Window, name: str) -> Reading:
    return window.gauge(name, lambda s: _held(window, s, "pods-"), "no pod has run on the host")


def _pods_cpu(window: Window, _name: str) -> Reading:
    return window.rate(lambda s: _ran(window, s, "pods-cpu"), "no pod has run on the host")


_Taker = Callable[[Window, str], Reading]


def _part(part: str) -> dict[str, _Taker]:
    roles = _PARTS[part]
    return {
        f"{part}.memory": lambda window, name: _pss(window, name, roles),
        f"{part}.cpu": lambda window, name: _cpu_of(window, name, roles),
        f"{part}.files": lambda window, name: _files(window, name, roles),
        f"{part}.writes": lambda window, name: _written_by(window, name, roles),
    }


_TAKERS: dict[str, _Taker] = {
    "memory": _memory,
    "memory-pss": _pss,
    "memory-peak": _peak,
    "memory-available": _available,
    "cpu": _cpu,
    "load": _load,
    "throttled": _throttled,
    "cpu-pressure": _pressure,
    "memory-pressure": _pressure,
    "io-pressure": _pressure,
    "disk": _disk,
    "image-store": _image_store,
    "disk-free": _disk_free,
    "files": _files,
    "writes": _written,
    "startup": _startup,
    **_part("k3s"),
    **_part("containerd"),
    "pods.memory": _pods_memory,
    "pods.cpu": _pods_cpu,
}
