# Creates a directory and its parents, or sets the mode of an existing one.
#
# directory.sh PATH MODE
# uses: journal
set -eu
trap 'journal_end "directory $1"' EXIT
mkdir -p "$1"
chmod "$2" "$1"
chown 0:0 "$1"
