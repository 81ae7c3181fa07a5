# Applies drop-in files that were written or removed, and records which.
#
# activate.sh NAME HASH [WORD...]
#   HASH  of the files to apply; "-" if there are none any more
#
# journald · timesyncd · chrony · swap · wifi INTERFACE...
# uses: init journal record guard
set -eu
trap 'journal_end "activate $name"' EXIT
name=$1 hash=$2
shift 2

# shellcheck disable=SC2154  # init is set by init.sh
restart() { # SERVICE...: only those that run
    for service in "$@"; do
        case $init in
        systemd) systemctl try-restart "$service.service" ;;
        openrc) rc-service --quiet --ifstarted "$service" restart >/dev/null 2>&1 </dev/null || : ;;
        esac
    done
}

quiet() { # INTERFACE...: turns power saving off
    for interface in "$@"; do iw dev "$interface" set power_save off || :; done
    if command -v nmcli >/dev/null 2>&1; then nmcli general reload conf || :; fi
}

own_directory
case $name in
journald) systemctl restart systemd-journald.service ;;
timesyncd)
    if [ "$hash" != - ]; then systemctl enable --quiet systemd-timesyncd.service; fi
    systemctl restart systemd-timesyncd.service ;;
chrony) restart chrony chronyd ;;
swap)
    service_stop edgeboot-swap
    if [ "$hash" != - ]; then
        service_start edgeboot-swap
        sh /var/lib/edgeboot/swap.sh check
    fi ;;
wifi) if [ "$hash" != - ]; then quiet "$@"; fi ;;
*)
    echo "unknown name $name" >&2
    exit 64 ;;
esac
record "$name" "$hash"
