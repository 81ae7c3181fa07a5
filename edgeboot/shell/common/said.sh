# What a service and its containerd said since their present start. Functions only; used by other
# snippets, after init.sh.
#
# Older lines are not printed: their problems may long be solved. Of a service that its manager
# restarts over and over, the start before belongs to the present one: it has just begun anew when
# it is looked at. What a running service complains of and is not solved, it repeats: its last ten
# minutes are enough.

service_said() { # NAME ACTIVE RESTARTS: complaints and signs of success, then the last lines
    starts=1
    since=$(stat -c %Y "/var/lib/edgeboot/started-$1" 2>/dev/null || echo 0)
    if [ "$2" = active ]; then
        recent=$(($(date +%s) - 600))
        if [ "$recent" -gt "$since" ]; then since=$recent; fi
    elif [ "$3" -gt 0 ]; then starts=2; fi
    # shellcheck disable=SC2154  # init is set by init.sh
    case $init in
    systemd) mark='^Starting ' ;;
    *) mark='msg="Starting k3s ' ;;
    esac
    words=$(service_log "$1" 300 "$since" | since_start "$mark" "$starts")
    printf '%s\n' "$words" |
        grep -E 'level=(error|fatal)|^Error|^panic|^E[0-9]{4} |standard_init|critical configuration|is up and running|Running kubelet|connected to proxy' |
        tail -n 9
    printf '%s\n' "$words" | tail -n 3
}

containerd_said() { # NAME: the complaints in containerd's own log
    log=/var/lib/rancher/k3s/agent/containerd/containerd.log
    [ -r "$log" ] || return 0
    # A log from before the service's process began is that of an earlier start.
    pid=$(service_pid "$1") && [ "$(stat -c %Y "$log")" -lt "$(stat -c %Y "/proc/$pid")" ] && return 0
    tail -n 300 "$log" | since_start 'msg="starting containerd"' 1 |
        grep -E 'level=(error|fatal|panic)|^containerd: |^panic|failed to load plugin.*cri' | tail -n 6 || :
}

since_start() { # PATTERN STARTS: the lines of standard input from the last lines with the pattern on
    lines=$(cat)
    from=$(printf '%s\n' "$lines" | grep -n "$1" | tail -n "$2" | sed -n '1s/:.*//p')
    printf '%s\n' "$lines" | tail -n "+${from:-1}"
}

# K3s starts the kubelet once containerd answers.
kubelet_listens() { grep -qsE '^ *[0-9]+: [0-9A-F]+:280A [0-9A-F]+:0000 0A' /proc/net/tcp /proc/net/tcp6; }
