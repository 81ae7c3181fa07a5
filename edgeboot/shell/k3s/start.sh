# Starts or restarts a service without waiting for it, and records what it was started with.
#
# start.sh SERVICE HASH
# uses: init journal guard
set -eu
trap 'journal_end "start $1"' EXIT
service=$1 hash=$2
ours=/var/lib/edgeboot
umask 077
own_directory
service_start "$service"
printf '%s\n' "$hash" >"$ours/started-$service.new"
sync "$ours/started-$service.new" 2>/dev/null || sync
mv -f "$ours/started-$service.new" "$ours/started-$service"
