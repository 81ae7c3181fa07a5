# Puts K3s's directory on another disk, by a mount unit that was written before.
#
# storage.sh NAME HASH DIRECTORY
#   DIRECTORY  on that disk
# uses: journal record
set -eu
trap 'journal_end "storage $directory"' EXIT
name=$1 hash=$2 directory=$3
data=/var/lib/rancher/k3s unit=var-lib-rancher-k3s.mount
same() { [ "$(stat -L -c %d:%i "$data" 2>/dev/null)" = "$(stat -L -c %d:%i "$directory")" ]; }

umask 022
mkdir -p "$directory" "$data"
if ! same; then
    # What would lie below the mount could not be seen any more.
    if [ -n "$(ls -A "$data")" ]; then
        echo "$data is not empty: its data would be hidden" >&2
        exit 1
    fi
    systemctl daemon-reload
    systemctl enable --quiet "$unit"
    systemctl start "$unit"
    if ! same; then
        echo "$data does not show $directory after the mount" >&2
        exit 1
    fi
fi
record "$name" "$hash"
