# Services under systemd and OpenRC, in systemd's words: the only place that handles both.
# Functions only; used by other snippets.
#
# OpenRC keeps the state of a supervised service below /run/openrc (also on Alpine), has no journal,
# and is never notified that a service is ready: there "active" means that it runs.

if [ -d /run/systemd/system ]; then init=systemd
elif [ -d /run/openrc ]; then init=openrc
else init=unknown; fi

service_active() { # NAME: prints active, activating, failed, inactive …
    case $init in
    systemd) systemctl is-active "$1.service" 2>/dev/null || : ;;
    openrc)
        [ -e "/etc/init.d/$1" ] || { echo inactive; return; }
        code=0
        rc-service "$1" status >/dev/null 2>&1 || code=$?
        case $code in
        0) if service_pid "$1" >/dev/null; then echo active; else echo activating; fi ;;
        8) echo activating ;;
        4) echo deactivating ;;
        32 | 64) echo failed ;;
        *) echo inactive ;;
        esac ;;
    *) echo inactive ;;
    esac
}

service_enabled() { # NAME: whether it is started at boot
    case $init in
    systemd) systemctl is-enabled -q "$1.service" 2>/dev/null ;;
    openrc) [ -e "/etc/runlevels/default/$1" ] ;;
    *) false ;;
    esac
}

# An agent with a wrong token never becomes ready and systemd would wait for ever: hence --no-block.
service_start() { # NAME: enables it and starts it anew, without waiting for it
    case $init in
    systemd)
        systemctl daemon-reload
        systemctl enable --quiet "$1.service"
        systemctl reset-failed "$1.service" 2>/dev/null || :
        systemctl restart --no-block "$1.service" ;;
    openrc)
        rc-update --quiet add "$1" default
        case $(service_active "$1") in
        failed) rc-service --quiet "$1" zap ;;
        esac
        # A supervisor left on standard output would keep the connection open.
        rc-service --quiet "$1" restart >/dev/null 2>&1 </dev/null ;;
    esac
}

service_stop() { # NAME: stops it and takes it from the boot
    case $init in
    systemd)
        systemctl disable --quiet --now "$1.service" 2>/dev/null || systemctl stop "$1.service" 2>/dev/null || :
        systemctl reset-failed "$1.service" 2>/dev/null || : ;;
    openrc)
        [ -e "/etc/init.d/$1" ] || return 0
        rc-service --quiet --ifstarted "$1" stop >/dev/null 2>&1 </dev/null || :
        rc-service --quiet "$1" zap >/dev/null 2>&1 || :
        rc-update --quiet del "$1" default >/dev/null 2>&1 || : ;;
    esac
}

service_pid() { # NAME: prints the process of the service itself, or fails
    case $init in
    systemd) pid=$(systemctl show "$1.service" -p MainPID --value 2>/dev/null) ;;
    openrc) pid=$(cat "/run/openrc/options/$1/child_pid" 2>/dev/null) ;;
    *) pid=0 ;;
    esac
    [ "${pid:-0}" -gt 0 ] && [ -d "/proc/$pid" ] && echo "$pid"
}

service_restarts() { # NAME: prints how often its manager has restarted it
    case $init in
    systemd) count=$(systemctl show "$1.service" -p NRestarts --value 2>/dev/null) ;;
    openrc)
        count=$(cat "/run/openrc/options/$1/start_count" 2>/dev/null) ;; # 0 for the first
    *) count=0 ;;
    esac
    echo "${count:-0}"
}

service_log() { # NAME LINES SINCE: prints the last lines of what it said, under systemd since a time
    case $init in
    systemd) journalctl --no-pager -q -o cat -n "$2" -S "@$3" -u "$1.service" ;;
    openrc) tail -n "$2" "/var/log/$1.log" ;;
    *) false ;;
    esac
}
