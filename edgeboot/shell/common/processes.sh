# Looks at all processes with one program, however many processes and descriptors there are: a host
# that runs K3s has thousands, and starting a program takes milliseconds on a small board. Functions
# only; used by other snippets.

programs_of_processes() { # prints "PID PATH" for every process
    # shellcheck disable=SC2012  # find has no way to print where links lead that BusyBox knows
    ls -ln /proc/[0-9]*/exe 2>/dev/null | sed -n 's#.* /proc/\([0-9]*\)/exe -> #\1 #p'
}

namespaces_of_processes() { # prints "PID NAMESPACE" of the mounts that every process sees
    # shellcheck disable=SC2012
    ls -ln /proc/[0-9]*/ns/mnt 2>/dev/null | sed -n 's#.* /proc/\([0-9]*\)/ns/mnt -> #\1 #p'
}

open_by() { # EXPRESSION, extended, without "#": prints "TARGET PID" for every open file that matches
    # shellcheck disable=SC2012
    ls -ln /proc/[0-9]*/fd 2>/dev/null |
        sed -n -E -e '\#^/proc/[0-9]+/fd:$#{' -e 's#[^0-9]##g' -e h -e d -e '}' \
            -e "s#.* -> ($1)\$#\\1#" -e 't found' -e d -e ': found' -e G -e 's#\n# #p'
}
