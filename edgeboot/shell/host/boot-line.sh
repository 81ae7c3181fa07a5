# Replaces the single line of kernel parameters in a boot file, if it is still what was seen.
#
# boot-line.sh FILE SHA256 LINE
#   SHA256  of the file as it was when the change was decided
#
# The file as it first was stays beside it. No owner or mode is set: the boot partition is FAT.
# uses: journal
set -eu
file=$1 sha256=$2 line=$3
backup=$file.edgeboot-backup stage=$file.edgeboot-new
trap 'journal_end "boot-line $file"; rm -f "$stage"' EXIT
sum=$(sha256sum <"$file")
if [ "${sum%% *}" != "$sha256" ]; then
    [ "$(cat "$file")" = "$line" ] && exit 0
    echo "$file has changed since it was looked at; it is left alone" >&2
    exit 74
fi
if [ ! -e "$backup" ]; then
    cp "$file" "$stage"
    sync "$stage" 2>/dev/null || sync
    mv -f "$stage" "$backup"
fi
printf '%s\n' "$line" >"$stage"
sync "$stage" 2>/dev/null || sync
[ "$(cat "$stage")" = "$line" ]
mv -f "$stage" "$file"
sync
