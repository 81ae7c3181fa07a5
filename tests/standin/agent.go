package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const (
	retryDelay        = 2 * time.Second
	heartbeatInterval = 5 * time.Second
	// K3s tells systemd that an agent is up only once its network policy controller has seen a heartbeat newer than
	// its own start, and the kubelet sends one every five minutes: a working agent may be "activating" all that time.
	lateReady         = 12 * time.Second
	imageScanInterval = 2 * time.Second
)

const controlPlaneLabel = "node-role.kubernetes.io/control-plane"

// agent is the node part of K3s: an agent process, or the kubelet inside a server.
type agent struct {
	config    *Config
	serverURL string
	token     joinToken
	images    *imageStore
	api       *apiClient
	caPEM     []byte
	registry  string // system-default-registry, as the server told
	name      string
	ips       []string
	labels    object
	taints    []interface{}
	balancer  *loadBalancer
	member    string // of a server: its name as a member of etcd
}

func runAgent(args []string) {
	refuseEarlyClock()
	config, err := loadConfig("agent", args)
	if err != nil {
		fatal("Error: %v", err)
	}
	ctx := untilSignal()
	crashOnRequest()
	go misbehave(config)
	logInfo("Starting k3s agent %s (%s)", version, commit)
	if err := checkRegistries(config.strOr("private-registry", filepath.Join(etcRancher(), "k3s", "registries.yaml"))); err != nil {
		fatal("Error: %v", err)
	}
	a, err := prepareAgent(config)
	if err != nil {
		fatal("Error: %v", err)
	}
	if err := a.run(ctx, func() { time.AfterFunc(lateReady, func() { sdNotify("READY=1") }) }); err != nil {
		fatal("Error: %v", err)
	}
}

func prepareAgent(config *Config) (*agent, error) {
	if err := refuseUnplayed(config); err != nil {
		return nil, err
	}
	text, err := config.token("token")
	if err != nil {
		return nil, err
	}
	if text == "" {
		return nil, errors.New("--token is required")
	}
	token, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	if token.user == "" {
		token.user = "node"
	}
	address := config.str("server")
	if address == "" {
		return nil, errors.New("--server is required")
	}
	parsed, err := url.Parse(address)
	if err != nil || parsed.Scheme != "https" || parsed.Hostname() == "" {
		return nil, fmt.Errorf("only https:// URLs are supported, invalid scheme: %s", address)
	}
	for _, dir := range []string{filepath.Join(config.dataDir(), "agent"), filepath.Join(config.dataDir(), "agent", "etc")} {
		if err := makePrivateDir(dir); err != nil {
			return nil, err
		}
	}
	balancer, local, err := startLoadBalancer(config, parsed)
	if err != nil {
		return nil, err
	}
	return &agent{config: config, serverURL: local, token: token, balancer: balancer}, nil
}

// run joins the cluster and keeps the node alive until the process ends. ready is called once the Node exists.
func (a *agent) run(ctx context.Context, ready func()) error {
	a.name = a.config.nodeName()
	if err := a.readNodeOptions(); err != nil {
		return err
	}
	if !a.retry(ctx, a.join) {
		return nil
	}
	if a.balancer != nil {
		go a.balancer.learn(ctx, a.api)
	}
	if err := checkCgroups(a.config); err != nil {
		return err
	}
	setSysctls()
	if err := writeContainerdConfig(a.config); err != nil {
		return err
	}
	images, err := openImageStore(a.config, a.registry)
	if err != nil {
		return err
	}
	a.images = images
	if err := a.serveContainerd(); err != nil {
		return err
	}
	// The kubelet waits for the first import.
	a.images.scan()
	if !a.retry(ctx, a.register) {
		return nil
	}
	ready()
	logInfo("Node %s is registered", a.name)
	a.keepAlive(ctx)
	return nil
}

func (a *agent) readNodeOptions() error {
	var err error
	if a.ips, err = nodeIPs(a.config); err != nil {
		return err
	}
	if !dnsSubdomain.MatchString(a.name) {
		return fmt.Errorf("invalid node name %q: %s", a.name, dnsMessage)
	}
	if a.labels, err = parseNodeLabels(a.config.list("node-label")); err != nil {
		return err
	}
	a.taints, err = parseNodeTaints(a.config.list("node-taint"))
	return err
}

// retry repeats a step every two seconds, for ever, as K3s does; false means that the process is to end.
func (a *agent) retry(ctx context.Context, step func() error) bool {
	for {
		err := step()
		if err == nil {
			return true
		}
		logError("%v", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(retryDelay):
		}
	}
}

// join checks the server against the token and gets the node's certificate.
func (a *agent) join() error {
	failed := func(err error) error {
		return fmt.Errorf("Failed to validate connection to cluster at %s: failed to validate token: %w", a.config.strOr("server", a.serverURL), err)
	}
	caPEM, err := newClient(a.serverURL, trusting(nil)).raw(http.MethodGet, "/cacerts", nil)
	if err != nil {
		return failed(fmt.Errorf("failed to get CA certs: %w", err))
	}
	if err := a.token.checkCA(caPEM); err != nil {
		return failed(err)
	}
	client := newClient(a.serverURL, trusting(caPEM))
	client.user, client.password = a.token.user, a.token.password
	if _, err := client.raw(http.MethodGet, "/cacerts", nil); err != nil {
		return failed(fmt.Errorf("CA cert validation failed: %w", err))
	}
	settings, err := client.do(http.MethodGet, "/v1-k3s/config", nil)
	if err != nil {
		return failed(fmt.Errorf("%s/v1-k3s/config: not authorized: %w", a.serverURL, err))
	}
	a.registry = strAt(settings, "SystemDefaultRegistry")
	if err := checkFlannel(a.config, strAt(settings, "FlannelBackend")); err != nil {
		return err
	}
	password, err := nodePassword()
	if err != nil {
		return err
	}
	client.headers = map[string]string{"k3s-Node-Name": a.name, "k3s-Node-Password": password}
	identity, err := client.raw(http.MethodGet, "/v1-k3s/client-kubelet.crt", nil)
	if err != nil {
		return nodeCertificateError(err)
	}
	a.caPEM = caPEM
	return a.useIdentity(identity)
}

func nodeCertificateError(err error) error {
	var api *apiError
	if errors.As(err, &api) && api.Code == http.StatusForbidden {
		return errors.New("Failed to retrieve agent configuration: Node password rejected, duplicate hostname or contents of " +
			"'/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag")
	}
	return fmt.Errorf("Failed to retrieve agent configuration: %w", err)
}

// nodePassword is the node's identity: made once, kept outside the data directory.
func nodePassword() (string, error) {
	path := filepath.Join(etcRancher(), "node", "password")
	content, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	password := randomHex(16)
	return password, writeFileAtomic(path, []byte(password+"\n"), 0o600)
}

// useIdentity keeps the node's certificate and key (one PEM text) on disk and talks with them from now on.
func (a *agent) useIdentity(identity []byte) error {
	pair, err := tls.X509KeyPair(identity, identity)
	if err != nil {
		return err
	}
	dir := filepath.Join(a.config.dataDir(), "agent")
	if err := writeFileAtomic(filepath.Join(dir, "server-ca.crt"), a.caPEM, 0o644); err != nil {
		return err
	}
	config := kubeconfigYAML(a.serverURL, a.caPEM, identity, identity)
	if err := writeFileAtomic(filepath.Join(dir, "kubelet.kubeconfig"), config, 0o600); err != nil {
		return err
	}
	a.api = newClient(a.serverURL, trusting(a.caPEM, pair))
	return nil
}

// register makes the Node, or patches the labels of the one that is there. Taints count only for a new one.
func (a *agent) register() error {
	node := a.node()
	path := mustKind("nodes").path("", a.name)
	_, err := a.api.raw(http.MethodGet, path, nil)
	switch {
	case isNotFound(err):
		if len(a.taints) > 0 {
			setAt(node, a.taints, "spec", "taints")
		}
		_, err = a.api.do(http.MethodPost, mustKind("nodes").path("", ""), node)
	case err == nil:
		_, err = a.api.do(http.MethodPatch, path, object{"metadata": node["metadata"]})
	}
	if err != nil {
		return fmt.Errorf("Unable to register node with API server: %w", err)
	}
	return a.heartbeat()
}

func (a *agent) node() object {
	labels := object{
		"beta.kubernetes.io/arch": runtime.GOARCH, "kubernetes.io/arch": runtime.GOARCH,
		"beta.kubernetes.io/os": "linux", "kubernetes.io/os": "linux",
		"kubernetes.io/hostname":           a.name,
		"node.kubernetes.io/instance-type": "k3s", "beta.kubernetes.io/instance-type": "k3s",
	}
	if a.config.Role == "server" {
		labels[controlPlaneLabel] = "true"
	}
	annotations := object{
		"k3s.io/hostname": a.name, "k3s.io/internal-ip": strings.Join(a.ips, ","),
		"k3s.io/node-args": string(mustJSON(redacted(a.config.Args))),
	}
	if a.member != "" {
		labels["node-role.kubernetes.io/etcd"] = "true"
		annotations["etcd.k3s.cattle.io/node-name"] = a.member
		annotations["etcd.k3s.cattle.io/node-address"] = a.ips[0]
	}
	for key, value := range a.labels {
		labels[key] = value
	}
	return object{
		"apiVersion": "v1", "kind": "Node",
		"metadata": object{"name": a.name, "labels": labels, "annotations": annotations},
		"spec":     object{"providerID": "k3s://" + a.name, "podCIDR": "10.42.0.0/24"},
	}
}

// redacted hides the secrets that K3s hides in its node annotation.
func redacted(args []string) []string {
	secrets := []string{"token", "t", "agent-token", "datastore-endpoint", "etcd-s3-access-key", "etcd-s3-secret-key", "vpn-auth"}
	out := append([]string{}, args...)
	for i, arg := range out {
		name, _, inline := strings.Cut(arg, "=")
		if !strings.HasPrefix(arg, "-") || !contains(secrets, strings.TrimLeft(name, "-")) {
			continue
		}
		if inline {
			out[i] = name + "=********"
		} else if i+1 < len(out) {
			out[i+1] = "********"
		}
	}
	return out
}

// heartbeat reports the node's status.
func (a *agent) heartbeat() error {
	addresses := []interface{}{}
	for _, ip := range a.ips {
		addresses = append(addresses, object{"type": "InternalIP", "address": ip})
	}
	for _, ip := range a.config.split("node-external-ip") {
		addresses = append(addresses, object{"type": "ExternalIP", "address": ip})
	}
	addresses = append(addresses, object{"type": "Hostname", "address": a.name})
	status := object{
		"addresses": addresses, "capacity": capacity(), "allocatable": capacity(), "nodeInfo": nodeInfo(),
		"conditions": a.conditions(), "images": a.images.nodeStatus(),
		"daemonEndpoints": object{"kubeletEndpoint": object{"Port": 10250}},
	}
	path := mustKind("nodes").path("", a.name) + "/status"
	if _, err := a.api.raw(http.MethodPatch, path, object{"status": status}); err != nil {
		return fmt.Errorf("Error updating node status, will retry: error getting node %q: %w", a.name, err)
	}
	return nil
}

func (a *agent) conditions() []interface{} {
	now := timestamp(time.Now())
	condition := func(kind, status, reason, message string) object {
		return object{"type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now}
	}
	ready := condition("Ready", "True", "KubeletReady", "kubelet is posting ready status")
	pause := normalizeRef(a.config.strOr("pause-image", systemImage(a.registry, "rancher/mirrored-pause:3.6")))
	if !a.images.has(pause) {
		ready = condition("Ready", "False", "KubeletNotReady",
			"container runtime network not ready: sandbox image "+pause+" is not in the image store and no registry is reachable")
	}
	return []interface{}{
		condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		ready,
	}
}

// keepAlive watches agent/images and reports the node, each on its own clock: a long import must not silence the node.
func (a *agent) keepAlive(ctx context.Context) {
	go func() {
		for {
			time.Sleep(imageScanInterval)
			if a.images.scan() {
				a.report()
			}
		}
	}()
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			a.report()
		}
	}
}

func (a *agent) report() {
	if err := a.heartbeat(); err != nil {
		logError("%v", err)
	}
}
