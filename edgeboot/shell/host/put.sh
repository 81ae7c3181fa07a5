# Writes standard input to a path, atomically.
#
# put.sh DEST MODE SHA256 [SIZE OFFSET]
#   SIZE    length of the whole file; a part of it is kept if the stream breaks
#   OFFSET  bytes at the beginning of the staged file that are known to be right; the stream starts
#           there. A multiple of 64 KiB
#
# The file is staged beside its destination (so that the rename stays on one file system) under a name
# that K3s's manifest and image watchers ignore; then checked, flushed, renamed, flushed again. The
# name contains the content's hash, so that a part is never continued with another file's bytes.
# edgeboot's record gets the path before the rename and the hash after it: a crash in between leaves
# a file that is known to be edgeboot's and that will be hashed again.
# uses: journal guard processes
set -eu
dest=$1 mode=$2 sha256=$3 size=${4:-0} offset=${5:-0}
ours=/var/lib/edgeboot
dir=${dest%/*}
begin=$dir/.edgeboot-${dest##*/}
stage=$begin.$sha256.part
umask 077
guard "$dir/"
if [ -d "$dest" ]; then refuse "$dest is a directory"; fi
own_directory

# A stage that is shorter than the whole file can be continued; any other is wrong for good.
ended() {
    journal_end "put $dest"
    if [ -f "$stage" ] && [ "$(stat -c %s "$stage")" -ge "$size" ]; then rm -f "$stage"; fi
}
trap ended EXIT

# Without disk space nothing is kept. A writer that a later run ended (by a signal) leaves the stage,
# which that run continues.
not_written() { # CODE [WORDS]
    code=$1 && shift
    [ "$code" -le 128 ] || exit 74
    rm -f "$stage"
    printf '%s\n' "$@" >&2
    exit 73
}

# Only what an earlier upload has left is continued: a file of its own.
if [ -L "$stage" ] || [ ! -f "$stage" ] || [ "$(stat -c %h "$stage")" != 1 ]; then rm -f "$stage"; fi
for old in "$begin".*.part; do
    if [ "$old" != "$stage" ]; then rm -f "$old"; fi
done
# An earlier connection that has not ended yet may still have the stage open for writing, and a binary
# that is open for writing cannot be started ("text file busy").
end_former_writers() {
    literal=$(printf '%s' "$stage" | sed 's/[].[^$\\*+?(){}|#]/\\&/g')
    for pid in $(open_by "$literal" | sed 's/.* //'); do kill -9 "$pid" 2>/dev/null || :; done
}

if [ "$offset" -gt 0 ] && [ "$(stat -c %s "$stage" 2>/dev/null || echo 0)" -ge "$offset" ]; then
    end_former_writers
    said=$(dd of="$stage" bs=65536 seek="$((offset / 65536))" conv=notrunc 2>&1) || not_written $? "$said"
else
    rm -f "$stage"
    cat >"$stage" || not_written $?
fi
sum=$(sha256sum <"$stage")
if [ "${sum%% *}" != "$sha256" ]; then
    echo "the upload has sha256 ${sum%% *}, expected $sha256" >&2
    exit 74
fi
chmod "$mode" "$stage"
chown 0:0 "$stage"
sync "$stage" 2>/dev/null || sync
if ! grep -qxF -e "$dest" "$ours/owned" 2>/dev/null; then
    printf '%s\n' "$dest" >>"$ours/owned"
    sync "$ours/owned" 2>/dev/null || sync
fi
mv -f "$stage" "$dest"
sync "$dir" 2>/dev/null || sync
grep -vF -e " $dest" "$ours/hashes" >"$ours/hashes.new" 2>/dev/null || :
printf '%s %s %s\n' "$sha256" "$(stat -L -c '%i %s %Y %Z' "$dest")" "$dest" >>"$ours/hashes.new"
mv -f "$ours/hashes.new" "$ours/hashes"
