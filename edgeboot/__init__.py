"""edgeboot: a K3s cluster on low-resource hosts, offline, verified against budgets."""

__version__ = "0.1.0.dev0"
