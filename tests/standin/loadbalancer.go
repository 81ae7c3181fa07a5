package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

const serverListInterval = 5 * time.Second

// loadBalancer is the agent's loopback port. It knows the server it was told, and all others once it has been in.
type loadBalancer struct {
	mu        sync.Mutex
	path      string
	told      string   // host:port of the configured server
	ServerURL string   `json:"ServerURL"`
	Addresses []string `json:"ServerAddresses"`
}

// startLoadBalancer opens the port and returns its URL. What was learnt of the same cluster before is still good.
func startLoadBalancer(config *Config, server *url.URL) (*loadBalancer, string, error) {
	told := server.Host
	if server.Port() == "" {
		told = net.JoinHostPort(server.Hostname(), "443")
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(config.port("lb-server-port", 6444)))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", err
	}
	lb := &loadBalancer{told: told, path: filepath.Join(config.dataDir(), "agent", "etc", "k3s-agent-load-balancer.json")}
	if content, err := os.ReadFile(lb.path); err == nil && json.Unmarshal(content, lb) != nil {
		logWarn("Failed to read %s", lb.path)
	}
	if lb.ServerURL != server.String() || len(lb.Addresses) == 0 {
		lb.ServerURL, lb.Addresses = server.String(), []string{told}
	}
	if err := writeFileAtomic(lb.path, mustJSON(lb), 0o600); err != nil {
		return nil, "", err
	}
	logInfo("Running load balancer k3s-agent-load-balancer %s -> %v [default: %s]", address, lb.Addresses, told)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				fatal("load balancer: %v", err)
			}
			go lb.forward(conn)
		}
	}()
	return lb, "https://" + address, nil
}

// learn asks the cluster for its servers, again and again.
func (lb *loadBalancer) learn(ctx context.Context, api *apiClient) {
	for ctx.Err() == nil {
		answer, err := api.do(http.MethodGet, "/v1-k3s/apiservers", nil)
		if err == nil {
			lb.use(listAt(answer, "addresses"))
		}
		time.Sleep(serverListInterval)
	}
}

func (lb *loadBalancer) use(found []interface{}) {
	addresses := []string{}
	for _, one := range found {
		if address, ok := one.(string); ok {
			addresses = append(addresses, address)
		}
	}
	lb.mu.Lock()
	defer lb.mu.Unlock()
	if len(addresses) == 0 || string(mustJSON(addresses)) == string(mustJSON(lb.Addresses)) {
		return
	}
	lb.Addresses = addresses
	logInfo("Updated load balancer k3s-agent-load-balancer server addresses -> %v [default: %s]", addresses, lb.told)
	if err := writeFileAtomic(lb.path, mustJSON(lb), 0o600); err != nil {
		logError("Failed to write %s: %v", lb.path, err)
	}
}

// dial takes the first server that answers; what was told is the last resort.
func (lb *loadBalancer) dial() (net.Conn, error) {
	lb.mu.Lock()
	targets := append(append([]string{}, lb.Addresses...), lb.told)
	lb.mu.Unlock()
	var last error
	for _, target := range targets {
		conn, err := net.DialTimeout("tcp", target, 3*time.Second)
		if err == nil {
			return conn, nil
		}
		last = err
	}
	return nil, last
}

// forward joins a connection to a server; each side's end closes the other.
func (lb *loadBalancer) forward(conn net.Conn) {
	defer conn.Close()
	upstream, err := lb.dial()
	if err != nil {
		logError("Failed to dial server: %v", err)
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
