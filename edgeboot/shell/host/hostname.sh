# Sets the hostname, now and for the next boots; the old name still resolves.
#
# hostname.sh NAME
# uses: journal
set -eu
trap 'journal_end "hostname $1"' EXIT
name=$1
umask 022
rm -f /etc/hostname.edgeboot-new
printf '%s\n' "$name" >/etc/hostname.edgeboot-new
sync /etc/hostname.edgeboot-new 2>/dev/null || sync
mv -f /etc/hostname.edgeboot-new /etc/hostname
# sudo looks up the host's own name and is slow, or complains, if it does not resolve.
if ! grep -qsE "^[^#]*[[:space:]]$name([[:space:]]|\$)" /etc/hosts; then
    printf '127.0.1.1\t%s\n' "$name" >>/etc/hosts
fi
printf '%s' "$name" >/proc/sys/kernel/hostname
sync
