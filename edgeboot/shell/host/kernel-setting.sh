# Sets a kernel setting now; a file in /etc/sysctl.d sets it at boot.
#
# kernel-setting.sh NAME VALUE
#   NAME  with dots
# uses: journal
set -eu
trap 'journal_end "kernel-setting $name"' EXIT
name=$1 value=$2
file=/proc/sys/$(printf '%s' "$name" | tr . /)
printf '%s\n' "$value" >"$file"
[ "$(cat "$file")" = "$value" ]
