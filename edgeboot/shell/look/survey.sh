# Prints what of K3s and edgeboot is on a host, one thing a line; changes nothing.
#
# survey.sh
#
# service NAME · processes COUNT · mount POINT · namespace NAME · link NAME · rules COUNT ·
# path KIBIBYTES PATH · disk POINT (a file system of its own below K3s's directory) ·
# volume KIBIBYTES PATH · data KIBIBYTES PATH · claims BASE64 (persistent volumes, if the API
# answers) · nodes BASE64 (the cluster's nodes, likewise) · record · end
# uses: init openings remains
set -u
export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root

kibibytes() { du -s -k -x "$1" 2>/dev/null | cut -f 1; }

ask() { # KEY KIND
    answer=$(timeout 30 /usr/local/bin/k3s kubectl get "$2" -o json --request-timeout=20s 2>/dev/null) || return 0
    printf '%s %s\n' "$1" "$(printf '%s' "$answer" | base64 | tr -d '\n')"
}

for name in k3s k3s-agent edgeboot-swap; do
    active=$(service_active "$name")
    if service_enabled "$name" || [ "$active" != inactive ]; then echo "service $name"; fi
done
if [ "$(service_active k3s)" = active ]; then
    ask claims persistentvolumes
    ask nodes nodes
fi
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
mounts_below "$data" | sed 's/^/disk /'
remaining_paths | sort -u | while read -r path; do
    # shellcheck disable=SC2034  # has_content reads it
    mounted=$(mounts_below "$path")
    # Where only mount points are left of a directory, it is as empty as it can be.
    if ! has_content "$path"; then continue; fi
    printf 'path %s %s\n' "$(kibibytes "$path")" "$path"
done
for entry in /var/lib/edgeboot/* /var/lib/edgeboot/.[!.]*; do
    case $entry in */lock) continue ;; esac
    if [ -e "$entry" ]; then echo record; break; fi
done
echo end
