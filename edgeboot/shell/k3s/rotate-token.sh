# Has K3s rotate the servers' token, and writes the new one to the file that K3s is started with.
#
# rotate-token.sh new|finish
#   new     rotate
#   finish  only finish a rotation whose token is not in the file yet
#
# K3s first records the new token, then encrypts its data with it. A running K3s accepts the token it
# was started with until it restarts. A K3s that does not start logs which of the two its data uses.
# The old token is kept for snapshots that were made with it.
# uses: init journal guard
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

made() { # whether K3s has recorded another token than the file's
    whole=$(cat "$theirs")
    [ "$(password "$whole")" != "$own" ]
}

rotate() {
    said=$(ask "$own") && return
    # A K3s that was not restarted since the last rotation still uses the token from before.
    if [ -s "$former" ] && [ "$(cat "$theirs")" = "$whole" ]; then
        said=$(ask "$(tail -n 1 "$former")") && return
    fi
    printf '%s\n' "$said" | grep -v WARNING >&2
    exit 1
}

# The token is in the environment, because every user can read arguments. The kubeconfig has K3s's
# address on this host.
ask() ( # PASSWORD
    url=$(sed -n 's/^ *server: *//p' /etc/rancher/k3s/k3s.yaml | head -n 1)
    unset K3S_URL KUBECONFIG
    K3S_TOKEN="${whole%%::*}::server:$1" timeout 90 "$k3s" token rotate --server "$url" 2>&1 9<&-
)

# Waits for a K3s that does not start to log which token its data uses.
await_complaint() {
    since=$(stat -c %Y "$theirs")
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        made || return 0
        case $(service_log k3s 300 "$since" | grep -oE 'encrypted with different token|newer than datastore' | tail -n 1) in
        encrypted*) return 0 ;;
        newer*)
            echo "K3s does not start: it was interrupted before its data used the new token" >&2
            exit 1 ;;
        esac
        sleep 3 9<&-
    done
    echo "K3s neither starts nor logs which token its data uses" >&2
    exit 1
}

own_directory
guard "${file%/*}/"
exec 9<"$ours"
flock 9 # an earlier run whose connection broke may still be running
own=$(password "$(cat "$file")")
whole=$(cat "$theirs")
if [ "$mode" = new ] || made; then
    if [ "$(service_active k3s)" = active ]; then rotate; else await_complaint; fi
    if ! made; then
        [ "$mode" = finish ] || echo "K3s did not create a new token" >&2
        [ "$mode" = finish ]
    else
        printf '%s\n' "$own" >>"$former"
        sync "$former" 2>/dev/null || sync
        rm -f "$file.new"
        printf '%s' "$whole" >"$file.new"
        sync "$file.new" 2>/dev/null || sync
        mv -f "$file.new" "$file"
        sync "${file%/*}" 2>/dev/null || sync
    fi
fi
