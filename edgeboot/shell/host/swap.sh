# Compressed memory instead of swap on a card, or no swap; stays on the host.
#
# swap.sh start zram | start none | stop | check
#
# Does not change /etc/fstab: without this service the previous swap is back.
set -u
run=/run/edgeboot-swap
mode=${2:-}

disk_swaps() { sed -n '1!s/^\([^[:space:]]*\).*/\1/p' /proc/swaps | grep -v '^/dev/zram' || :; }

start() {
    for swap in $(disk_swaps); do swapoff "$swap" || return 1; done
    [ "$mode" = zram ] || return 0
    if grep -q '^/dev/zram' /proc/swaps; then return 0; fi
    modprobe zram 2>/dev/null
    # The first device may be in use for something else: add one then.
    number=0
    if [ "$(cat /sys/block/zram0/disksize 2>/dev/null || echo 1)" != 0 ]; then
        number=$(cat /sys/class/zram-control/hot_add) || return 1
    fi
    kibibytes=$(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo)
    for kind in zstd lz4; do
        if echo "$kind" >"/sys/block/zram$number/comp_algorithm"; then break; fi
    done 2>/dev/null
    echo "$((kibibytes / 2))K" >"/sys/block/zram$number/disksize" || return 1
    mkswap "/dev/zram$number" >/dev/null && swapon -p 100 "/dev/zram$number" || return 1
    echo "$number" >"$run"
}

stop() {
    number=$(cat "$run" 2>/dev/null) || return 0
    swapoff "/dev/zram$number" && echo 1 >"/sys/block/zram$number/reset"
    rm -f "$run"
}

check() { # waits up to a minute, since cards are slow, until swap is as configured
    tries=0
    while [ "$tries" -lt 60 ]; do
        tries=$((tries + 1))
        wanted=$(cat "$run.mode" 2>/dev/null)
        case $wanted in
        none) [ -n "$(disk_swaps)" ] || return 0 ;;
        zram) if grep -q '^/dev/zram' /proc/swaps && [ -z "$(disk_swaps)" ]; then return 0; fi ;;
        esac
        sleep 1
    done
    echo "swap is not configured as requested: $(cat "$run.why" 2>/dev/null)" >&2
    return 1
}

case ${1:-} in
start)
    echo "$mode" >"$run.mode"
    start 2>"$run.why" ;;
stop) stop ;;
check) check ;;
*) exit 64 ;;
esac
