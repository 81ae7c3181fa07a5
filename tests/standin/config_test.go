package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// configOf writes a config file and its drop-ins and loads them for a role.
func configOf(t *testing.T, role, main string, dropIns map[string]string, args ...string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.Mkdir(path+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{path: main}
	for name, text := range dropIns {
		files[filepath.Join(path+".d", name)] = text
	}
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return loadConfig(role, append([]string{"--config=" + path}, args...))
}

func TestDropInsReplaceAndAppend(t *testing.T) {
	config, err := configOf(t, "server", "tls-san: [a]\nnode-label:\n- x=1\nnode-name: one\n", map[string]string{
		"10.yaml": "node-label+: y=2\nnode-name: two\n",
		"20.yml":  "tls-san: [b]\nnode-label+: [z=3]\n",
		"30.txt":  "node-name: ignored\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := config.list("node-label"); !reflect.DeepEqual(got, []string{"x=1", "y=2", "z=3"}) {
		t.Errorf("node-label = %v", got)
	}
	if got := config.list("tls-san"); !reflect.DeepEqual(got, []string{"b"}) {
		t.Errorf("tls-san = %v", got)
	}
	if got := config.nodeName(); got != "two" {
		t.Errorf("node-name = %q", got)
	}
}

func TestAppendingMustGoOn(t *testing.T) {
	_, err := configOf(t, "server", "node-label+: x=1\n", map[string]string{"10.yaml": "node-label: y=2\n"})
	if err == nil || !strings.Contains(err.Error(), "keep the '+'") {
		t.Errorf("err = %v", err)
	}
}

func TestPrecedence(t *testing.T) {
	t.Setenv("K3S_NODE_NAME", "from-environment")
	t.Setenv("K3S_URL", "https://environment:6443")
	config, err := configOf(t, "agent", "node-name: from-file\nlb-server-port: 1\n", nil, "--lb-server-port", "2")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"node-name": "from-file", "lb-server-port": "2", "server": "https://environment:6443"} {
		if got := config.str(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
}

func TestUnknownKeys(t *testing.T) {
	if _, err := configOf(t, "server", "no-such-key: 1\n", nil); err != nil {
		t.Errorf("a server skips unknown keys, got %v", err)
	}
	_, err := configOf(t, "agent", "disable: traefik\n", nil)
	if err == nil || !strings.Contains(err.Error(), "flag provided but not defined: -disable") {
		t.Errorf("an agent dies of a server's key, got %v", err)
	}
}

func TestLooseModeIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("node-name: a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig("server", []string{"--config", path}); err == nil || !strings.Contains(err.Error(), "loose mode 0644") {
		t.Errorf("err = %v", err)
	}
}

func TestUnquotedModeIsDecimal(t *testing.T) {
	config, err := configOf(t, "server", "write-kubeconfig-mode: 0644\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := config.str("write-kubeconfig-mode"); got != "420" {
		t.Errorf("write-kubeconfig-mode = %q: YAML 1.1 reads 0644 as an octal number", got)
	}
}

func TestReservedNodeLabels(t *testing.T) {
	for _, label := range []string{"node-role.kubernetes.io/worker=true", "kubernetes.io/x=1", "a.k8s.io/x=1"} {
		if _, err := parseNodeLabels([]string{label}); err == nil {
			t.Errorf("%s was accepted", label)
		}
	}
	for _, label := range []string{"topology.kubernetes.io/zone=a", "node.kubernetes.io/x=1", "svccontroller.k3s.cattle.io/enablelb=true"} {
		if _, err := parseNodeLabels([]string{label}); err != nil {
			t.Errorf("%s: %v", label, err)
		}
	}
}

func TestAnEmptyWordDisablesEverything(t *testing.T) {
	for text, want := range map[string]bool{"disable:\n": true, "disable: \"traefik,\"\n": true, "disable: traefik\n": false} {
		config, err := configOf(t, "server", text, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&server{config: config}).disabled("coredns.yaml"); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
