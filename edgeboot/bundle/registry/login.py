"""User and password for an HTTP server, by its host: from netrc, else from docker's configuration.

An answer is given for one host only and over https or loopback only, so a redirect never carries a
credential to another host. netrc's ``default`` entry is not used: it would go to every host.
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
    """Who to be at the host of a URL; None for nobody. BadInput where netrc cannot be read."""
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
