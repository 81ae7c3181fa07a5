# Creates a directory and its parents, or sets the mode of an existing one.
#
# directory.sh PATH MODE
# uses: journal guard
set -eu
trap 'journal_end "directory $1"' EXIT
parent=${1%/*}
guard "$parent/" new
mkdir -p "$1"
guard "$parent/"
# Through an administrator's link, but never to a directory that is the system's or a user's.
place=$(cd -P "$1" && pwd -P)
if [ "$place" != "$1" ]; then
    guard "${place%/*}/"
    case $place in
    / | /bin | /boot | /dev | /etc | /home | /home/* | /lib* | /media | /mnt | /opt | /proc | /root | \
        /run | /sbin | /srv | /sys | /tmp | /usr | /usr/* | /var | /var/lib | /var/log | /var/tmp)
        if [ -L "$1" ]; then refuse "$1 leads to $place, which is not changed: remove the link and rerun"; fi ;;
    esac
fi
cd -P "$1"
chown 0:0 .
chmod "$2" .
