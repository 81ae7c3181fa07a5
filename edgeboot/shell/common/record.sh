# Records which action was done with which inputs, in /var/lib/edgeboot/done-NAME. Functions only; used
# by other snippets.

record() { # NAME HASH: remembers it; "-" forgets
    at=/var/lib/edgeboot/done-$1
    if [ "$2" = - ]; then
        rm -f "$at"
        sync
        return
    fi
    (umask 077 && printf '%s\n' "$2" >"$at.new")
    sync "$at.new" 2>/dev/null || sync
    mv -f "$at.new" "$at"
}
