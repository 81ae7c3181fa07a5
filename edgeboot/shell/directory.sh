# Makes a directory, its parents too, or sets the mode of one that is there.
#
# directory.sh PATH MODE
set -eu
mkdir -p "$1"
chmod "$2" "$1"
chown 0:0 "$1"
