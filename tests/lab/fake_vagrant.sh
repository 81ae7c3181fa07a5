#!/bin/sh
# Stands in for vagrant where no hypervisor is: says what the files in $FAKE_VAGRANT say, keeps the
# ids of its machines where vagrant keeps them, and gets into real SSH servers.
set -eu
printf '%s\n' "$*" >>"$FAKE_VAGRANT/calls"
verb=$1
shift
case $verb in
up)
    env | grep -E '^(EDGEBOOT_LAB|VAGRANT)_' >"$FAKE_VAGRANT/environment"
    sed -n 's/^Host //p' "$FAKE_VAGRANT/ssh-config" | while read -r node; do
        mkdir -p "$VAGRANT_DOTFILE_PATH/machines/$node/virtualbox"
        echo 1 >"$VAGRANT_DOTFILE_PATH/machines/$node/virtualbox/id"
        echo "1795633754,$node,ui,info,Machine booted%!(VAGRANT_COMMA) and ready"
    done
    # shellcheck source=/dev/null
    [ ! -e "$FAKE_VAGRANT/up" ] || . "$FAKE_VAGRANT/up"
    ;;
destroy) rm -r "$VAGRANT_DOTFILE_PATH/machines" ;;
status)
    for machine in "$VAGRANT_DOTFILE_PATH"/machines/*; do
        echo "1795633754,${machine##*/},state,running"
        echo "1795633754,${machine##*/},state-human-short,running"
    done
    ;;
ssh-config) cat "$FAKE_VAGRANT/ssh-config" ;;
ssh)
    [ "$2 $3" = "--no-tty --command" ]
    [ ! -e "$FAKE_VAGRANT/answer" ] || exec cat "$FAKE_VAGRANT/answer"
    exec ssh -F "$FAKE_VAGRANT/ssh-config" "$1" "bash -l -c '$4'"
    ;;
*) exit 64 ;;
esac
