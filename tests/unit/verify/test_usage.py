"""Samples to figures."""

from __future__ import annotations

import pytest

from edgeboot.errors import NotMeasured
from edgeboot.verify.measure.figures import usage_of
from edgeboot.verify.measure.samples import parse_sampling
from edgeboot.verify.measure.usage import Reading, Spread, Unmeasured, Usage, spread_of
from edgeboot.verify.summary import thinned
from tests.support.verify_hosts import MIB, NOW, sampling


def used(text: str) -> Usage:
    return usage_of(parse_sampling(text))


@pytest.mark.parametrize("version", [1, 2])
def test_figures_of_both_versions_of_control_groups(version: int) -> None:
    usage = used(sampling(memory=200 * MIB, millicores=250, version=version))
    assert usage.value("memory") == 200 * MIB
    assert usage.value("cpu") == 250
    assert (usage.seconds, usage.began, usage.method) == (4.0, 1000.0, "cgroup")


def test_parts_and_sums() -> None:
    usage = used(sampling(millicores=200, files=30, disk=64 * MIB))
    assert usage.value("memory-pss") == (60 + 20 + 1) * MIB
    assert usage.value("k3s.memory") == 60 * MIB
    assert usage.value("containerd.memory") == 21 * MIB
    assert usage.value("memory-peak") == 70 * MIB
    assert usage.value("k3s.cpu") == 200
    assert (usage.value("files"), usage.value("k3s.files")) == (30, 25)
    assert usage.value("disk") == 64 * MIB
    assert usage.value("image-store") == 16 * MIB
    assert usage.value("memory-available") == 200 * MIB
    assert usage.value("load") == 500
    assert usage.value("throttled") == 1000
    assert usage.value("io-pressure") == 200
    assert usage.value("writes") == 2048 * 512
    assert usage.value("k3s.writes") == 1024
    assert usage.value("startup") == 3500
    # Up 900 s at its start, 1000 s at the first look.
    assert usage.started_at == NOW - 100


def test_the_hosts_own_limit_counts_for_what_is_available() -> None:
    text = sampling().replace("method cgroup", f"method cgroup\nlimit {300 * MIB}")
    text = text.replace("read load", "read host-usage /u\nread load")
    text = text.replace(
        "\n/proc/loadavg",
        f"\n/u:{280 * MIB}\n/sys/fs/cgroup/memory/memory.stat:"
        f"total_inactive_file {30 * MIB}\n/proc/loadavg",
    )
    assert used(text).value("memory-available") == 50 * MIB


def test_a_service_in_a_shared_group_is_summed_up_by_process() -> None:
    text = sampling(millicores=200)
    text = text.replace("method cgroup", "method processes")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("read cpu")) + "\n"
    usage = used(text)
    assert usage.value("memory") == 81 * MIB
    assert usage.value("cpu") == 200


def test_a_kernel_without_pressure_has_no_such_figure() -> None:
    reading = used(sampling(pressure=False)).figures["io-pressure"]
    assert isinstance(reading, Unmeasured)
    assert "PSI" in reading.why


def test_a_restart_within_the_window_is_no_measurement() -> None:
    text = sampling(seconds=2, millicores=500)
    text = text.replace("cpuacct.usage:1000000000", "cpuacct.usage:10")
    reading = used(text).figures["cpu"]
    assert reading == Unmeasured("K3s restarted during the window")


def test_processes_that_come_and_go_do_not_count_backwards() -> None:
    lines = sampling(seconds=2, millicores=500).splitlines()
    last = max(i for i, line in enumerate(lines) if line.startswith("/proc/10/stat:"))
    del lines[last]
    reading = used("\n".join(lines) + "\n").figures["k3s.cpu"]
    assert isinstance(reading, Reading)
    assert reading.value == 250


@pytest.mark.parametrize(
    "text",
    [
        "",
        "end\n",
        sampling().replace("\nend\n", "\n"),
        sampling(seconds=0),
        sampling().replace("process k3s 10", "process k3s"),
        sampling().replace("files k3s 15", "files k3s many"),
        sampling().replace("method cgroup", "nonsense"),
        sampling().replace("/proc/uptime:", "/proc/downtime:"),
        sampling()
        .replace("/proc/uptime:1001", "/proc/uptime:1000")
        .replace("/proc/uptime:1004", "/proc/uptime:1000"),
    ],
)
def test_what_is_not_whole_is_not_measured(text: str) -> None:
    with pytest.raises(NotMeasured):
        used(text)


def test_spread() -> None:
    assert spread_of([5]) == Spread(5, 5, 5, 5)
    assert spread_of(list(range(1, 101))) == Spread(1, 50, 95, 100)


def test_a_long_series_is_thinned_and_keeps_its_peak() -> None:
    series = tuple((float(i), 1000 if i == 777 else 1) for i in range(1000))
    kept = thinned(series)
    assert len(kept) <= 120
    assert max(value for _, value in kept) == 1000
    assert thinned(series[:5]) == series[:5]
