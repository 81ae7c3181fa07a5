package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// Config is what one process was told, by config files, environment and arguments.
type Config struct {
	Role   string
	values map[string][]string
	Args   []string // as the node-args annotation shows them
}

func (c *Config) str(name string) string {
	if list := c.values[name]; len(list) > 0 {
		return list[len(list)-1]
	}
	return ""
}

func (c *Config) strOr(name, fallback string) string {
	if value := c.str(name); value != "" {
		return value
	}
	return fallback
}

func (c *Config) list(name string) []string { return c.values[name] }

func (c *Config) bool(name string) bool { return c.str(name) == "true" }

// split is for the lists K3s also accepts as comma separated text.
func (c *Config) split(name string) []string {
	var out []string
	for _, value := range c.values[name] {
		for _, part := range strings.Split(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				out = append(out, part)
			}
		}
	}
	return out
}

func (c *Config) port(name string, fallback int) int {
	text := c.str(name)
	if text == "" {
		return fallback
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		fatal("invalid value %q for --%s", text, name)
	}
	return port
}

func (c *Config) dataDir() string { return c.strOr("data-dir", "/var/lib/rancher/k3s") }

// etcRancher is where the kubeconfig and the node password live; tests move it.
func etcRancher() string {
	if moved := os.Getenv("K3S_STANDIN_ETC"); moved != "" {
		return moved
	}
	return "/etc/rancher"
}

// runDir is where containerd's socket lives; it moves together with etcRancher.
func runDir() string {
	if moved := os.Getenv("K3S_STANDIN_ETC"); moved != "" {
		return filepath.Join(moved, "run")
	}
	return "/run/k3s"
}

// environment variables K3s reads for flags of both roles (pkg/cli/cmds).
var flagEnvironment = map[string]string{
	"K3S_TOKEN": "token", "K3S_TOKEN_FILE": "token-file", "K3S_URL": "server", "K3S_DATA_DIR": "data-dir",
	"K3S_NODE_NAME": "node-name", "K3S_RESOLV_CONF": "resolv-conf", "K3S_DEBUG": "debug",
	"K3S_SELINUX": "selinux", "K3S_LB_SERVER_PORT": "lb-server-port",
}

var serverEnvironment = map[string]string{
	"K3S_AGENT_TOKEN": "agent-token", "K3S_AGENT_TOKEN_FILE": "agent-token-file",
	"K3S_KUBECONFIG_MODE": "write-kubeconfig-mode", "K3S_KUBECONFIG_OUTPUT": "write-kubeconfig",
	"K3S_KUBECONFIG_GROUP": "write-kubeconfig-group", "K3S_DATASTORE_ENDPOINT": "datastore-endpoint",
	"K3S_CLUSTER_INIT": "cluster-init",
}

// loadConfig puts the config files' values before the arguments, as K3s does: so arguments beat files, lists of both
// add up, and files beat the environment.
func loadConfig(role string, args []string) (*Config, error) {
	fromFiles, err := configFileArgs(role, configPath(args))
	if err != nil {
		return nil, err
	}
	all := append(append([]string{}, fromFiles...), args...)
	values, err := parseFlags(role, all)
	if err != nil {
		return nil, err
	}
	useEnvironment(values, flagEnvironment)
	if role == "server" {
		useEnvironment(values, serverEnvironment)
	}
	return &Config{Role: role, values: values, Args: append([]string{role}, all...)}, nil
}

func useEnvironment(values map[string][]string, names map[string]string) {
	for variable, name := range names {
		value := os.Getenv(variable)
		if _, given := values[name]; !given && value != "" {
			values[name] = []string{value}
		}
	}
}

func configPath(args []string) string {
	for i, arg := range args {
		name, value, inline := strings.Cut(arg, "=")
		if name == "--config" || name == "-c" {
			if !inline && i+1 < len(args) {
				value = args[i+1]
			}
			return value
		}
	}
	if path := os.Getenv("K3S_CONFIG_FILE"); path != "" {
		return path
	}
	return filepath.Join(etcRancher(), "k3s", "config.yaml")
}

// configFileArgs reads the main file and its drop-ins and spells their values as arguments.
func configFileArgs(role, path string) ([]string, error) {
	merged := &mergedConfig{values: map[string][]string{}, appends: map[string]bool{}}
	for i, file := range configFiles(path) {
		err := merged.readFile(file)
		if i == 0 && errors.Is(err, os.ErrNotExist) {
			continue // drop-ins work without a main file
		}
		if err != nil {
			return nil, err
		}
	}
	table := flagTable(role)
	var args []string
	for _, key := range merged.order {
		long := key
		if name, ok := flagAliases[key]; ok {
			long = name
		}
		if _, known := table[long]; !known && role == "server" {
			logWarn("Unknown flag --%s found in %s, skipping", key, filepath.Base(path))
			continue
		}
		for _, value := range merged.values[key] {
			args = append(args, "--"+key+"="+value)
		}
	}
	return args, nil
}

func configFiles(path string) []string {
	files := []string{path}
	entries, err := os.ReadDir(path + ".d")
	if err != nil {
		return files
	}
	for _, entry := range entries {
		ext := filepath.Ext(entry.Name())
		if !entry.IsDir() && (ext == ".yaml" || ext == ".yml") {
			files = append(files, filepath.Join(path+".d", entry.Name()))
		}
	}
	return files
}

type mergedConfig struct {
	order   []string
	values  map[string][]string
	appends map[string]bool
}

func (m *mergedConfig) readFile(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := refuseLooseMode(path); err != nil {
		return err
	}
	return m.merge(path, string(content))
}

// merge lets a later value replace an earlier one; "key+" appends, and every later file must keep the "+".
func (m *mergedConfig) merge(path, text string) error {
	docs, err := parseYAML(path, text)
	if err != nil || len(docs) == 0 {
		return err
	}
	if len(docs) > 1 {
		return fmt.Errorf("%s: more than one YAML document", path)
	}
	entries, ok := docs[0].(map[string]interface{})
	if !ok {
		return fmt.Errorf("%s: a configuration file must be a mapping of keys", path)
	}
	for _, key := range sortedKeys(entries) {
		values, err := configValues(entries[key])
		if err != nil {
			return fmt.Errorf("%s: key %q: %v", path, key, err)
		}
		name := strings.TrimSuffix(key, "+")
		adds := name != key
		if m.appends[name] && !adds {
			return fmt.Errorf("%s: key %q was appended to with %q before: keep the '+'", path, name, name+"+")
		}
		if _, seen := m.values[name]; !seen {
			m.order = append(m.order, name)
		}
		if adds {
			m.appends[name] = true
			values = append(append([]string{}, m.values[name]...), values...)
		}
		m.values[name] = values
	}
	return nil
}

func configValues(value interface{}) ([]string, error) {
	list, isList := value.([]interface{})
	if !isList {
		list = []interface{}{value}
	}
	var out []string
	for _, item := range list {
		switch item.(type) {
		case map[string]interface{}, []interface{}:
			return nil, errors.New("nested values are not allowed, the file is flat")
		case nil:
			out = append(out, "")
		default:
			out = append(out, fmt.Sprint(item))
		}
	}
	return out, nil
}

func sortedKeys(m map[string]interface{}) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// token reads the configured token; an empty answer means none was given.
func (c *Config) token(key string) (string, error) {
	if path := c.str(key + "-file"); path != "" {
		text, err := readSecretFile(path)
		if err != nil {
			return "", fmt.Errorf("failed to read --%s-file: %w", key, err)
		}
		return text, nil
	}
	return c.str(key), nil
}

func (c *Config) nodeName() string {
	name := c.str("node-name")
	if name == "" {
		host, err := os.Hostname()
		if err != nil {
			fatal("no host name: %v", err)
		}
		name = host
	}
	return strings.ToLower(strings.TrimSpace(name))
}

// systemImage prefixes an image of K3s's own with system-default-registry.
func systemImage(registry, image string) string {
	if registry == "" {
		return image
	}
	return registry + "/" + image
}
