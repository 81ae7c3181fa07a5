"""The names of this room in one place, for modules that use many of them."""

from __future__ import annotations

from edgeboot.yaml import foreign
from edgeboot.yaml.parser import MAX_BYTES as MAX_BYTES
from edgeboot.yaml.parser import load as load
from edgeboot.yaml.parser import parse as parse
from edgeboot.yaml.reader import Mapping as Mapping
from edgeboot.yaml.reader import Reader as Reader
from edgeboot.yaml.reader import Scalar as Scalar
from edgeboot.yaml.reader import Sequence as Sequence
from edgeboot.yaml.reader import Value as Value
from edgeboot.yaml.reader import plain as plain
from edgeboot.yaml.wording import nearest as nearest
from edgeboot.yaml.wording import quoted as quoted

parse_foreign = foreign.parse
parse_foreign_texts = foreign.parse_texts
dump_foreign = foreign.dump
