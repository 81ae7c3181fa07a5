# Removes files that edgeboot wrote, and their records.
#
# remove.sh PATH...
# uses: journal guard
set -eu
trap 'journal_end "remove $*"' EXIT
ours=/var/lib/edgeboot
umask 077
own_directory
for path in "$@"; do
    guard "${path%/*}/"
    rm -f "$path"
    for record in owned hashes; do
        [ -e "$ours/$record" ] || continue
        # A line in "owned" is the path, a line in "hashes" ends with it.
        case $record in
        owned) grep -vxF -e "$path" "$ours/$record" >"$ours/$record.new" || : ;;
        hashes) grep -vF -e " $path" "$ours/$record" >"$ours/$record.new" || : ;;
        esac
        mv -f "$ours/$record.new" "$ours/$record"
    done
done
sync
