# Opens in firewalld or ufw what /var/lib/edgeboot/firewall lists, and closes what it listed before.
#
# firewall.sh NAME HASH
#   HASH  of the list; "-" if there is none any more
#
# A line is "port PROTOCOL NUMBER SOURCE" or "network SOURCE"; SOURCE is an address, or "any".
# uses: journal record openings guard
set -eu
trap 'journal_end "firewall"' EXIT
name=$1 hash=$2
own_directory
wanted=/var/lib/edgeboot/firewall
[ -e "$wanted" ] || wanted=/dev/null
change_openings "$wanted"
record "$name" "$hash"
