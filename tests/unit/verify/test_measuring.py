"""Figures from samples that change: each value by hand."""

from __future__ import annotations

import pytest

from edgeboot.errors import NotMeasured
from edgeboot.inventory.model import Role
from edgeboot.verify.measure.budgets import recorded, shown
from edgeboot.verify.measure.figures import usage_of
from edgeboot.verify.measure.samples import parse_sampling
from edgeboot.verify.measure.usage import Reading, Spread, Unmeasured, Usage
from edgeboot.verify.subject import ClusterSubject, Subject
from edgeboot.verify.summary import node_report, recorded_limits, thinned
from tests.support.verify_hosts import MIB, Site, node_object, sampling, site


def used(*samples: str, head: str = "", tail: str = "") -> Usage:
    """A window of samples at 10, 12 and 16 s of uptime; lines are divided by semicolons."""
    times = (10, 12, 16)
    lines = ["read uptime /u", *filter(None, head.split(";"))]
    for at, text in zip(times, samples, strict=False):
        lines += ["sample", f"/u:{at}.00 1.00", *filter(None, text.split(";"))]
    lines += [*filter(None, tail.split(";")), "end", ""]
    return usage_of(parse_sampling("\n".join(lines)))


def reading(usage: Usage, name: str) -> Reading:
    found = usage.figures[name]
    assert isinstance(found, Reading), found
    return found


def why(usage: Usage, name: str) -> str:
    found = usage.figures[name]
    assert isinstance(found, Unmeasured), found
    return found.why


def test_a_gauge_has_its_largest_value_its_spread_and_seconds_since_the_window_began() -> None:
    usage = used(
        "/m:anon 4;/m:shmem 1", "/m:anon 9;/m:kernel 2", "/m:anon 7", head="read memory /m"
    )
    found = reading(usage, "memory")
    assert found.value == 11
    assert found.spread == Spread(5, 7, 11, 11)
    assert found.series == ((0.0, 5), (2.0, 11), (6.0, 7))


def test_what_is_available_counts_by_its_smallest_value() -> None:
    free = "read meminfo /i"
    usage = used(
        "/i:MemAvailable: 9 kB", "/i:MemAvailable: 3 kB", "/i:MemAvailable: 5 kB", head=free
    )
    assert usage.value("memory-available") == 3 * 1024
    assert why(used("", "", head=free), "memory-available") == "the kernel reports no MemAvailable"


@pytest.mark.parametrize(
    ("used_bytes", "cache", "available"),
    [(5000, "total_inactive_file 100", 1100), (9000, "inactive_file 10", 0), (1, "x 1", 2048)],
)
def test_a_limit_of_the_whole_host_leaves_less(used_bytes: int, cache: str, available: int) -> None:
    one = f"/i:MemAvailable: 2 kB;/h:{used_bytes};/s:{cache}"
    head = "limit 6000;read meminfo /i;read host-usage /h;read host-memory /s"
    assert used(one, one, head=head).value("memory-available") == available
    assert used(one, one, head=head.replace("limit 6000;", "")).value("memory-available") == 2048


def test_a_counter_grows_by_the_second_over_the_window_and_from_sample_to_sample() -> None:
    usage = used("/c:1000000000", "/c:1400000000", "/c:2800000000", head="read cpu /c")
    found = reading(usage, "cpu")
    assert found.value == 300  # 1.8 s within 6 s
    assert found.series == ((2.0, 200), (6.0, 350))
    assert found.spread is not None
    assert (found.spread.min, found.spread.max) == (200, 350)
    usage = used("/c:usage_usec 1000", "/c:usage_usec 401000", "", head="read cpu /c")
    assert usage.value("cpu") == 200
    assert why(used("/c:5", "", head="read cpu /c"), "cpu") == "no CPU statistics of the service"


def test_a_counter_that_stands_still_is_zero_and_one_that_falls_is_a_restart() -> None:
    assert used("/c:5", "/c:5", head="read cpu /c").value("cpu") == 0
    usage = used("/c:9000000", "/c:5", head="read cpu /c")
    assert why(usage, "cpu") == "K3s restarted during the window"


def test_two_samples_at_the_same_time_give_no_rate() -> None:
    lines = ["read uptime /u", "read cpu /c"]
    for at, count in ((10, 0), (10, 5_000_000), (11, 100_000_000)):
        lines += ["sample", f"/u:{at}.00", f"/c:{count}"]
    usage = usage_of(parse_sampling("\n".join([*lines, "end", ""])))
    assert reading(usage, "cpu").series == ((1.0, 95),)
    assert usage.value("cpu") == 100


STAT = "/proc/7/stat:7 (k3s a) b) S 1 1 1 0 -1 0 0 0 0 0 {} 0 0 0 20 0 9 0 400 1 1 1"


def test_processes_are_counted_by_their_own_clocks_and_roles() -> None:
    head = "method processes;ticks 50;clock 1000;process other 6;process k3s 7;process containerd 8"
    other = STAT.replace("7", "6", 1).format(9999)
    first, last = STAT.format(10), STAT.format(70)
    usage = used(f"{other};{first}", f"{other};{last}", head=head)
    assert usage.method == "processes"
    assert usage.value("k3s.cpu") == 600  # 60 ticks of 20 ms within 2 s
    assert usage.value("cpu") == 600
    assert usage.started_at == 1000 - 10 + 400 / 50
    assert why(usage, "containerd.cpu") == "no containerd process was found"
    assert why(used("", ""), "memory-pss") == "no K3s process was found"
    assert used("", "").started_at is None
    assert used(first, last, head=head.replace("clock 1000;", "")).started_at is None
    hundred = used(first, last, head=head.replace("ticks 50;", ""))
    assert (hundred.value("k3s.cpu"), hundred.started_at) == (300, 1000 - 10 + 4)


def test_a_process_that_ends_keeps_what_it_had_counted() -> None:
    head = "process k3s 7;process k3s 8"
    one, two = "/proc/7/io:write_bytes: {}", "/proc/8/io:write_bytes: {}"
    usage = used(
        f"{one.format(100)};{two.format(50)}",
        f"{one.format(300)};{two.format(70)}",
        two.format(90),
        head=head,
    )
    assert usage.value("k3s.writes") == 40  # 200 and 40 within 6 s
    assert reading(usage, "k3s.writes").series == ((2.0, 110), (6.0, 5))


def test_resident_sizes_stand_in_where_proportional_ones_cannot_be_read() -> None:
    head = "process k3s 7;process shim 8"
    usage = used(
        *["/proc/7/status:VmRSS: 5 kB;/proc/8/status:VmRSS: 9 kB;/proc/8/smaps_rollup:Pss: 2 kB"]
        * 2,
        head=head,
    )
    assert usage.value("memory-pss") == 7 * 1024
    assert why(usage, "memory-peak") == "the kernel reports no VmHWM for K3s's processes"


def test_a_quota_is_counted_within_the_window() -> None:
    one = "/q:nr_periods {};/q:nr_throttled {}"
    head = "read quota /q"
    usage = used(one.format(100, 40), one.format(150, 41), one.format(300, 90), head=head)
    assert usage.value("throttled") == 2500
    assert used(one.format(5, 1), one.format(5, 1), head=head).value("throttled") == 0
    restarted = used(one.format(5, 1), one.format(4, 1), head=head)
    assert why(restarted, "throttled") == "K3s restarted during the window"
    assert used(one.format(0, 0), one.format(4, 1), head="read cpu /q").value("throttled") == 2500
    half = used(one.format(1, 0), "/q:usage_usec 5", head=head)
    assert why(half, "throttled") == "no CPU quota statistics of the service"


def test_pressure_is_the_share_of_the_window_in_which_something_waited() -> None:
    for kind in ("cpu", "memory", "io"):
        lines = [f"/p:full total=9;/p:some avg10=0.0 total={n}" for n in (0, 40_000)]
        usage = used(*lines, head=f"read pressure-{kind} /p")
        assert usage.value(f"{kind}-pressure") == 200  # 2 %


def test_pods_have_their_own_groups() -> None:
    head = "read pods-memory /a;read pods-kernel-memory /b;read pods-cpu /c"
    usage = used(*[f"/a:total_rss 4;/b:3;/c:{n}000000" for n in (0, 8)], head=head)
    assert (usage.value("pods.memory"), usage.value("pods.cpu")) == (7, 4)
    assert why(used("", ""), "pods.cpu") == "no pod has run on the host"


def test_what_the_host_does_not_report_is_not_measured() -> None:
    usage = used("", "")
    assert why(usage, "disk") == "the host did not report disk usage"
    assert why(usage, "image-store") == "no image store found"
    assert why(usage, "disk-free") == "the host did not report free disk space"
    assert why(usage, "startup") == "the service manager does not know when K3s became ready"
    assert why(usage, "load") == "the kernel reports no load average"
    assert why(usage, "writes") == "K3s's data is not on a block device in /proc/diskstats"
    assert why(usage, "k3s.files") == "no k3s process was found"
    assert why(usage, "memory") == "no memory statistics of the service"
    with pytest.raises(NotMeasured, match="unknown figure"):
        usage.value("colour")


def test_disk_is_the_sum_of_our_directories() -> None:
    tail = "disk 1 /usr/local/bin/k3s;disk 2 /var/lib/rancher;disk 4 /var/lib/edgeboot"
    usage = used("", "", tail=f"{tail};disk 8 /var/lib/rancher/with a blank")
    assert usage.value("disk") == 7 * 1024
    assert usage.disk["/var/lib/rancher/with a blank"] == 8 * 1024
    report = node_report_of(usage)
    assert [path for path, _ in report] == [
        "/var/lib/rancher/with a blank",
        "/var/lib/edgeboot",
        "/var/lib/rancher",
        "/usr/local/bin/k3s",
    ]


def node_report_of(usage: Usage) -> tuple[tuple[str, int], ...]:
    made = site()
    subject = Subject(
        made.expectations["agent-1"], made.hosts["agent-1"], ClusterSubject(made.cluster)
    )
    subject._usage.read(lambda: usage)
    return node_report(subject).disk


@pytest.mark.parametrize(
    "text",
    ["/u:1 1", "sample;/u", "read uptime", "files k3s 1", "disk x /y"],
)
def test_an_unreadable_line_is_not_measured(text: str) -> None:
    with pytest.raises(NotMeasured, match="unreadable sample"):
        parse_sampling("\n".join([*text.split(";"), "end", ""]))


def test_one_sample_is_not_enough() -> None:
    with pytest.raises(NotMeasured, match="1 samples are not enough"):
        parse_sampling("sample\nend\n")
    assert len(parse_sampling("sample\nsample\nend\n").samples) == 2


def measured(made: Site, name: str) -> Subject:
    cluster = ClusterSubject(made.cluster)
    subject = Subject(made.expectations[name], made.hosts[name], cluster)
    subject.sample(4)
    subject.inspect()
    cluster.read(Subject(made.expectations["server-1"], made.hosts["server-1"], cluster))
    return subject


def test_only_a_server_has_the_latency_of_its_api(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = iter((300.0, 200.4, 249.6))
    monkeypatch.setattr("edgeboot.verify.reading.cluster._timed", lambda _api: next(taken))
    made = site()
    assert measured(made, "server-1").usage.value("api-latency") == 250
    assert "api-latency" not in measured(made, "agent-1").usage.figures


def test_a_servers_start_is_what_its_service_manager_says_and_else_the_nodes() -> None:
    made = site()
    made.state.nodes = [node_object("server-1", since=95)]
    assert measured(made, "server-1").usage.value("startup") == 3500
    made.hosts["server-1"].state.sample = sampling().replace("boot 3500000\n", "")
    assert measured(made, "server-1").usage.value("startup") == 6000
    made.hosts["server-1"].state.sample = (
        sampling().replace("boot 3500000\n", "").replace("process k3s 10", "process other 10")
    )
    usage = measured(made, "server-1").usage
    assert why(usage, "startup") == "the start time of K3s is unknown"


def test_a_report_has_what_was_measured_and_what_a_budget_misses() -> None:
    made = site()
    made.expect("agent-1", limits={"cpu": 50, "files": 500, "pods.memory": 1})
    figures = {f.what: f for f in node_report(measured(made, "agent-1")).figures}
    assert (figures["cpu"].fits, figures["files"].fits, figures["memory"].fits) == (
        *(False, True, None),
    )
    missing = figures["pods.memory"]
    assert (missing.used, missing.limit, missing.why) == (None, 1, "no pod has run on the host")
    assert "pods.cpu" not in figures  # neither measured nor limited
    assert figures["load"].series[:2] == ((0.0, 500), (1.0, 500))


def test_a_report_keeps_the_twelve_largest_directories_and_rounds_seconds() -> None:
    made = site()
    more = "".join(f"disk {n} /d{n}\n" for n in range(20, 40))
    made.hosts["agent-1"].state.sample = sampling().replace("space ", f"{more}space ")
    report = node_report(measured(made, "agent-1"))
    assert len(report.disk) == 12
    assert report.disk[3:5] == (("/d39", 39 * 1024), ("/d38", 38 * 1024))
    assert report.seconds == 4.0


@pytest.mark.parametrize(("points", "kept"), [(120, 120), (121, 61), (240, 120), (241, 81)])
def test_a_series_is_thinned_evenly(points: int, kept: int) -> None:
    series = tuple((n + 0.123, n) for n in range(points))
    found = thinned(series)
    assert len(found) == kept
    step = -(-points // 120)
    assert found[0] == (0.12, step - 1)
    assert found[-1][1] == points - 1


def test_roles_are_recorded_by_their_largest_use() -> None:
    made = site("agent-1", "agent-2", "agent-3")
    made.hosts["agent-2"].state.sample = sampling(memory=300 * MIB)
    made.hosts["agent-3"].gone = True
    made.hosts["server-1"].state.sample_code = 1
    subjects = [measured(made, name) for name in made.hosts]
    limits = recorded_limits(subjects, 50)
    assert set(limits) == {Role.AGENT}
    assert limits[Role.AGENT]["memory"] == 450 * MIB
    assert set(limits[Role.AGENT]) == {
        *("memory", "memory-pss", "cpu", "disk", "image-store", "files", "startup")
    }


def test_recorded_limits_are_whole_steps() -> None:
    usage = used("files k3s 1", "files k3s 1", head="boot 1")
    assert recorded([usage], 0) == {"files": 10, "startup": 1000}
    usage = used("files k3s 11", "files k3s 11", head="boot 1000001")
    assert recorded([usage], 0) == {"files": 20, "startup": 1000}


@pytest.mark.parametrize(
    ("what", "number", "text"),
    [
        ("io-pressure", 250, "2.50 %"),
        ("startup", 2500, "2.50 s"),
        ("load", 2500, "2.50"),
        ("cpu", 2500, "2500m"),
        ("files", 2500, "2500"),
    ],
)
def test_figures_for_people(what: str, number: int, text: str) -> None:
    assert shown(what, number) == text
