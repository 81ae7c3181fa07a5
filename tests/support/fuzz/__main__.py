"""``python -m tests.support.fuzz [--seconds N] [--seed S] [TARGET…]``: says what it found.

An input that a target neither takes nor refuses is kept in ``build/fuzz``, and ``--replay FILE``
tries it again. Exit code 1 if there is one.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import sys
import traceback
from pathlib import Path

from tests.support.fuzz.running import Fault, Outcome, Target, fuzz, tried
from tests.support.fuzz.targets import TARGETS

_KEPT = Path("build/fuzz")
_MEMORY = 2 << 30  # bytes of address space


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=10.0, help="for each target")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--replay", type=Path, help="run this file through the one TARGET given")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    chosen = [TARGETS[name] for name in given.targets or TARGETS]
    if given.replay:
        result = tried(chosen[0], given.replay.read_bytes())
        print(traceback.format_exception(result.error)[-1] if isinstance(result, Fault) else result)
        return int(isinstance(result, Fault))
    print(f"seed {given.seed}, {given.seconds:g} s for each of {len(chosen)} targets")
    outcomes = [_one(target, given.seed, given.seconds) for target in chosen]
    faults = sum(outcome.fault is not None for outcome in outcomes)
    print(f"{sum(outcome.tried for outcome in outcomes)} inputs, {faults} targets with a fault")
    return 1 if faults else 0


def _one(target: Target, seed: int, seconds: float) -> Outcome:
    outcome = fuzz(target, seed, seconds=seconds)
    print(f"{target.name:20} {outcome.tried:8} inputs, {outcome.taken:8} taken", flush=True)
    if outcome.fault:
        _keep(target, outcome.fault)
    return outcome


def _keep(target: Target, fault: Fault) -> None:
    _KEPT.mkdir(parents=True, exist_ok=True)
    path = _KEPT / f"{target.name}-{hashlib.sha256(fault.data).hexdigest()[:12]}"
    path.write_bytes(fault.data)
    print("".join(line[:300] for line in traceback.format_exception(fault.error, limit=-4)))
    print(f"  again: python -m tests.support.fuzz {target.name} --replay {path}")


if __name__ == "__main__":
    sys.exit(main())
