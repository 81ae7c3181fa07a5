# Runs the operator's commands, which arrive on standard input, and records that they ran.
#
# hook.sh NAME HASH SECONDS NODE ROLE
#   NAME     of the record, hook-…
#   SECONDS  that they may take
#
# They run with sh, as root, in /, with EDGEBOOT_NODE and EDGEBOOT_ROLE in their environment. If they
# fail, the last lines of their output are printed.
# uses: journal record guard
set -eu
name=$1 hash=$2 seconds=$3
ours=/var/lib/edgeboot
script=$ours/$name.sh said=$ours/$name.out
umask 077
own_directory
trap 'journal_end "$name"; rm -f "$script" "$said"' EXIT
cat >"$script"
EDGEBOOT_NODE=$4 EDGEBOOT_ROLE=$5
export EDGEBOOT_NODE EDGEBOOT_ROLE
cd /
code=0
(umask 022 && exec timeout "$seconds" sh "$script") </dev/null >"$said" 2>&1 || code=$?
if [ "$code" != 0 ]; then
    case $code in
    124 | 143) echo "stopped after $seconds s" >&2 ;; # of coreutils, of BusyBox
    esac
    tail -n 20 "$said" >&2
    exit "$code"
fi
record "$name" "$hash"
