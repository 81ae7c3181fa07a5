"""``hooks``: commands of the operator's to run on a host at a stage of an installation."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from edgeboot.errors import BadInput
from edgeboot.inventory import syntax
from edgeboot.inventory.files import CONTENT
from edgeboot.inventory.host.host import TIMEOUT, Hook
from edgeboot.yaml.compound import ListOf, Made
from edgeboot.yaml.section import Section, Values, optional, required
from edgeboot.yaml.types import TEXT, At, Choice, Integer, Text

# The parts of an installation that a hook can run before or after.
STAGES = ("prepare", "upload", "start", "cluster")


def _commands(text: str, at: At) -> str:
    if not text.strip() or "\0" in text:
        raise at.error(f"no commands in '{at.key}'", "add some, or remove the hook")
    return text if text.endswith("\n") else f"{text}\n"


def _script(content: bytes, at: At) -> str:
    try:
        return _commands(content.decode(), at)
    except UnicodeDecodeError:
        raise at.error("the script is not UTF-8 text", "write a script for sh") from None


NAME = required(
    "name",
    Text(syntax.dns_label, "hook name", syntax.LABEL_PATTERN),
    "The host remembers by this name that the hook ran.",
)
BEFORE = optional("before", Choice(STAGES, "stage"), "Run before that part of an installation.")
AFTER = optional("after", Choice(STAGES, "stage"), "Run after that part of an installation.")
RUN = optional("run", Made(TEXT, _commands), "Commands for sh, as root.")
SCRIPT = optional("script", Made(CONTENT, _script), "A file of them, relative to the inventory.")
INPUTS = optional("inputs", ListOf(CONTENT), "Files whose change makes the hook run again.")
SECONDS = optional(
    "timeout", Integer(1, 3600), f"Seconds it may take; {TIMEOUT} by default.", default=TIMEOUT
)


def _one_stage(values: Values) -> Iterator[BadInput]:
    if values.has(BEFORE) == values.has(AFTER):
        what = f"{values.owner} needs exactly one of 'before' and 'after'"
        yield BadInput(what, where=values.mapping.where(), hint=f"use {', '.join(STAGES)}")


def _one_script(values: Values) -> Iterator[BadInput]:
    if values.has(RUN) == values.has(SCRIPT):
        what = f"{values.owner} needs exactly one of 'run' and 'script'"
        hint = "'run' holds the commands, 'script' names a file of them"
        yield BadInput(what, where=values.mapping.where(), hint=hint)


def _hook(values: Values) -> Hook:
    inputs = values[INPUTS]
    total = sha256(b"".join(sha256(content).digest() for content in inputs or ()))
    return Hook(
        name=values[NAME],
        stage=values[BEFORE] or values[AFTER] or "",
        after=values.has(AFTER),
        script=values[RUN] or values[SCRIPT] or "",
        inputs="" if inputs is None else total.hexdigest(),
        timeout=values[SECONDS],
    )


HOOK = Section(
    (NAME, BEFORE, AFTER, RUN, SCRIPT, INPUTS, SECONDS),
    _hook,
    title="hook",
    named_by="name",
    rules=(_one_stage, _one_script),
    ref="hook",
)
HOOKS = ListOf(HOOK, unique=lambda hook: hook.name, noun="hook")
