# Root writes only where nobody else can lay a link, a named pipe, or a second name of another file.
# Functions only; used by other snippets.

refuse() { # WORDS
    echo "$1" >&2
    exit 77
}

# Every directory on the way to a path, through every link, belongs to root and is writable by no one
# else. In a sticky directory such as /tmp only a directory of root's is on the way, never a link; it
# may be about to be made ("new").
guard() ( # PATH [new]: ends the snippet unless root alone decides what is there
    asked=$1 new=${2:-} rest=${1#/} walked='' hops=0 strict=' '
    set --
    while :; do
        set -- "$@" "${walked:-/}"
        [ -n "$rest" ] || break
        part=${rest%%/*}
        case $rest in */*) rest=${rest#*/} ;; *) rest='' ;; esac
        case $part in
        '' | .) continue ;;
        ..)
            walked=${walked%/*}
            continue ;;
        esac
        if [ -L "$walked/$part" ]; then
            hops=$((hops + 1))
            [ "$hops" -lt 20 ] || refuse "$asked leads through too many links"
            strict="$strict${walked:-/} "
            target=$(readlink "$walked/$part")
            case $target in /*) walked='' ;; esac
            rest=${target#/}/$rest
        elif [ -d "$walked/$part" ]; then
            walked=$walked/$part
        else
            [ "$new" = new ] || strict="$strict${walked:-/} "
            break
        fi
    done
    me=$(id -u)
    while read -r owner group mode place; do
        [ "$owner" = 0 ] || [ "$owner" = "$me" ] ||
            refuse "$asked: $place belongs to user $owner, who could lead root elsewhere; choose another path or run \`chown root $place\`"
        mode=$((0$mode))
        # Debian's group staff, 50, is root's equal in /usr/local.
        if [ "$((mode & 2))" != 0 ]; then
            if [ "$((mode & 512))" != 0 ]; then case $strict in *" $place "*) ;; *) continue ;; esac; fi
        elif [ "$((mode & 16))" = 0 ] || [ "$group" = 0 ] || [ "$group" = 50 ] || [ "$owner" != 0 ]; then
            continue
        fi
        refuse "$asked: others may write to $place and could lead root elsewhere; choose another path or run \`chmod go-w $place\`"
    done <<EOF_OF_PLACES
$(stat -c '%u %g %a %n' "$@")
EOF_OF_PLACES
)

# Only root can look into it or change it. One that is there already, with other rights, is taken over
# if nothing in it is a trap.
own_directory() (
    ours=/var/lib/edgeboot
    guard "${ours%/*}" || exit 77
    if [ ! -d "$ours" ]; then
        if [ -L "$ours" ]; then refuse "$ours is a link that does not lead to a directory: remove it and rerun"; fi
        mkdir -m 0700 "$ours" || exit 73
    elif [ -L "$ours" ]; then
        place=$(cd -P "$ours" && pwd -P)
        guard "${place%/*}/" || exit 77
    fi
    me=$(id -u)
    [ "$(stat -L -c '%u %a' "$ours")" = "$me 700" ] || (cd -P "$ours" && chown "$me" . && chmod 0700 .) || exit 73
    set --
    for entry in "$ours"/* "$ours"/.[!.]*; do
        if [ -e "$entry" ] || [ -L "$entry" ]; then set -- "$@" "$entry"; fi
    done
    [ "$#" != 0 ] || exit 0
    while read -r owner names kind entry; do
        case $kind-$names in
        4???-* | 8???-1) [ "$owner" != "$me" ] || continue ;; # a directory, a file with one name
        esac
        refuse "$entry is not edgeboot's own file: find out who made it, remove it, and rerun"
    done <<EOF_OF_ENTRIES
$(stat -c '%u %h %f %n' "$@")
EOF_OF_ENTRIES
)
