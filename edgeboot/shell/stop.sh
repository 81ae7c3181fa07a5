# Stops a service that has never come up, takes it from the boot, and forgets what it was started with.
#
# stop.sh SERVICE
# uses: journal
set -eu
trap 'journal_end "stop $1"' EXIT
systemctl disable --quiet "$1.service"
systemctl stop "$1.service"
systemctl reset-failed "$1.service" 2>/dev/null || :
rm -f "/var/lib/edgeboot/started-$1"
