"""What a command that works on a site is given: inventory, bundle, and how to reach the hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

from edgeboot.bundle.trust.signing import Trust
from edgeboot.cli.bundle.trust import trust_options
from edgeboot.cli.options import accept_new_option, ask_options, bundle_option, inventory_option
from edgeboot.cli.run.hosts import HostSelection, Reached, host_options, reached
from edgeboot.cli.run.inputs import open_bundle
from edgeboot.cli.run.log import RunLog, logged
from edgeboot.cli.terminal.prompts import Asking
from edgeboot.inventory.model import Cluster
from edgeboot.lifecycle.cluster_state import BundleView

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Site:
    """The user's options about it."""

    inventory: Path
    bundle: Path | None
    trust: Trust
    accept_new: bool
    asking: Asking
    scope: HostSelection


@dataclass(frozen=True)
class Run:
    """A site that is being worked on."""

    log: RunLog
    bundle: BundleView
    hosts: Reached


def site_options(function: F) -> F:
    """All options about a site, folded into one ``site``."""

    @wraps(function)
    def with_site(
        *args: Any,
        inventory_path: Path,
        bundle_path: Path | None,
        trust: Trust,
        accept_new: bool,
        asking: Asking,
        scope: HostSelection,
        **kwargs: Any,
    ) -> Any:
        site = Site(inventory_path, bundle_path, trust, accept_new, asking, scope)
        return function(*args, site=site, **kwargs)

    with_hosts = accept_new_option(ask_options(host_options(with_site)))
    return cast(F, inventory_option(bundle_option(trust_options(with_hosts))))


@contextmanager
def running(site: Site, cluster: Cluster, command: str) -> Iterator[Run]:
    """The log of ``command``, the bundle and the hosts, until the end of the block."""
    with (
        logged(cluster, command) as log,
        open_bundle(cluster, site.bundle, site.trust) as bundle,
        connected_hosts(site, cluster) as hosts,
    ):
        yield Run(log, bundle, hosts)


@contextmanager
def connected_hosts(site: Site, cluster: Cluster) -> Iterator[Reached]:
    """The hosts of the site that take part."""
    with reached(cluster, site.scope, accept_new=site.accept_new, asking=site.asking) as hosts:
        yield hosts
