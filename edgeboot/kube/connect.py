"""Opens a server's API: chooses the way for each host, each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edgeboot.kube.api import ApiError, KubeApi
from edgeboot.kube.credentials import parse_credentials
from edgeboot.kube.https import HttpsApi
from edgeboot.kube.kubectl import KubectlApi
from edgeboot.secret import Secret
from edgeboot.transport.base import Argv, NoChannel, Transport

KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
_DEADLINE = 30.0


@contextmanager
def api_of(transport: Transport, kubeconfig: Secret | None = None) -> Iterator[KubeApi]:
    """The API of the server a transport leads to, closed at the end.

    ``kubeconfig`` is the server's, if it has been read already. ``ApiError`` if K3s has not written
    its kubeconfig yet, or nothing listens on its port.
    """
    credentials = parse_credentials(kubeconfig or read_kubeconfig(transport), transport.node)
    channel = transport.open_channel(credentials.host, credentials.port, deadline=_DEADLINE)
    api: KubeApi
    if not isinstance(channel, NoChannel):
        api = HttpsApi(transport, credentials, channel)
    elif channel.forbidden:
        api = KubectlApi(transport)
    else:
        raise ApiError(f"the API does not answer: {channel.why}", where=transport.node)
    try:
        yield api
    finally:
        api.close()


def read_kubeconfig(transport: Transport) -> Secret:
    """The administrator's kubeconfig of a server, as K3s wrote it."""
    done = transport.run(Argv(("cat", KUBECONFIG)), deadline=_DEADLINE)
    if not done.ok:
        raise ApiError(
            "K3s has not written its kubeconfig yet",
            where=transport.node,
            hint="see `edgeboot status`",
        )
    return Secret(done.stdout.encode())
