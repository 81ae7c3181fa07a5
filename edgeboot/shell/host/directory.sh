# Makes a directory, its parents too, or sets the mode of one that is there.
#
# directory.sh PATH MODE
# uses: journal
set -eu
trap 'journal_end "directory $1"' EXIT
mkdir -p "$1"
chmod "$2" "$1"
chown 0:0 "$1"
