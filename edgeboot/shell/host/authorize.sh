# Adds a public key to a user's authorized_keys, atomically; an existing key is left alone.
#
# authorize.sh USER KEY
set -eu
user=$1 key=$2
entry=$(grep -e "^$user:" /etc/passwd | head -n 1)
home=$(printf '%s\n' "$entry" | cut -d : -f 6)
owner=$(printf '%s\n' "$entry" | cut -d : -f 3,4)
if [ -z "$home" ] || [ ! -d "$home" ]; then
    echo "$user has no home directory" >&2
    exit 1
fi
umask 077
[ -d "$home/.ssh" ] || mkdir "$home/.ssh"
file=$home/.ssh/authorized_keys
if grep -qxF -e "$key" "$file" 2>/dev/null; then exit 0; fi
stage=$file.edgeboot
trap 'rm -f "$stage"' EXIT
{
    cat "$file" 2>/dev/null || :
    # A last line without a newline would run into the new one.
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo; fi
    printf '%s\n' "$key"
} >"$stage"
chown "$owner" "$home/.ssh" "$stage"
sync "$stage" 2>/dev/null || sync
mv -f "$stage" "$file"
if command -v restorecon >/dev/null 2>&1; then restorecon -R "$home/.ssh" || :; fi
