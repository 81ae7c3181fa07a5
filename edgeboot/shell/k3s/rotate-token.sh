# Has K3s make the servers another token, and takes it over into what K3s is started with.
#
# rotate-token.sh new|finish
#   new     make one
#   finish  only where one was made and not taken over
#
# K3s writes the new token down first and encrypts its data with it then. A K3s that runs lets in who
# has the one it was started with, until it is restarted. One that does not start says which of the two
# its data have. The former token is kept for snapshots that were made with it.
# uses: init journal
set -eu
trap 'journal_end "rotate-token $mode"' EXIT
mode=$1
ours=/var/lib/edgeboot
theirs=/var/lib/rancher/k3s/server/token
file=/etc/rancher/k3s/edgeboot-token
former=$ours/former-server-tokens
k3s=/usr/local/bin/k3s
umask 077

password() { # TOKEN
    case $1 in
    K10*::*:*) rest=${1#*::} && printf '%s' "${rest#*:}" ;;
    *) printf '%s' "$1" ;;
    esac
}

made() { # what K3s has written down last
    whole=$(cat "$theirs")
    [ "$(password "$whole")" != "$own" ]
}

rotate() {
    said=$(ask "$own") && return
    # One that was not restarted since the last change still goes by the token from before.
    if [ -s "$former" ] && [ "$(cat "$theirs")" = "$whole" ]; then
        said=$(ask "$(tail -n 1 "$former")") && return
    fi
    printf '%s\n' "$said" | grep -v WARNING >&2
    exit 1
}

# The token is in the environment, for arguments can be read by everybody. K3s writes down in its
# kubeconfig at which address it is found on this host.
ask() ( # PASSWORD
    url=$(sed -n 's/^ *server: *//p' /etc/rancher/k3s/k3s.yaml | head -n 1)
    unset K3S_URL KUBECONFIG
    K3S_TOKEN="${whole%%::*}::server:$1" timeout 90 "$k3s" token rotate --server "$url" 2>&1 9<&-
)

# Which token the data of a K3s have that does not start with the one it is told.
await_complaint() {
    since=$(stat -c %Y "$theirs")
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        made || return 0
        case $(service_log k3s 300 "$since" | grep -oE 'encrypted with different token|newer than datastore' | tail -n 1) in
        encrypted*) return 0 ;;
        newer*)
            echo "K3s was cut off before its data had the new token, and does not start" >&2
            exit 1 ;;
        esac
        sleep 3
    done
    echo "K3s neither starts nor says which token its data have" >&2
    exit 1
}

exec 9<"$ours"
flock 9 # a run before may still be at it, its link cut
own=$(password "$(cat "$file")")
whole=$(cat "$theirs")
if [ "$mode" = new ] || made; then
    if [ "$(service_active k3s)" = active ]; then rotate; else await_complaint; fi
    if ! made; then
        [ "$mode" = finish ] || echo "K3s made no new token" >&2
        [ "$mode" = finish ]
    else
        printf '%s\n' "$own" >>"$former"
        sync "$former" 2>/dev/null || sync
        printf '%s' "$whole" >"$file.new"
        sync "$file.new" 2>/dev/null || sync
        mv -f "$file.new" "$file"
        sync "${file%/*}" 2>/dev/null || sync
    fi
fi
