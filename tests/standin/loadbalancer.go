package main

import (
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"
)

// startLoadBalancer opens the agent's loopback port, which forwards to the server, and returns its URL.
func startLoadBalancer(config *Config, server *url.URL) (string, error) {
	target := server.Host
	if server.Port() == "" {
		target = net.JoinHostPort(server.Hostname(), "443")
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(config.port("lb-server-port", 6444)))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", err
	}
	state := mustJSON(object{"ServerURL": server.String(), "ServerAddresses": []string{target}})
	statePath := filepath.Join(config.dataDir(), "agent", "etc", "k3s-agent-load-balancer.json")
	if err := writeFileAtomic(statePath, state, 0o600); err != nil {
		return "", err
	}
	logInfo("Running load balancer k3s-agent-load-balancer %s -> [%s]", address, target)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				fatal("load balancer: %v", err)
			}
			go forward(conn, target)
		}
	}()
	return "https://" + address, nil
}

// forward joins a connection to the server; each side's end closes the other.
func forward(conn net.Conn, target string) {
	defer conn.Close()
	upstream, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		logError("Failed to dial server %s: %v", target, err)
		return
	}
	defer upstream.Close()
	done := make(chan struct{}, 2)
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go pipe(upstream, conn)
	go pipe(conn, upstream)
	<-done
}
