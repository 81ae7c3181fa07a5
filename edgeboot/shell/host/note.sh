# Notes in the host's journal what was done from afar, through the cluster's API.
#
# note.sh STEP RESULT
# uses: journal
set -u
journal "$1" "$2"
