# Loads kernel modules now.
#
# modules.sh NAME...
set -eu
for module in "$@"; do modprobe "$module"; done
