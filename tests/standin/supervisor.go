package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The supervisor: what K3s itself answers on 6443 beside the Kubernetes API.

func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", s.whenReady(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") }))
	mux.HandleFunc("/cacerts", s.whenReady(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(s.serverCA.certPEM) }))
	mux.HandleFunc("/static/", s.whenReady(s.serveStatic))
	mux.HandleFunc("/v1-k3s/readyz", s.whenReady(s.forNodes(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })))
	mux.HandleFunc("/v1-k3s/config", s.whenReady(s.forNodes(s.serveConfig)))
	mux.HandleFunc("/v1-k3s/client-kubelet.crt", s.whenReady(s.forNodes(s.serveNodeCertificate)))
	mux.HandleFunc("/v1-k3s/apiservers", s.whenReady(s.forNodes(s.serveServers)))
	mux.HandleFunc("/v1-k3s/server-bootstrap", s.whenReady(s.forServers(s.serveBootstrap)))
	mux.HandleFunc("/v1-k3s/token", s.whenReady(s.forServers(s.serveRotation)))
	mux.HandleFunc("/db/info", s.whenReady(s.forServers(s.serveMembers)))
	mux.HandleFunc("/", s.whenReady(s.serveAPI))
	return mux
}

func (s *server) whenReady(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if delay, asked := answerDelay.Load().(time.Duration); asked {
			time.Sleep(delay)
		}
		if !s.ready.Load().(bool) {
			writeStatus(w, &apiError{503, "ServiceUnavailable", "starting"})
			return
		}
		next(w, r)
	}
}

// forNodes lets in who has a node certificate or the token: user "node" with the agent password, "server" with the
// server's.
func (s *server) forNodes(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, certified := callerOf(r)
		user, password, _ := r.BasicAuth()
		allowed := certified ||
			user == "node" && sameSecret(password, s.agentPassword) ||
			user == "server" && sameSecret(password, s.password)
		if !allowed {
			unauthorized(w)
			return
		}
		next(w, r)
	}
}

// forServers lets in who has the server's token.
func (s *server) forServers(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "server" || !sameSecret(password, s.password) {
			unauthorized(w)
			return
		}
		next(w, r)
	}
}

// serveServers lists where the API is to be had: an agent's load balancer asks.
func (s *server) serveServers(w http.ResponseWriter, _ *http.Request) {
	addresses := []string{}
	for _, node := range s.store.List(mustKind("nodes"), "") {
		if strAt(node, "metadata", "labels", controlPlaneLabel) == "true" {
			ip, _, _ := strings.Cut(strAt(node, "metadata", "annotations", "k3s.io/internal-ip"), ",")
			addresses = append(addresses, net.JoinHostPort(ip, strconv.Itoa(s.httpsPort())))
		}
	}
	writeJSON(w, 200, object{"addresses": addresses})
}

// serveStatic hands out files, no directory listings.
func (s *server) serveStatic(w http.ResponseWriter, r *http.Request) {
	path := filepath.Join(s.path("static"), filepath.FromSlash(filepath.Clean("/"+strings.TrimPrefix(r.URL.Path, "/static/"))))
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	http.ServeFile(w, r, path)
}

// serveConfig tells a joining agent about the cluster.
func (s *server) serveConfig(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, 200, object{
		"ClusterDomain":         s.config.strOr("cluster-domain", "cluster.local"),
		"FlannelBackend":        s.config.strOr("flannel-backend", "vxlan"),
		"SystemDefaultRegistry": s.config.str("system-default-registry"),
		"ServerVersion":         version,
		"CriticalControlArgs":   criticalValues(s.config),
	})
}
