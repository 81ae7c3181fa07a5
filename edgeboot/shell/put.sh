# Puts what arrives on standard input at a path, whole or not at all.
#
# put.sh DEST MODE SHA256
#
# Staged beside its destination (so that the rename stays on one file system) under a name that
# neither K3s's manifest nor its image watcher looks at, checked, flushed, renamed, flushed again.
# edgeboot's record names the path before the rename, and its hash after it: a crash between the two
# leaves a file that is ours and will be hashed again.
set -eu
dest=$1 mode=$2 sha256=$3
ours=/var/lib/edgeboot
dir=${dest%/*}
stage=$dir/.edgeboot-${dest##*/}.part
umask 077
trap 'rm -f "$stage"' EXIT
cat >"$stage"
sum=$(sha256sum <"$stage")
if [ "${sum%% *}" != "$sha256" ]; then
    echo "what arrived has sha256 ${sum%% *}, expected $sha256" >&2
    exit 74
fi
chmod "$mode" "$stage"
chown 0:0 "$stage"
sync "$stage" 2>/dev/null || sync
[ -d "$ours" ] || mkdir -m 0700 "$ours"
if ! grep -qxF -e "$dest" "$ours/owned" 2>/dev/null; then
    printf '%s\n' "$dest" >>"$ours/owned"
    sync "$ours/owned" 2>/dev/null || sync
fi
mv -f "$stage" "$dest"
sync "$dir" 2>/dev/null || sync
grep -vF -e " $dest" "$ours/hashes" >"$ours/hashes.new" 2>/dev/null || :
printf '%s %s %s\n' "$sha256" "$(stat -L -c '%i %s %Y %Z' "$dest")" "$dest" >>"$ours/hashes.new"
mv -f "$ours/hashes.new" "$ours/hashes"
