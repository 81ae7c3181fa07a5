# Says which boot this is, and ends it in a moment (so that the answer still gets out) if it is the
# one that shall end. Saying so again does no harm.
#
# reboot.sh BOOT-ID
#   BOOT-ID  the boot that shall end
# uses: journal
set -eu
trap 'journal_end "reboot"' EXIT
now=$(cat /proc/sys/kernel/random/boot_id)
echo "$now"
[ "$now" = "$1" ] || exit 0
sync
(
    sleep 1
    if command -v systemctl >/dev/null 2>&1; then systemctl reboot; else reboot; fi
) </dev/null >/dev/null 2>&1 &
