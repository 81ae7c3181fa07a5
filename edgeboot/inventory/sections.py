"""Which keys each part of ``inventory.yml`` has: one table for the loader and the JSON Schema."""

from __future__ import annotations

from edgeboot.inventory import hosts
from edgeboot.inventory.budget.values import FIGURES
from edgeboot.inventory.cluster import SCHEMAS

COMPONENTS = tuple(SCHEMAS)
TOP = ("cluster", "bundle", "bundle-keys", "allow-unsigned", "defaults", "roles", "groups", "nodes")
CLUSTER = ("name", "vip", "datastore", "config", *COMPONENTS)
DATASTORE = ("endpoint-file", "endpoint-env")
ROLES = ("server", "agent")
SETTINGS = ("ssh", "labels", "taints", "profiles", "config", "budget", *hosts.KEYS)
PROFILES = ("lean", "sd-card", "cis")
NODE = ("name", "address", "role", "groups", "node-ip", *SETTINGS)
JUMP = ("address", "user", "port", "key", "host-key", "password")
SSH = ("user", "port", "key", "host-key", "password", "jump")
BUDGET = ("base", *FIGURES, "components")
