"""The same work on many hosts at once: a bounded number of workers, and every host's outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from edgeboot.errors import EdgebootError, combined_exit_code

T = TypeVar("T")

_TICK = 0.2  # seconds
WORKERS = 10  # K3s's own limit for joins at once


class FleetError(EdgebootError):
    """Work failed on some hosts; ``errors`` has all of them, by node."""

    def __init__(self, errors: Mapping[str, EdgebootError]) -> None:
        self.errors = dict(errors)
        super().__init__("\n".join(str(error) for error in self.errors.values()))
        self.exit_code = combined_exit_code(error.exit_code for error in self.errors.values())


def on_all(
    names: Iterable[str], work: Callable[[str], T], *, workers: int = WORKERS
) -> tuple[dict[str, T], dict[str, EdgebootError]]:
    """Runs ``work(name)`` for every host, and waits for all of them.

    Returns results and errors by name. An unexpected error is raised after the others have ended.
    """
    order = list(names)
    results: dict[str, T] = {}
    errors: dict[str, EdgebootError] = {}
    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(order)))) as pool:
        futures: dict[str, Future[T]] = {name: pool.submit(work, name) for name in order}
        waiting = set(futures.values())
        while waiting:  # a wait without end would not notice every signal
            _, waiting = wait(waiting, _TICK)
        for name, future in futures.items():
            try:
                results[name] = future.result()
            except EdgebootError as error:
                errors[name] = error
    return results, errors


def require_all(
    names: Iterable[str], work: Callable[[str], T], *, workers: int = WORKERS
) -> dict[str, T]:
    """Like ``on_all``, but raises ``FleetError`` if any host failed."""
    results, errors = on_all(names, work, workers=workers)
    if errors:
        raise FleetError(errors)
    return results
