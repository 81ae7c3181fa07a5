# The ports that edgeboot opened in a host's firewall. Functions only; used by other snippets.
#
# Only what is listed in /var/lib/edgeboot/firewall.applied is ever closed: other rules stay.

applied=/var/lib/edgeboot/firewall.applied

change_openings() { # FILE: opens what it lists and closes what was opened before and it does not
    [ -e "$applied" ] || (umask 077 && : >"$applied")
    # What is about to be opened is listed first, so that it is known if this is cut off.
    sort -u "$applied" "$1" >"$applied.new"
    mv -f "$applied.new" "$applied"
    while read -r opening; do
        if grep -qxF -e "$opening" "$1"; then
            opening open "$opening"
        else
            opening close "$opening"
        fi
    done <"$applied"
    if firewalld; then firewall-cmd --quiet --reload; fi
    if [ -s "$1" ]; then
        sort -u "$1" >"$applied.new"
        mv -f "$applied.new" "$applied"
    else
        rm -f "$applied"
    fi
}

firewalld() { command -v firewall-cmd >/dev/null 2>&1 && firewall-cmd --state >/dev/null 2>&1; }

opening() { # open|close LINE
    how=$1
    # shellcheck disable=SC2086  # words without blanks
    set -- $2
    if firewalld; then
        if [ "$how" = open ]; then verb=add; else verb=remove; fi
        firewalld_opening "$verb" "$@" || [ "$how" = close ]
    elif command -v ufw >/dev/null 2>&1; then
        ufw_opening "$how" "$@" >/dev/null || [ "$how" = close ]
    fi
}

firewalld_opening() { # add|remove KIND WORD...
    verb=$1
    shift
    case $1 in
    network) firewall-cmd --quiet --permanent --zone=trusted "--$verb-source=$2" ;;
    port)
        if [ "$4" = any ]; then
            firewall-cmd --quiet --permanent "--$verb-port=$3/$2"
        else
            case $4 in *:*) family=ipv6 ;; *) family=ipv4 ;; esac
            firewall-cmd --quiet --permanent "--$verb-rich-rule=rule family=\"$family\" source address=\"$4\" port port=\"$3\" protocol=\"$2\" accept"
        fi ;;
    esac
}

ufw_opening() { # open|close KIND WORD...
    delete=
    if [ "$1" = close ]; then delete=delete; fi
    shift
    # shellcheck disable=SC2086  # a word or none
    case $1 in
    network)
        ufw $delete allow from "$2" && ufw route $delete allow from "$2" ;;
    port) ufw $delete allow proto "$2" from "$4" to any port "$3" ;;
    esac
}
