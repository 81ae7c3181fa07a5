# Installs uploaded packages, without a repository, and removes their files.
#
# package.sh FILE...
# uses: journal guard
set -eu
trap 'journal_end "package $*"' EXIT
own_directory
case $1 in
*.deb) DEBIAN_FRONTEND=noninteractive dpkg --install "$@" >&2 </dev/null ;;
*.rpm) rpm --upgrade --replacepkgs "$@" >&2 </dev/null ;;
*)
    echo "unknown kind of package: $1" >&2
    exit 64 ;;
esac
depmod -a 2>/dev/null || :
ours=/var/lib/edgeboot
for path in "$@"; do
    rm -f "$path"
    grep -vxF -e "$path" "$ours/owned" >"$ours/owned.new" || :
    mv -f "$ours/owned.new" "$ours/owned"
done
sync
