# Prints what of K3s and edgeboot is on a host, one thing a line; changes nothing.
#
# survey.sh
#
# service NAME · processes COUNT · mount POINT · namespace NAME · link NAME · rules COUNT ·
# path KIBIBYTES PATH · disk POINT (a file system of its own below K3s's directory) ·
# moved LINK KIBIBYTES TARGET (a directory of K3s's elsewhere) · astray PLACE WHY (cannot be removed) ·
# volume KIBIBYTES PATH · data KIBIBYTES PATH · record · end
# uses: init openings processes remains
set -u

kibibytes() { du -s -k -x -H "$1" 2>/dev/null | cut -f 1; }

for name in k3s k3s-agent edgeboot-swap; do
    active=$(service_active "$name")
    if service_enabled "$name" || [ "$active" != inactive ]; then echo "service $name"; fi
done
# shellcheck disable=SC2154  # set by remains.sh
for path in "$data"/storage/*; do
    [ -e "$path" ] && printf 'volume %s %s\n' "$(kibibytes "$path")" "$path"
done
for path in "$data/server/db" "$data/agent/containerd" "$data/agent/images"; do
    [ -e "$path" ] && printf 'data %s %s\n' "$(kibibytes "$path")" "$path"
done
printf 'processes %s\n' "$(remaining_processes | wc -l)"
remaining_mounts | sed 's/^/mount /'
remaining_namespaces | sed 's/^/namespace /'
remaining_links | sed 's/^/link /'
printf 'rules %s\n' "$(remaining_rules)"
mounts_below "$(real "$data")" | sed 's/^/disk /'
moved_places | while read -r link; do
    why=$(why_not_empty "$link")
    if [ -n "$why" ]; then
        printf 'astray %s %s\n' "$link" "$why"
    else
        target=$(real "$link")
        # shellcheck disable=SC2034  # has_entries reads it
        mounted=$(mounts_below "$target")
        if has_entries "$target"; then printf 'moved %s %s %s\n' "$link" "$(kibibytes "$target")" "$target"; fi
    fi
done
if [ ! -L "$data" ] && is_mount_point "$data"; then
    why=$(why_not_empty "$data")
    [ -z "$why" ] || printf 'astray %s %s\n' "$data" "$why"
fi
remaining_paths | sort -u | while read -r path; do
    # shellcheck disable=SC2034  # has_content reads it
    mounted=$(mounts_below "$(real "$path")")
    # Where only mount points are left of a directory, it is as empty as it can be.
    if ! has_content "$path"; then continue; fi
    printf 'path %s %s\n' "$(kibibytes "$path")" "$path"
done
for entry in /var/lib/edgeboot/* /var/lib/edgeboot/.[!.]*; do
    case $entry in */lock) continue ;; esac
    if [ -e "$entry" ]; then echo record; break; fi
done
echo end
