package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// startDelay keeps the API at 503 for a moment, so that nobody mistakes an open port for a ready server.
const startDelay = time.Second

type server struct {
	config        *Config
	dir           string // $D/server
	store         *Store
	serverCA      *authority
	clientCA      *authority
	peerCA        *authority // of etcd's members
	etcd          *etcdNode  // nil with SQLite
	join          *apiClient // to the server that this one joins
	password      string
	agentPassword string
	written       string // the password in the token file, which may have changed since the start
	rotating      sync.Mutex
	charts        sync.Mutex   // held while their jobs are played, and while one is deleted
	ready         atomic.Value // bool
	manifests     *deployer
	dnsTold       bool
}

func runServer(args []string) {
	refuseEarlyClock()
	config, err := loadConfig("server", args)
	if err != nil {
		fatal("Error: %v", err)
	}
	ctx := untilSignal()
	crashOnRequest()
	go misbehave(config)
	logInfo("Starting k3s %s (%s)", version, commit)
	s, err := prepareServer(config)
	if err != nil {
		fatal("Error: starting kubernetes: preparing server: %v", err)
	}
	if err := s.listen(); err != nil {
		fatal("Error: starting kubernetes: preparing server: start cluster and https: %v", err)
	}
	if os.Getenv("K3S_STANDIN_NEVER_READY") != "1" {
		go s.start(ctx)
	}
	<-ctx.Done()
	if s.ready.Load().(bool) {
		s.store.flush()
	}
}

// untilSignal is done when systemd asks the process to end.
func untilSignal() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	return ctx
}

// crashOnRequest plays a process that dies some seconds after its start.
func crashOnRequest() {
	text := os.Getenv("K3S_STANDIN_CRASH_AFTER")
	if text == "" {
		return
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		fatal("K3S_STANDIN_CRASH_AFTER: %v", err)
	}
	time.AfterFunc(time.Duration(seconds*float64(time.Second)), func() { fatal("stand-in: crash as requested") })
}

// refuseUnplayed names what a real K3s does and this stand-in does not, rather than seeming to do it.
func refuseUnplayed(config *Config) error {
	unplayed := []string{"with-node-id", "rootless", "docker", "container-runtime-endpoint"}
	if config.Role == "server" {
		unplayed = append(unplayed, "cluster-reset", "cluster-reset-restore-path", "datastore-endpoint",
			"disable-apiserver", "disable-etcd", "disable-controller-manager")
	}
	for _, name := range unplayed {
		if value := config.str(name); value != "" && value != "false" {
			return fmt.Errorf("stand-in: --%s is not played in the role %s", name, config.Role)
		}
	}
	return nil
}

func prepareServer(config *Config) (*server, error) {
	if err := refuseUnplayed(config); err != nil {
		return nil, err
	}
	s := &server{config: config, dir: filepath.Join(config.dataDir(), "server")}
	s.ready.Store(false)
	registries := filepath.Join(etcRancher(), "k3s", "registries.yaml")
	if err := checkRegistries(config.strOr("private-registry", registries)); err != nil {
		return nil, err
	}
	if err := checkFlannel(config, config.strOr("flannel-backend", "vxlan")); err != nil {
		return nil, err
	}
	if err := checkAPIServerArgs(config); err != nil {
		return nil, err
	}
	for _, dir := range []string{s.dir, filepath.Join(config.dataDir(), "agent"), s.path("tls"), s.path("cred"), s.path("db")} {
		if err := makePrivateDir(dir); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{s.path("manifests"), s.path("static", "charts"), filepath.Join(etcRancher(), "k3s")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := s.findPasswords(); err != nil {
		return nil, err
	}
	if err := s.chooseDatastore(); err != nil {
		return nil, err
	}
	if err := s.openData(); err != nil {
		return nil, err
	}
	if err := makePrivateDir(s.path("tls", "etcd")); err != nil {
		return nil, err
	}
	var err error
	if s.peerCA, err = loadAuthority(s.path("tls", "etcd"), "peer-ca"); err != nil {
		return nil, err
	}
	if s.serverCA, err = loadAuthority(s.path("tls"), "server-ca"); err != nil {
		return nil, err
	}
	if s.clientCA, err = loadAuthority(s.path("tls"), "client-ca"); err != nil {
		return nil, err
	}
	if err := s.writePasswords(); err != nil {
		return nil, err
	}
	if err := s.writeTokens(); err != nil {
		return nil, err
	}
	return s, s.writeKubeconfig()
}

func (s *server) path(parts ...string) string {
	return filepath.Join(append([]string{s.dir}, parts...)...)
}

// makePrivateDir makes a 0700 directory but, like K3s, never tightens one that is there.
func makePrivateDir(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// checkRegistries refuses a registries.yaml that others may read or that does not parse.
func checkRegistries(path string) error {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := refuseLooseMode(path); err != nil {
		return err
	}
	docs, err := parseYAML(path, string(content))
	if err != nil {
		return err
	}
	for _, doc := range docs {
		fields, ok := doc.(object)
		if !ok {
			return fmt.Errorf("%s: not a mapping", path)
		}
		for key := range fields {
			if key != "mirrors" && key != "configs" && key != "auths" {
				return fmt.Errorf("%s: unknown key %q", path, key)
			}
		}
		if err := checkRegistryFields(path, fields); err != nil {
			return err
		}
	}
	return nil
}

// findPasswords settles the server and agent passwords: configured, else those of the last start, else fresh ones.
func (s *server) findPasswords() error {
	text, err := s.config.token("token")
	if err != nil {
		return err
	}
	if text == "" {
		previous, err := os.ReadFile(s.path("token"))
		switch {
		case err == nil:
			text = strings.TrimSpace(string(previous))
		case errors.Is(err, os.ErrNotExist):
			text = randomHex(16)
		default:
			return err
		}
	}
	token, err := parseToken(text)
	if err != nil {
		return err
	}
	s.password, s.agentPassword, s.written = token.password, token.password, token.password
	agentText, err := s.config.token("agent-token")
	if err != nil || agentText == "" {
		return err
	}
	agentToken, err := parseToken(agentText)
	s.agentPassword = agentToken.password
	return err
}

// writeTokens writes the K10 forms: token, the node-token link to it, and agent-token.
func (s *server) writeTokens() error {
	full := fullToken(s.serverCA.certPEM, "server", s.password)
	if err := writeFileAtomic(s.path("token"), []byte(full+"\n"), 0o600); err != nil {
		return err
	}
	if err := replaceLink("token", s.path("node-token")); err != nil {
		return err
	}
	if s.agentPassword == s.password {
		return replaceLink("token", s.path("agent-token"))
	}
	os.Remove(s.path("agent-token"))
	agent := fullToken(s.serverCA.certPEM, "node", s.agentPassword)
	return writeFileAtomic(s.path("agent-token"), []byte(agent+"\n"), 0o600)
}

func replaceLink(target, path string) error {
	if current, err := os.Readlink(path); err == nil && current == target {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.Symlink(target, path)
}

func (s *server) httpsPort() int { return s.config.port("https-listen-port", 6443) }

// writeKubeconfig makes the administrator's kubeconfig anew at every start.
func (s *server) writeKubeconfig() error {
	certPEM, keyPEM, err := s.clientCA.issueClient("system:admin", "system:masters")
	if err != nil {
		return err
	}
	if err := writeFileAtomic(s.path("tls", "client-admin.crt"), certPEM, 0o644); err != nil {
		return err
	}
	if err := writeFileAtomic(s.path("tls", "client-admin.key"), keyPEM, 0o600); err != nil {
		return err
	}
	mode, err := strconv.ParseUint(s.config.strOr("write-kubeconfig-mode", "0600"), 8, 32)
	if err != nil || mode > 0o777 {
		return fmt.Errorf("invalid write-kubeconfig-mode %q", s.config.str("write-kubeconfig-mode"))
	}
	path := s.config.strOr("write-kubeconfig", filepath.Join(etcRancher(), "k3s", "k3s.yaml"))
	url := fmt.Sprintf("https://127.0.0.1:%d", s.httpsPort())
	return writeFileAtomic(path, kubeconfigYAML(url, s.serverCA.certPEM, certPEM, keyPEM), os.FileMode(mode))
}

func kubeconfigYAML(server string, ca, cert, key []byte) []byte {
	encode := base64.StdEncoding.EncodeToString
	return []byte(fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: default
contexts:
- context:
    cluster: default
    user: default
  name: default
current-context: default
kind: Config
users:
- name: default
  user:
    client-certificate-data: %s
    client-key-data: %s
`, encode(ca), server, encode(cert), encode(key)))
}

// certificateNames are the names and addresses the serving certificate is good for.
func (s *server) certificateNames() ([]string, error) {
	ips, err := nodeIPs(s.config)
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	names := []string{"127.0.0.1", "::1", "10.43.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc." + s.config.strOr("cluster-domain", "cluster.local"), host, s.config.nodeName()}
	names = append(names, ips...)
	names = append(names, s.config.split("node-external-ip")...)
	return append(names, s.config.split("tls-san")...), nil
}

// listen binds the supervisor port and, on loopback only, the API server's own port next to it.
func (s *server) listen() error {
	names, err := s.certificateNames()
	if err != nil {
		return err
	}
	certPEM, keyPEM, err := s.serverCA.issueServer(names)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AddCert(s.clientCA.cert)
	tlsConfig := &tls.Config{
		Certificates: []tls.Certificate{pair},
		ClientCAs:    clients,
		ClientAuth:   tls.VerifyClientCertIfGiven,
		MinVersion:   tls.VersionTLS12,
	}
	public := net.JoinHostPort(s.config.str("bind-address"), strconv.Itoa(s.httpsPort()))
	private := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.httpsPort()+1))
	for _, address := range []string{public, private} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		quiet := log.New(io.Discard, "", 0) // failed handshakes of strangers are no news
		https := &http.Server{Handler: s.handler(), TLSConfig: tlsConfig, ReadHeaderTimeout: 10 * time.Second, ErrorLog: quiet}
		go func() { fatal("%v", https.ServeTLS(listener, "", "")) }()
	}
	logInfo("Listening on %s", public)
	return nil
}

// start brings the cluster up behind the open port, then tells systemd.
func (s *server) start(ctx context.Context) {
	if s.usesEtcd() {
		if err := s.startEtcd(ctx); err != nil {
			if ctx.Err() != nil {
				return
			}
			fatal("Error: starting kubernetes: preparing server: start cluster and https: %v", err)
		}
	}
	if err := s.savePasswords(); err != nil {
		fatal("Error: starting kubernetes: failed to save bootstrap data: %v", err)
	}
	if err := s.bootstrapObjects(); err != nil {
		fatal("Error: starting kubernetes: %v", err)
	}
	if err := s.stagePackaged(); err != nil {
		fatal("Error: starting kubernetes: staging manifests: %v", err)
	}
	time.Sleep(startDelay)
	s.ready.Store(true)
	logInfo("Kube API server is now running")
	s.manifests = newDeployer(s)
	go s.runControllers(ctx)
	sdNotify("READY=1")
	logInfo("k3s is up and running")
	if !s.config.bool("disable-agent") {
		go s.runOwnAgent(ctx)
	}
}

func (s *server) bootstrapObjects() error {
	for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
		if _, err := s.store.Ensure(mustKind("namespaces"), "", object{"metadata": object{"name": name}}); err != nil {
			return err
		}
	}
	_, err := s.store.Ensure(mustKind("services"), "default", object{
		"metadata": object{"name": "kubernetes"},
		"spec": object{"type": "ClusterIP", "clusterIP": "10.43.0.1",
			"ports": []interface{}{object{"name": "https", "port": 443, "protocol": "TCP"}}},
	})
	return err
}

// runControllers drives everything that reacts to objects and files until the process ends.
func (s *server) runControllers(ctx context.Context) {
	const (
		step          = time.Second
		manifestScan  = 5
		heartbeatSave = 10
	)
	ticker := time.NewTicker(step)
	defer ticker.Stop()
	dns := ""
	for tick := 0; ; tick++ {
		now := time.Now()
		if tick%manifestScan == 0 && s.store.healthy() == nil {
			s.manifests.scan()
		}
		if s.store.leads() {
			s.markSilentNodes(now)
			s.reconcileCharts()
			dns = s.watchCoreDNS(dns)
			s.reconcileWorkloads()
			if tick%heartbeatSave == 0 {
				s.store.expire(now)
			}
		}
		if tick%heartbeatSave == 0 {
			s.store.flush()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// runOwnAgent is the server's kubelet.
func (s *server) runOwnAgent(ctx context.Context) {
	host := s.config.strOr("bind-address", "127.0.0.1")
	if host == "0.0.0.0" || host == "::" {
		host = "127.0.0.1"
	}
	a := &agent{
		config:    s.config,
		serverURL: "https://" + net.JoinHostPort(host, strconv.Itoa(s.httpsPort())),
		token:     joinToken{user: "server", password: s.password},
	}
	if s.etcd != nil {
		a.member = s.etcd.name
	}
	if err := a.run(ctx, func() {}); err != nil {
		fatal("Error: %v", err)
	}
}
