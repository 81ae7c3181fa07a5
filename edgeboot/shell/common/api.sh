# Changes to the cluster through its API, on a server of it. Functions only; used by other snippets.
#
# etcd on a slow card loses its leader for a moment, and has it again: a change that says so is made
# once more, for a minute. Every change made with this bears that.

export KUBECACHEDIR=/run/k3s/edgeboot-kubectl # kubectl would leave its cache in /root

kubectl() ( # WORD...
    give_up=$(($(date +%s) + 60))
    while :; do
        ended=0
        answer=$(timeout 50 /usr/local/bin/k3s kubectl "$@" --request-timeout=40s 2>&1) || ended=$?
        case $ended:$answer in
        0:*) break ;;
        *'no leader'* | *'leader changed'* | *'etcdserver: request timed out'*)
            [ "$(date +%s)" -lt "$give_up" ] || break
            sleep 2 ;;
        *) break ;;
        esac
    done
    [ "$ended" = 0 ] || exec >&2
    [ -z "$answer" ] || printf '%s\n' "$answer"
    exit "$ended"
)
