"""Workers: results, errors, and signals that arrive while the main thread deals with them."""

from __future__ import annotations

import concurrent.futures
import signal
import threading
from collections.abc import Iterator

import pytest

from edgeboot.localio.workers import workers


@pytest.fixture(autouse=True)
def ctrl_c() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_results_are_in_order() -> None:
    gate = threading.Event()

    def work(number: int) -> int:
        if number:
            gate.set()
        else:
            gate.wait(20)
        return number * number

    with workers(2) as pool:
        assert pool.map(work, range(5)) == [0, 1, 4, 9, 16]
        assert pool.map(work, ()) == []


def test_the_first_error_ends_the_others() -> None:
    aborted, started = threading.Event(), list[int]()

    def work(number: int) -> None:
        if number == 1:
            raise ValueError(number)
        started.append(number)
        aborted.wait(20)

    with pytest.raises(ValueError, match="1"), workers(2, aborted.set) as pool:
        pool.map(work, range(100))
    assert aborted.is_set()
    assert len(started) < 10  # the rest was dropped


def test_a_signal_in_another_thread_ends_a_wait_without_end() -> None:
    """As the kernel gives it now and then: that thread runs no handlers, and wakes nobody."""
    aborted, rescued = threading.Event(), threading.Event()

    def rescue() -> None:
        rescued.set()
        aborted.set()

    timer = threading.Timer(20, rescue)
    timer.start()

    def work(_: int) -> None:
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        aborted.wait()

    try:
        with pytest.raises(KeyboardInterrupt), workers(1, aborted.set) as pool:
            pool.map(work, range(1))
    finally:
        timer.cancel()
    assert not rescued.is_set()


def test_a_signal_while_work_is_submitted_waits_until_it_is_safe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit = concurrent.futures.ThreadPoolExecutor.submit
    submitted: list[bool] = []

    def interrupted(*args: object) -> object:
        signal.raise_signal(signal.SIGINT)  # handled before the next line, if at all
        submitted.append(True)
        return submit(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(concurrent.futures.ThreadPoolExecutor, "submit", interrupted)
    with pytest.raises(KeyboardInterrupt), workers(2) as pool:
        pool.map(abs, range(3))
    assert submitted == [True] * 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_at_the_end_is_not_lost() -> None:
    ended: list[bool] = []

    def work() -> None:
        with workers(1) as pool:
            pool.map(abs, range(1))
            signal.raise_signal(signal.SIGINT)
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert ended
