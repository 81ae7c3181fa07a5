package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// The files that K3s's components read at a start: registries.yaml, what is laid over containerd's configuration,
// flannel's own configuration, what arguments of the API server point to. K3s skips or crashes over some mistakes; this
// referee names them and refuses to start.

var registryHost = regexp.MustCompile(`^(\*|[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]+)?|\[[0-9a-f:]+\](:[0-9]+)?)$`)

func checkRegistryFields(path string, fields object) error {
	for name, value := range objAt(fields, "mirrors") {
		mirror, _ := value.(object)
		if !registryHost.MatchString(name) {
			return fmt.Errorf("%s: mirror %q is no registry", path, name)
		}
		if err := onlyKeys(path, mirror, "endpoint", "rewrite"); err != nil {
			return err
		}
		for _, endpoint := range listAt(mirror, "endpoint") {
			parsed, err := url.Parse(fmt.Sprint(endpoint))
			if err != nil || parsed.Host == "" || (parsed.Scheme != "http" && parsed.Scheme != "https") {
				return fmt.Errorf("%s: endpoint %v of %q is no http(s) URL", path, endpoint, name)
			}
		}
		for pattern := range objAt(mirror, "rewrite") {
			if _, err := regexp.Compile(pattern); err != nil {
				return fmt.Errorf("%s: rewrite of %q: %w", path, name, err)
			}
		}
	}
	for name, value := range objAt(fields, "configs") {
		config, _ := value.(object)
		if !registryHost.MatchString(name) || name == "*" {
			return fmt.Errorf("%s: config %q is no host", path, name)
		}
		if err := onlyKeys(path, config, "auth", "tls"); err != nil {
			return err
		}
		if err := onlyKeys(path, objAt(config, "auth"), "username", "password", "auth", "identity_token"); err != nil {
			return err
		}
		tls := objAt(config, "tls")
		if err := onlyKeys(path, tls, "ca_file", "cert_file", "key_file", "insecure_skip_verify"); err != nil {
			return err
		}
		for _, key := range []string{"ca_file", "cert_file", "key_file"} {
			if file := strAt(tls, key); file != "" {
				if _, err := os.ReadFile(file); err != nil {
					return fmt.Errorf("%s: %s of %q: %w", path, key, name, err)
				}
			}
		}
		if file := strAt(tls, "key_file"); file != "" {
			if err := refuseLooseMode(file); err != nil {
				return err
			}
		}
	}
	return nil
}

func onlyKeys(where string, fields object, known ...string) error {
	for key := range fields {
		if !contains(known, key) {
			return fmt.Errorf("%s: unknown key %q", where, key)
		}
	}
	return nil
}

var tomlLine = regexp.MustCompile(`^([A-Za-z0-9_-]+|"[^"]*"|'[^']*')(\s*\.\s*([A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*\s*=\s*(true|false|-?[0-9][0-9_.]*|"([^"\\]|\\.)*"|'[^']*'|\[.*\])$`)
var tomlTable = regexp.MustCompile(`^\[([^\[\]]+)\]$`)

const templateBase = `{{ template "base" . }}`

// checkTOML reads as much of TOML as settings for containerd use; a table twice is an error, as it is for containerd.
func checkTOML(path, text string, tables map[string]bool) error {
	for number, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if found := tomlTable.FindStringSubmatch(line); found != nil {
			name := strings.NewReplacer(`"`, "", "'", "").Replace(found[1])
			if tables[name] {
				return fmt.Errorf("%s:%d: toml: table %s already exists", path, number+1, name)
			}
			tables[name] = true
			continue
		}
		if !tomlLine.MatchString(line) {
			return fmt.Errorf("%s:%d: toml: cannot be read: %s", path, number+1, line)
		}
	}
	return nil
}

// writeContainerdConfig renders config.toml as K3s does, with templates and drop-ins, and refuses what containerd would.
func writeContainerdConfig(config *Config) error {
	dir := filepath.Join(config.dataDir(), "agent", "etc", "containerd")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	base := "version = 3\nimports = [\"" + filepath.Join(dir, "config-v3.toml.d", "*.toml") + "\"]\n" +
		"[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n"
	text := base
	for _, name := range []string{"config-v3.toml.tmpl", "config.toml.tmpl"} {
		path := filepath.Join(dir, name)
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if !strings.Contains(string(content), templateBase) {
			return fmt.Errorf("%s does not begin with K3s's own text: %s is missing", path, templateBase)
		}
		text = strings.Replace(string(content), templateBase, base, 1)
		break
	}
	if err := checkTOML(filepath.Join(dir, "config.toml"), text, map[string]bool{}); err != nil {
		return fmt.Errorf("containerd exited: failed to unmarshal TOML: %w", err)
	}
	drops, err := filepath.Glob(filepath.Join(dir, "config-v3.toml.d", "*.toml"))
	if err != nil {
		return err
	}
	sort.Strings(drops)
	for _, path := range drops {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := checkTOML(path, string(content), map[string]bool{}); err != nil {
			return fmt.Errorf("containerd exited: failed to load imported config: %w", err)
		}
		logInfo("containerd imports %s", path)
	}
	return writeFileAtomic(filepath.Join(dir, "config.toml"), []byte(text), 0o644)
}

var flannelTypes = map[string]string{"vxlan": "vxlan", "host-gw": "host-gw", "wireguard-native": "wireguard"}

// checkFlannel reads the file that flannel-conf names, which flannel takes as it is.
func checkFlannel(config *Config, backend string) error {
	path := config.str("flannel-conf")
	if path == "" || backend == "none" {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("flannel: %w", err)
	}
	var conf object
	if err := json.Unmarshal(content, &conf); err != nil {
		return fmt.Errorf("flannel: error parsing %s: %w", path, err)
	}
	if told := strAt(conf, "Backend", "Type"); told != flannelTypes[backend] {
		return fmt.Errorf("flannel: %s says backend %q, the cluster has %q", path, told, backend)
	}
	pods := "10.42.0.0/16"
	if told := config.split("cluster-cidr"); len(told) > 0 {
		pods = told[0]
	}
	if told := strAt(conf, "Network"); config.Role == "server" && told != pods {
		return fmt.Errorf("flannel: %s says network %q, pods have %q", path, told, pods)
	}
	return nil
}

// checkAPIServerArgs looks for the files that arguments of the API server name: it exits where one is not there.
func checkAPIServerArgs(config *Config) error {
	for _, arg := range config.list("kube-apiserver-arg") {
		name, value, _ := strings.Cut(arg, "=")
		switch name {
		case "audit-policy-file", "admission-control-config-file":
			content, err := os.ReadFile(value)
			if err != nil {
				return fmt.Errorf("apiserver exited: loading %s: %w", name, err)
			}
			docs, err := parseAny(value, content)
			if err != nil || len(docs) != 1 {
				return fmt.Errorf("apiserver exited: %s: not one document (%v)", value, err)
			}
			wanted := map[string]string{"audit-policy-file": "Policy", "admission-control-config-file": "AdmissionConfiguration"}[name]
			if told := strAt(docs[0], "kind"); told != wanted {
				return fmt.Errorf("apiserver exited: %s: kind %q, wanted %q", value, told, wanted)
			}
		case "audit-log-path":
			info, err := os.Stat(filepath.Dir(value))
			if err != nil || info.Mode().Perm()&0o077 != 0 {
				return fmt.Errorf("stand-in: the directory of %s is missing or open to others", value)
			}
			line := `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete"}` + "\n"
			if err := os.WriteFile(value, []byte(line), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseAny reads JSON, below comments of YAML's, or YAML.
func parseAny(path string, content []byte) ([]object, error) {
	var lines []string
	for _, line := range strings.Split(string(content), "\n") {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return decodeManifests(path, []byte(strings.Join(lines, "\n")))
}

// Plugins that CoreDNS's default block has and that can stand in a block once.
var onceInBlock = []string{"hosts", "cache", "loop", "reload", "health", "ready", "prometheus", "loadbalance"}

// checkCoreDNS reads the ConfigMap coredns-custom as CoreDNS would after its reload; "" where it is good.
func checkCoreDNS(custom object) string {
	zones := map[string]string{".:53": "the default block"}
	for key, value := range objAt(custom, "data") {
		text, _ := value.(string)
		if strings.Count(text, "{") != strings.Count(text, "}") {
			return key + ": braces do not close"
		}
		switch {
		case strings.HasSuffix(key, ".override"):
			for _, line := range strings.Split(text, "\n") {
				if word := strings.Fields(line); len(word) > 0 && contains(onceInBlock, word[0]) && !strings.HasPrefix(line, " ") {
					return fmt.Sprintf("%s: plugin/%s: this plugin can only be used once per Server Block", key, word[0])
				}
			}
		case strings.HasSuffix(key, ".server"):
			head, _, opened := strings.Cut(text, "{")
			if !opened {
				return key + ": no server block"
			}
			for _, zone := range strings.Fields(head) {
				if other, taken := zones[zone]; taken {
					return fmt.Sprintf("%s: cannot serve dns://%s - it is already defined in %s", key, zone, other)
				}
				zones[zone] = key
			}
		default:
			return key + ": is imported by nobody: its name ends neither in .server nor in .override"
		}
	}
	return ""
}

// watchCoreDNS tells, once for each different reason, that CoreDNS would not take what coredns-custom says.
func (s *server) watchCoreDNS(told string) string {
	custom, err := s.store.Get(mustKind("configmaps"), "kube-system", "coredns-custom")
	reason := ""
	if err == nil {
		reason = checkCoreDNS(custom)
	}
	if reason != told && reason != "" {
		logError("coredns: plugin/reload: %s", reason)
	}
	if reason == "" && told == "" && err == nil && !s.dnsTold {
		s.dnsTold = true
		logInfo("coredns: reloaded with coredns-custom")
	}
	return reason
}

// Values that Traefik's chart knows at its top; its schema refuses others.
var traefikValues = strings.Fields(`additionalArguments additionalVolumeMounts affinity api autoscaling certificatesResolvers
	commonLabels core deployment env envFrom experimental extraObjects fullnameOverride gateway gatewayClass global
	hostNetwork hub image ingressClass ingressRoute instanceLabelOverride livenessProbe logs metrics nameOverride
	namespaceOverride nodeSelector ocsp persistence podDisruptionBudget podSecurityContext ports priorityClassName
	providers rbac readinessProbe resources securityContext service serviceAccount serviceAccountAnnotations
	startupProbe tlsOptions tlsStore tolerations topologySpreadConstraints tracing updateStrategy versionOverride volumes`)

// traefikSettings reads what a HelmChartConfig says of Traefik: ports and the type of its Service.
func traefikSettings(config object) (ports map[string]interface{}, serviceType string, err error) {
	ports, serviceType = map[string]interface{}{"web": 80, "websecure": 443}, "LoadBalancer"
	if config == nil {
		return ports, serviceType, nil
	}
	docs, err := parseYAML("HelmChartConfig traefik", strAt(config, "spec", "valuesContent"))
	if err != nil || len(docs) == 0 {
		return ports, serviceType, err
	}
	values, _ := docs[0].(object)
	for key := range values {
		if !contains(traefikValues, key) {
			return nil, "", fmt.Errorf("values don't meet the specifications of the schema(s): traefik: additional properties '%s' not allowed", key)
		}
	}
	for name := range ports {
		if told := at(values, "ports", name, "exposedPort"); told != nil {
			ports[name] = told
		}
	}
	if told := strAt(values, "service", "spec", "type"); told != "" {
		serviceType = told
	}
	if boolAt(values, "hostNetwork") && strAt(values, "deployment", "kind") != "DaemonSet" && intAt(values, "updateStrategy", "rollingUpdate", "maxUnavailable") == 0 {
		return nil, "", errors.New("maxUnavailable should be greater than 0 when using hostNetwork")
	}
	return ports, serviceType, nil
}
