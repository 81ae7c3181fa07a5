# Replaces the single line of kernel parameters in a boot file, if the file has not changed.
#
# boot-line.sh FILE SHA256 LINE
#   SHA256  of the file as it was when the change was decided
#
# Keeps the original file beside it. Sets no owner or mode: the boot partition is FAT.
# uses: journal guard
set -eu
file=$1 sha256=$2 line=$3
backup=$file.edgeboot-backup stage=$file.edgeboot-new
trap 'journal_end "boot-line $file"; rm -f "$stage"' EXIT
guard "${file%/*}/"
rm -f "$stage"
sum=$(sha256sum <"$file")
if [ "${sum%% *}" != "$sha256" ]; then
    [ "$(cat "$file")" = "$line" ] && exit 0
    echo "$file has changed since the plan was made; it was left alone" >&2
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
