# Answers in sections, each a line "== NAME EXIT-CODE" and what a command said. Functions only; used
# by other snippets.

section() { # NAME COMMAND...
    name=$1
    shift
    output=$("$@" 2>&1)
    printf '== %s %s\n%s\n' "$name" "$?" "$output"
}
