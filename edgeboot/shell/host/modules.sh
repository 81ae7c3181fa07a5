# Loads kernel modules now.
#
# modules.sh NAME...
# uses: journal
set -eu
trap 'journal_end "modules $*"' EXIT
for module in "$@"; do modprobe "$module"; done
