"""User and password for an HTTP server, from netrc or from Docker's configuration.

Credentials are looked up by host, and only for https or loopback, so a redirect never takes them to
another host. The ``default`` entry of netrc is ignored: it would go to every host.
"""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from urllib.parse import urlsplit

from edgeboot.bundle.http.urls import is_loopback
from edgeboot.bundle.registry.keychain import Keychain
from edgeboot.errors import BadInput

Login = tuple[str, str]


def login_for(url: str) -> Login | None:
    """Return user and password for the host of a URL, or None; raises BadInput for a bad netrc."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not is_loopback(host):
        return None
    return _from_netrc(host) or _from_docker(parts.netloc)


def _from_netrc(host: str) -> Login | None:
    path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
    if not path.is_file():
        return None
    try:
        found = netrc.netrc(path).hosts.get(host)
    except (netrc.NetrcParseError, OSError) as error:
        what = error.msg if isinstance(error, netrc.NetrcParseError) else str(error.strerror)
        raise BadInput(f"cannot read {path}: {what}") from None
    return (found[0], found[2] or "") if found else None


def _from_docker(netloc: str) -> Login | None:
    found = Keychain().credential(netloc)
    if found is None or found.user is None:  # an identity token is for registries only
        return None
    return found.user, found.secret.value.decode()
