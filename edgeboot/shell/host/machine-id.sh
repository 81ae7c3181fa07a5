# Writes a new machine-id, which applies from the next boot.
#
# machine-id.sh OLD
#   OLD  the one that it shares with another host
# uses: journal
set -eu
trap 'journal_end "machine-id"' EXIT
umask 022
[ "$(cat /etc/machine-id)" = "$1" ] || exit 0
new=$(tr -d '-' </proc/sys/kernel/random/uuid)
[ "${#new}" = 32 ]
for file in /var/lib/dbus/machine-id /etc/machine-id; do
    if [ ! -f "$file" ] || [ -L "$file" ]; then continue; fi
    rm -f "$file.edgeboot-new"
    printf '%s\n' "$new" >"$file.edgeboot-new"
    chmod 0444 "$file.edgeboot-new"
    sync "$file.edgeboot-new" 2>/dev/null || sync
    mv -f "$file.edgeboot-new" "$file"
done
sync
