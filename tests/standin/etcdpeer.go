package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"
)

// What members say to each other, over TLS with certificates of the cluster's own etcd authority: Raft on 2380, its
// clients (other servers) on 2379.

const (
	etcdClientPort = 2379
	etcdPeerPort   = 2380
)

// peers is a member's way to the others.
type peers interface {
	append(to member, message entry) (ack, error)
	vote(to member, asked ballot) verdict
	txn(to member, ops []op) (int, error)
	add(address string, newcomer string) ([]member, error)
	remove(leader member, id string) error
}

// peerLinks are peers over the network.
type peerLinks struct {
	client *http.Client
}

// peerTLS makes a member's certificate; the same one serves and asks.
func peerTLS(ca *authority, address string) (*tls.Config, error) {
	certPEM, keyPEM, err := ca.issuePeer([]string{address, "127.0.0.1", "localhost"})
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: pool, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12,
	}, nil
}

func newPeerLinks(config *tls.Config) *peerLinks {
	transport := &http.Transport{TLSClientConfig: config.Clone(), TLSHandshakeTimeout: peerTimeout,
		DialContext: (&net.Dialer{Timeout: peerTimeout}).DialContext, MaxIdleConnsPerHost: 8}
	return &peerLinks{&http.Client{Transport: transport, Timeout: peerTimeout}}
}

// call asks a member something; what it refuses comes back as the error it has for it.
func (p *peerLinks) call(address string, port int, path string, question, answer interface{}) error {
	url := "https://" + net.JoinHostPort(address, strconv.Itoa(port)) + path
	client := &apiClient{base: url, http: p.client}
	raw, err := client.raw(http.MethodPost, "", question)
	if err != nil {
		return knownEtcdError(err)
	}
	return json.Unmarshal(raw, answer)
}

// knownEtcdError finds the error that a member's answer stands for.
func knownEtcdError(err error) error {
	for _, known := range []error{errConflict, errTooManyLearners, errUnhealthyCluster, errNotEnoughStarted, errNoQuorum, errNoLeader} {
		if err.Error() == known.Error() {
			return known
		}
	}
	return err
}

func (p *peerLinks) append(to member, message entry) (ack, error) {
	var answer ack
	return answer, p.call(to.Address, etcdPeerPort, "/raft/append", message, &answer)
}

func (p *peerLinks) vote(to member, asked ballot) verdict {
	var answer verdict
	_ = p.call(to.Address, etcdPeerPort, "/raft/vote", asked, &answer)
	return answer
}

func (p *peerLinks) txn(to member, ops []op) (int, error) {
	var index int
	err := p.call(to.Address, etcdClientPort, "/kv/txn", ops, &index)
	var api *apiError
	if err != nil && !errors.Is(err, errConflict) && !errors.As(err, &api) {
		return 0, errNoQuorum // the leader is gone: whoever asks may ask again
	}
	return index, err
}

func (p *peerLinks) add(address string, newcomer string) ([]member, error) {
	var after []member
	return after, p.call(address, etcdClientPort, "/cluster/add", newcomer, &after)
}

func (p *peerLinks) remove(leader member, id string) error {
	var done bool
	return p.call(leader.Address, etcdClientPort, "/cluster/remove", id, &done)
}

// serve opens a member's ports.
func (e *etcdNode) serve(address string, config *tls.Config) error {
	raft, clients := http.NewServeMux(), http.NewServeMux()
	raft.HandleFunc("/raft/append", answering(func(message entry) (interface{}, error) { return e.receive(message) }))
	raft.HandleFunc("/raft/vote", answering(func(asked ballot) (interface{}, error) { return e.vote(asked), nil }))
	clients.HandleFunc("/kv/txn", answering(func(ops []op) (interface{}, error) { return e.lead(ops, nil) }))
	clients.HandleFunc("/cluster/add", answering(func(newcomer string) (interface{}, error) {
		if leader := e.otherLeader(); leader != nil {
			return e.peers.add(leader.Address, newcomer)
		}
		return e.addLearner(newcomer)
	}))
	clients.HandleFunc("/cluster/remove", answering(func(id string) (interface{}, error) { return true, e.removeMember(id) }))
	for port, handler := range map[int]http.Handler{etcdPeerPort: raft, etcdClientPort: clients} {
		listener, err := net.Listen("tcp", net.JoinHostPort(address, strconv.Itoa(port)))
		if err != nil {
			return fmt.Errorf("etcd: %w", err)
		}
		https := &http.Server{Handler: handler, TLSConfig: config.Clone(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
		go func() { fatal("etcd: %v", https.ServeTLS(listener, "", "")) }()
	}
	return nil
}

// otherLeader is the leader, if it is somebody else.
func (e *etcdNode) otherLeader() *member {
	e.mu.Lock()
	defer e.mu.Unlock()
	if found := e.find(e.leader); found != nil && found.ID != e.hard.Self {
		copied := *found
		return &copied
	}
	return nil
}

// answering decodes a question and encodes what comes of it.
func answering[T any](do func(T) (interface{}, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var question T
		if err := json.NewDecoder(io.LimitReader(r.Body, 64<<20)).Decode(&question); err != nil {
			writeStatus(w, &apiError{400, "BadRequest", err.Error()})
			return
		}
		answer, err := do(question)
		if err != nil {
			writeStatus(w, err)
			return
		}
		writeJSON(w, 200, answer)
	}
}
