# Prints sections, each a line "== NAME EXIT-CODE" and a command's output. Functions only; used by
# other snippets.

section() { # NAME COMMAND...
    name=$1
    shift
    output=$("$@" 2>&1)
    printf '== %s %s\n%s\n' "$name" "$?" "$output"
}
