# One line for each change to a host, in /var/lib/edgeboot/journal. Functions only; used by other
# snippets.
#
# TIME RUN OPERATOR STEP RESULT, separated by tabs. Run and operator come from the lock that the run
# holds, so that snippets do not need parameters for them. A step does not fail because its line cannot
# be written, for example on a full disk.

journal() { # STEP RESULT
    at=/var/lib/edgeboot
    [ -d "$at" ] || return 0
    # A line is not worth following a link, waiting for a pipe, or adding to another file.
    if [ -e "$at/journal" ] || [ -L "$at/journal" ]; then
        if [ -L "$at/journal" ] || [ ! -f "$at/journal" ] || [ "$(stat -c %h "$at/journal")" != 1 ]; then return 0; fi
    fi
    who=$(sed -n 1p "$at/lock" 2>/dev/null) || :
    run=$(sed -n '2s/ .*//p' "$at/lock" 2>/dev/null) || :
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    tab=$(printf '\t')
    (
        umask 077
        if ! grep -qF -e "$tab${run:--}$tab" "$at/journal" 2>/dev/null; then
            # Bounded: what a new run finds too long it cuts.
            if [ "$(wc -l 2>/dev/null <"$at/journal" || echo 0)" -gt 1000 ]; then
                rm -f "$at/journal.new"
                tail -n 500 "$at/journal" >"$at/journal.new" && mv -f "$at/journal.new" "$at/journal"
            fi
            printf '%s\t%s\t%s\t%s\t%s\n' "$now" "${run:--}" "${who:--}" run begun >>"$at/journal"
        fi
        printf '%s\t%s\t%s\t%s\t%s\n' "$now" "${run:--}" "${who:--}" "$1" "$2" >>"$at/journal"
    ) 2>/dev/null || :
}

# As the trap of a snippet's end: journal_end STEP
journal_end() {
    code=$?
    if [ "$code" = 0 ]; then journal "$1" "done"; else journal "$1" "failed ($code)"; fi
}
