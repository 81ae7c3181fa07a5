package main

import (
	"net"
	"os"
)

// sdNotify tells systemd a state such as READY=1. Without NOTIFY_SOCKET nobody asked. A name that starts with @ is an
// abstract socket; package net knows that spelling.
func sdNotify(state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.Dial("unixgram", path)
	if err != nil {
		logWarn("sd_notify: %v", err)
		return
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(state)); err != nil {
		logWarn("sd_notify: %v", err)
	}
}
