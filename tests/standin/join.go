package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// Which datastore a server has, and how it gets into a cluster that is there (pkg/cluster/bootstrap.go,
// pkg/etcd/etcd.go of K3s).

// criticalFlags have to be the same on all servers (K3s documentation, "k3s server", critical configuration values);
// agent-token is checked by using it.
var criticalFlags = map[string]string{
	"cluster-cidr": "10.42.0.0/16", "cluster-dns": "10.43.0.10", "cluster-domain": "cluster.local",
	"service-cidr": "10.43.0.0/16", "disable-cloud-controller": "false", "disable-helm-controller": "false",
	"disable-network-policy": "false", "egress-selector-mode": "agent", "embedded-registry": "false",
	"flannel-backend": "vxlan", "flannel-external-ip": "false", "flannel-ipv6-masq": "false",
	"secrets-encryption": "false", "secrets-encryption-provider": "aescbc", "supervisor-metrics": "false",
}

func criticalValues(config *Config) object {
	values := object{"disable=servicelb": fmt.Sprint(contains(config.split("disable"), "servicelb"))}
	for name, fallback := range criticalFlags {
		values[name] = strings.Join(config.split(name), ",")
		if values[name] == "" {
			values[name] = fallback
		}
	}
	return values
}

func (s *server) etcdDir() string { return s.path("db", "etcd") }

// chooseDatastore settles what the start of K3s does with the data on disk and the configuration. Data of etcd comes
// first: with it cluster-init, server and datastore-endpoint are ignored.
func (s *server) chooseDatastore() error {
	joinURL := s.config.str("server")
	tombstone := filepath.Join(s.etcdDir(), "tombstone")
	if etcdInitialized(s.etcdDir()) && fileExists(tombstone) {
		if joinURL == "" {
			return errors.New("tombstone file has been detected but --server is empty: backup and delete ${datadir}/server/db to create a new cluster, or set --server to rejoin the cluster")
		}
		logInfo("tombstone file has been detected, removing ${datadir}/server/db to rejoin the cluster")
		if err := os.Rename(s.etcdDir(), fmt.Sprintf("%s-old-%d", s.etcdDir(), time.Now().Unix())); err != nil {
			return err
		}
	}
	switch {
	case etcdInitialized(s.etcdDir()):
		logInfo("Managed etcd cluster bootstrap already complete and initialized")
		return nil
	case joinURL != "":
		return s.fetchBootstrap(joinURL)
	case s.config.bool("cluster-init"):
		logInfo("Managed etcd cluster initializing")
		return nil
	}
	return nil
}

// usesEtcd is asked after chooseDatastore.
func (s *server) usesEtcd() bool {
	return etcdInitialized(s.etcdDir()) || s.config.str("server") != "" || s.config.bool("cluster-init")
}

// bootstrapFiles are what a joining server needs of the first one: the cluster's authorities.
func (s *server) bootstrapFiles() []string {
	return []string{"tls/server-ca.crt", "tls/server-ca.key", "tls/client-ca.crt", "tls/client-ca.key", "tls/etcd/peer-ca.crt", "tls/etcd/peer-ca.key"}
}

// fetchBootstrap checks the cluster against token and configuration, and takes over its authorities.
func (s *server) fetchBootstrap(joinURL string) error {
	text, err := s.config.token("token")
	if err != nil {
		return err
	}
	if text == "" {
		return errors.New("token is required to join a cluster")
	}
	token, err := parseToken(text)
	if err != nil {
		return err
	}
	if token.user != "" && token.user != "server" {
		return fmt.Errorf("failed to validate token: failed to bootstrap: token user %q may not join as a server", token.user)
	}
	caPEM, err := newClient(joinURL, trusting(nil)).raw(http.MethodGet, "/cacerts", nil)
	if err != nil {
		return fmt.Errorf("failed to validate token: failed to get CA certs: %w", err)
	}
	if err := token.checkCA(caPEM); err != nil {
		return fmt.Errorf("failed to validate token: %w", err)
	}
	s.join = newClient(joinURL, trusting(caPEM))
	s.join.user, s.join.password = "server", token.password
	if err := s.compareConfig(joinURL, caPEM); err != nil {
		return fmt.Errorf("failed to validate server configuration: %w", err)
	}
	files, err := s.join.do(http.MethodGet, "/v1-k3s/server-bootstrap", nil)
	if err != nil {
		return fmt.Errorf("failed to retrieve bootstrap data: %w", err)
	}
	if err := makePrivateDir(s.path("tls", "etcd")); err != nil {
		return err
	}
	for _, name := range s.bootstrapFiles() {
		mode := os.FileMode(0o644)
		if strings.HasSuffix(name, ".key") {
			mode = 0o600
		}
		if err := writeFileAtomic(s.path(name), []byte(strAt(files, name)), mode); err != nil {
			return err
		}
	}
	return nil
}

// compareConfig uses the agent token, as K3s does, so a server with another one is refused as well.
func (s *server) compareConfig(joinURL string, caPEM []byte) error {
	text, err := s.config.token("agent-token")
	if err != nil {
		return err
	}
	client := newClient(joinURL, trusting(caPEM))
	client.user, client.password = "node", s.join.password
	if text != "" {
		token, err := parseToken(text)
		if err != nil {
			return err
		}
		client.password = token.password
	}
	answer, err := client.do(http.MethodGet, "/v1-k3s/config", nil)
	if err != nil {
		return err
	}
	theirs, ours := objAt(answer, "CriticalControlArgs"), criticalValues(s.config)
	var differ []string
	for name, value := range ours {
		if theirs[name] != value {
			differ = append(differ, name)
		}
	}
	if len(differ) == 0 {
		return nil
	}
	sort.Strings(differ)
	for _, name := range differ {
		logWarn("critical configuration mismatched: %s", name)
	}
	return errors.New("critical configuration value mismatch between servers")
}

// openData opens the datastore, or makes it; a server that joins gets its own only in joinEtcd.
func (s *server) openData() error {
	statePath := s.path("db", "state.db")
	if !s.usesEtcd() {
		store, err := openStore(statePath)
		if err != nil {
			return err
		}
		s.store = store
		if err := s.store.bootstrap(s.password); err != nil {
			return err
		}
		return s.reconcilePasswords(s.store.lookup(dataKey))
	}
	name, err := s.memberName()
	if err != nil {
		return err
	}
	switch {
	case etcdInitialized(s.etcdDir()):
		if s.etcd, err = openEtcd(s.etcdDir(), name); err != nil {
			return err
		}
		bound := s.etcd.state.Objects[dataKey] // a member that never got any data has nothing to check
		if bound != nil && !isBoundTo(bound, s.password) {
			return errors.New("bootstrap data already found and encrypted with different token")
		}
		return s.reconcilePasswords(bound)
	case s.config.str("server") == "":
		return s.initializeEtcd(name, statePath)
	}
	return nil
}

// initializeEtcd begins a cluster of one, with the data of SQLite if there is any.
func (s *server) initializeEtcd(name, statePath string) error {
	address, err := s.peerAddress()
	if err != nil {
		return err
	}
	old, err := openFile(statePath)
	if err != nil {
		return err
	}
	state := etcdState{Cluster: randomHex(8), Revision: old.db.Revision, Objects: old.db.Objects,
		Members: []member{{ID: randomHex(8), Name: name, Address: address}}}
	if state.Objects[dataKey] == nil {
		bound := boundTo(s.password)
		setAt(bound, "0", "metadata", "resourceVersion")
		state.Objects[dataKey] = bound
	} else if !isBoundTo(state.Objects[dataKey], s.password) {
		return errors.New("bootstrap data already found and encrypted with different token")
	}
	if s.etcd, err = createEtcd(s.etcdDir(), name, state.Members[0].ID, state); err != nil {
		return err
	}
	if fileExists(statePath) {
		logInfo("Migrating content from sqlite to etcd")
		return os.Rename(statePath, statePath+".migrated")
	}
	return nil
}

// memberName is the node's name and a few random digits, kept beside the data.
func (s *server) memberName() (string, error) {
	if err := makePrivateDir(s.etcdDir()); err != nil {
		return "", err
	}
	path := filepath.Join(s.etcdDir(), "name")
	if content, err := os.ReadFile(path); err == nil && len(content) > 0 {
		return string(content), nil
	}
	name := s.config.nodeName() + "-" + randomHex(4)
	return name, writeFileAtomic(path, []byte(name), 0o600)
}

func (s *server) peerAddress() (string, error) {
	ips, err := nodeIPs(s.config)
	if err != nil {
		return "", err
	}
	return ips[0], nil
}

// startEtcd gets this server a working member; it returns when that votes and a majority agrees with it.
func (s *server) startEtcd(ctx context.Context) error {
	address, err := s.peerAddress()
	if err != nil {
		return err
	}
	tlsConfig, err := peerTLS(s.peerCA, address)
	if err != nil {
		return err
	}
	links := newPeerLinks(tlsConfig)
	for s.etcd == nil {
		err := s.joinEtcd(address, links)
		switch {
		case errors.Is(err, errTooManyLearners), errors.Is(err, errUnhealthyCluster):
			logInfo("Waiting for other members to finish joining etcd cluster: %v", err)
			time.Sleep(time.Second)
		case err != nil:
			return fmt.Errorf("ETCD join failed: %w", err)
		}
	}
	s.etcd.peers = links
	if err := s.etcd.serve(address, tlsConfig); err != nil {
		return err
	}
	s.store = &Store{s.etcd}
	go s.etcd.run(ctx)
	for try := 0; ; try++ {
		err := s.etcd.healthy()
		if err == nil {
			logInfo("Connected to etcd")
			go s.manageMembers(ctx)
			return nil
		}
		if try%25 == 0 {
			logInfo("Failed to test etcd connection: %v", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// joinEtcd makes this server a learner of the cluster, or goes on where an earlier attempt was cut off.
func (s *server) joinEtcd(address string, links *peerLinks) error {
	name, err := s.memberName()
	if err != nil {
		return err
	}
	info, err := s.join.do(http.MethodGet, "/db/info", nil)
	if err != nil {
		return err
	}
	var found etcdState
	if err := convert(info, &found); err != nil {
		return err
	}
	host, err := url.Parse(s.join.base)
	if err != nil {
		return err
	}
	members, self := found.Members, ""
	for _, one := range members {
		// A member that never started has no name: if it has our address it is us.
		if one.Name == name || one.Name == "" && one.Address == address {
			self = one.ID
		} else if nodeOfMember(one.Name) == s.config.nodeName() {
			_ = os.Remove(filepath.Join(s.etcdDir(), "name"))
			return errors.New("duplicate node name found, please use a unique name for this node")
		}
	}
	if self == "" {
		logInfo("Adding member %s=https://%s:2380 to etcd cluster", name, address)
		if members, err = links.add(host.Hostname(), address); err != nil {
			return err
		}
		self = members[len(members)-1].ID
	}
	if text := os.Getenv("K3S_STANDIN_DIE_JOINING"); text == "added" {
		fatal("stand-in: died as requested, between being added and having a database")
	}
	s.etcd, err = createEtcd(s.etcdDir(), name, self, etcdState{Cluster: found.Cluster, Members: members, Objects: map[string]object{}})
	return err
}

// serveBootstrap hands the authorities to a server that joins.
func (s *server) serveBootstrap(w http.ResponseWriter, _ *http.Request) {
	files := object{}
	for _, name := range s.bootstrapFiles() {
		content, err := os.ReadFile(s.path(name))
		if err != nil {
			writeStatus(w, err)
			return
		}
		files[name] = string(content)
	}
	writeJSON(w, 200, files)
}

// serveMembers tells a server that joins whom it joins.
func (s *server) serveMembers(w http.ResponseWriter, _ *http.Request) {
	if s.etcd == nil {
		writeStatus(w, &apiError{404, "NotFound", "this server's datastore is not embedded etcd"})
		return
	}
	s.etcd.mu.Lock()
	defer s.etcd.mu.Unlock()
	writeJSON(w, 200, object{"cluster": s.etcd.state.Cluster, "members": s.etcd.state.Members})
}

func convert(from object, into interface{}) error {
	return json.Unmarshal(mustJSON(from), into)
}
