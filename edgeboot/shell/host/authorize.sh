# Adds a public key to a user's authorized_keys, atomically; an existing key is left alone.
#
# authorize.sh USER KEY
#
# All of it is done as that user: in a home, root could be led anywhere by a link.
set -eu
user=$1 key=$2
home=''
while IFS=: read -r name _ uid gid _ place _; do
    if [ "$name" = "$user" ]; then home=$place && break; fi
done </etc/passwd
if [ -z "$home" ] || [ ! -d "$home" ]; then
    echo "$user has no home directory" >&2
    exit 1
fi

# HOME KEY
# shellcheck disable=SC2016  # expanded by the user's shell
as_user='set -eu
umask 077
cd "$1"
key=$2 file=.ssh/authorized_keys
[ -d .ssh ] || mkdir .ssh
if [ ! -w .ssh ]; then
    echo "its user may not write to $1/.ssh: run \`chown -R $(id -u):$(id -g) $1/.ssh\` on the host" >&2
    exit 1
fi
if [ -e "$file" ] && [ ! -f "$file" ]; then
    echo "$1/$file is not a regular file" >&2
    exit 1
fi
if grep -qxF -e "$key" "$file" 2>/dev/null; then exit 0; fi
stage=$(mktemp .ssh/.authorized_keys.XXXXXX)
trap "rm -f \"$stage\"" EXIT
{
    cat "$file" 2>/dev/null || :
    # A last line without a newline would run into the new one.
    if [ -s "$file" ] && [ -n "$(tail -c 1 "$file")" ]; then echo; fi
    printf "%s\n" "$key"
} >"$stage"
sync "$stage" 2>/dev/null || sync
mv -f "$stage" "$file"
if command -v restorecon >/dev/null 2>&1; then restorecon -R .ssh || :; fi'

if [ "$(id -u)" = "$uid" ]; then
    sh -c "$as_user" authorize "$home" "$key"
elif setpriv --reuid "$uid" --regid "$gid" --clear-groups true 2>/dev/null; then
    setpriv --reuid "$uid" --regid "$gid" --clear-groups sh -c "$as_user" authorize "$home" "$key"
elif runuser -u "$user" -- true 2>/dev/null; then
    runuser -u "$user" -- sh -c "$as_user" authorize "$home" "$key"
else
    su -s /bin/sh "$user" -c "$as_user" authorize "$home" "$key"
fi
