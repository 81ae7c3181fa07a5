"""K3s's service as a systemd unit or an OpenRC script. Source: K3s's install.sh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from edgeboot.components.heading import HEAD
from edgeboot.inventory.model import Role
from edgeboot.plan import paths
from edgeboot.plan.facts import HostTraits
from edgeboot.plan.resources import File, text

SUPPORTED = ("systemd", "openrc")


# KillMode=process keeps pods running while the service restarts; Delegate=yes lets containerd
# manage its own cgroups below the service's.
_SYSTEMD = (
    HEAD
    + """\
[Unit]
Description=Lightweight Kubernetes ({role})
Documentation=https://k3s.io
Wants=network-online.target
After=network-online.target
{unit_lines}
[Install]
WantedBy=multi-user.target

[Service]
Type=notify
ExecStartPre=-/sbin/modprobe br_netfilter
ExecStartPre=-/sbin/modprobe overlay
{service_lines}{sysctl}ExecStart={binary} {role}
KillMode=process
Delegate=yes
LimitNOFILE=1048576
LimitNPROC=infinity
LimitCORE=infinity
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
EnvironmentFile=-/etc/default/%N
EnvironmentFile=-/etc/sysconfig/%N
EnvironmentFile=-{environment}
"""
)

# respawn_max=0: no limit, like Restart=always. The supervisor signals only K3s, so pods stay.
_OPENRC = (
    "#!/sbin/openrc-run\n"
    + HEAD
    + """\
description="Lightweight Kubernetes ({role})"
supervisor=supervise-daemon
name={service}
command={binary}
command_args="{role}"
output_log=/var/log/{service}.log
error_log=/var/log/{service}.log
pidfile=/run/{service}.pid
respawn_delay=5
respawn_max=0
retry="TERM/60/KILL/5"
rc_ulimit="-n 1048576 -u unlimited -c unlimited"

depend() {{
    after network-online net{time_daemons}
    want cgroups
}}

start_pre() {{
    modprobe -q br_netfilter
    modprobe -q overlay
{start_lines}{sysctl}    checkpath --file --mode 0600 --owner root:root /var/log/{service}.log
}}

set -a
if [ -f {environment} ]; then . {environment}; fi
set +a
"""
)

# K3s keeps the passwords of both tokens in a file and in its datastore, and writes the file from
# its datastore and configuration. It does not start if the file is newer, as it is once a token
# was rotated (K3s, pkg/cluster/bootstrap.go: isNewerFile). So the file gets an old time.
_AGE = "/bin/touch -c -t 200001010000 {path}"

_SYSCTL = {False: "ExecStartPre=-/sbin/sysctl -q -p {path}\n", True: "    sysctl -q -p {path}\n"}

# copytruncate: the supervisor keeps the log file open.
_LOGROTATE = (
    HEAD
    + """\
/var/log/{service}.log {{
    missingok
    notifempty
    copytruncate
    compress
    size 10M
    rotate 3
}}
"""
)


def service_file(init: str, service: str) -> str:
    """The path of the service's definition under an init system."""
    return paths.init_script(service) if init == "openrc" else paths.unit_file(service)


@dataclass(frozen=True)
class Around:
    """What must happen before the service starts: a command, time synchronisation, a mount.

    ``hardened``: the kernel settings are loaded before each start, as the kubelet checks them.
    """

    before: str | None = None
    after_time_sync: bool = False
    needs_data: bool = False
    hardened: bool = False


_NOTHING = Around()


def service_files(
    traits: HostTraits, service: str, role: Role, around: Around = _NOTHING
) -> Iterator[File]:
    """The files that define K3s's service on such a host."""
    is_openrc = traits.init == "openrc"
    unit_lines = "After=time-sync.target\n" if around.after_time_sync else ""
    unit_lines += f"RequiresMountsFor={paths.DATA}\n" if around.needs_data else ""
    before = tuple(filter(None, (around.before, _age(role))))
    words = {
        "sysctl": _SYSCTL[is_openrc].format(path=paths.SYSCTL) if around.hardened else "",
        "unit_lines": unit_lines,
        "service_lines": "".join(f"ExecStartPre=-{command}\n" for command in before),
        "time_daemons": " ntpd chronyd ntp-client" if around.after_time_sync else "",
        "start_lines": "".join(f"    {command} || :\n" for command in before),
        "service": service,
        "role": role.value,
        "binary": paths.K3S_BINARY,
        "environment": paths.environment_file(traits.init, service),
    }
    path = service_file(traits.init, service)
    if traits.init != "openrc":
        yield File(path, text(_SYSTEMD.format(**words)), restarts=service)
        return
    yield File(path, text(_OPENRC.format(**words)), 0o755, restarts=service)
    if traits.logrotate:
        yield File(paths.logrotate(service), text(_LOGROTATE.format(**words)))


def _age(role: Role) -> str | None:
    return _AGE.format(path=paths.PASSWORDS) if role is Role.SERVER else None
