# Stops and disables a service that never became active, and deletes the record of its start.
#
# stop.sh SERVICE
# uses: init journal
set -eu
trap 'journal_end "stop $1"' EXIT
service_stop "$1"
rm -f "/var/lib/edgeboot/started-$1"
