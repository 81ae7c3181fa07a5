# Prints the boot ID and, if it is still the given one, reboots after a moment, so that the answer is
# sent first. Running it again is harmless.
#
# reboot.sh BOOT-ID
#   BOOT-ID  of the boot to end
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
