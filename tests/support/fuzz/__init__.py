"""Fuzzing: every parser of what hosts, registries, archives and other programs' files say.

A parser may refuse with an expected error; any other exception, a hang, or memory beyond bounds is
a fault. ``make fuzz`` runs each target for some seconds, ``tests/unit/test_fuzz.py`` a few hundred
inputs of each with the same seed every time.
"""
