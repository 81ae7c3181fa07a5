# Stops a service that has never come up, takes it from the boot, and forgets what it was started with.
#
# stop.sh SERVICE
# uses: init journal
set -eu
trap 'journal_end "stop $1"' EXIT
service_stop "$1"
rm -f "/var/lib/edgeboot/started-$1"
