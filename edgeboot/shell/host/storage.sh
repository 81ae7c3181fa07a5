# Mounts K3s's data directory from another disk, by a mount unit that is there already.
#
# storage.sh NAME HASH DIRECTORY
#   DIRECTORY  on that disk
# uses: journal record guard
set -eu
trap 'journal_end "storage $directory"' EXIT
name=$1 hash=$2 directory=$3
data=/var/lib/rancher/k3s unit=var-lib-rancher-k3s.mount
same() { [ "$(stat -L -c %d:%i "$data" 2>/dev/null)" = "$(stat -L -c %d:%i "$directory")" ]; }

umask 022
own_directory
guard "$directory/" new
guard "${data%/*}/"
mkdir -p "$directory" "$data"
guard "$directory/"
if ! same; then
    # The mount would hide what is there.
    if [ -n "$(ls -A "$data")" ]; then
        echo "$data is not empty: the mount would hide its data" >&2
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
