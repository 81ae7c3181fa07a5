package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// What K3s asks of its host before it does anything, and what the kubelet reports about it.

func refuseEarlyClock() {
	if now := time.Now(); now.Year() < 1980 {
		fatal("server time isn't set properly: %v", now)
	}
}

const cgroupRoot = "/sys/fs/cgroup"

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// checkCgroups applies K3s's need of the memory controller and the kubelet's refusal of cgroup v1.
func checkCgroups(c *Config) error {
	controllers, err := os.ReadFile(filepath.Join(cgroupRoot, "cgroup.controllers"))
	if err != nil {
		if !fileExists(filepath.Join(cgroupRoot, "memory")) {
			return errors.New("failed to find memory cgroup (v1)")
		}
		if kubeletAllowsV1(c) {
			return nil
		}
		return errors.New("kubelet exited: kubelet is configured to not run on a host using cgroup v1. " +
			"cgroup v1 support is unsupported and will be removed in a future release")
	}
	for _, needed := range []string{"cpu", "cpuset", "memory", "pids"} {
		if !contains(strings.Fields(string(controllers)), needed) {
			return fmt.Errorf("failed to find %s cgroup (v2)", needed)
		}
	}
	return nil
}

// setSysctls is what K3s's agent sets before it starts anything; it only warns where it cannot.
func setSysctls() {
	for _, name := range []string{"net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables"} {
		if err := os.WriteFile("/proc/sys/"+name, []byte("1"), 0o644); err != nil {
			logWarn("Failed to set sysctl: %v", err)
		}
	}
}

// kubeletAllowsV1 reads the argument, then the drop-ins of kubelet.conf.d: an argument wins.
func kubeletAllowsV1(c *Config) bool {
	for _, arg := range c.list("kubelet-arg") {
		if name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "="); name == "fail-cgroupv1" {
			return value == "false"
		}
	}
	allowed := false
	files, _ := filepath.Glob(filepath.Join(c.dataDir(), "agent/etc/kubelet.conf.d/*.conf"))
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		docs, err := parseYAML(file, string(content))
		if err != nil {
			fatal("kubelet exited: failed to load kubelet drop-in: %v", err)
		}
		for _, doc := range docs {
			if fields, ok := doc.(map[string]interface{}); ok && fields["failCgroupV1"] != nil {
				allowed = fields["failCgroupV1"] == false
			}
		}
	}
	return allowed
}

func contains(list []string, wanted string) bool {
	for _, item := range list {
		if item == wanted {
			return true
		}
	}
	return false
}

// nodeIPs are the node's addresses: as told, else of the named interface, else of the default route's interface.
func nodeIPs(c *Config) ([]string, error) {
	if told := c.split("node-ip"); len(told) > 0 {
		for _, text := range told {
			if err := checkNodeIP(text); err != nil {
				return nil, err
			}
		}
		return told, nil
	}
	if name := c.str("flannel-iface"); name != "" {
		address, err := interfaceIP(name)
		return []string{address}, err
	}
	name, err := defaultRouteInterface()
	if err != nil {
		return nil, err
	}
	address, err := interfaceIP(name)
	return []string{address}, err
}

func checkNodeIP(text string) error {
	ip := net.ParseIP(text)
	if ip == nil {
		return fmt.Errorf("invalid node-ip: %q", text)
	}
	if ip.IsLoopback() || ip.IsUnspecified() || ip.IsMulticast() {
		return fmt.Errorf("nodeIP can't be loopback, unspecified or multicast address: %s", text)
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return err
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.Equal(ip) {
			return nil
		}
	}
	return fmt.Errorf("failed to validate nodeIP: node IP: %q not found in the host's network interfaces", text)
}

func interfaceIP(name string) (string, error) {
	iface, err := net.InterfaceByName(name)
	if err != nil {
		return "", fmt.Errorf("unable to find interface %s: %w", name, err)
	}
	addresses, err := iface.Addrs()
	if err != nil {
		return "", err
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String(), nil
		}
	}
	return "", fmt.Errorf("interface %s has no IPv4 address", name)
}

func defaultRouteInterface() (string, error) {
	table, _ := os.ReadFile("/proc/net/route")
	const routeUp = 0x1
	for _, line := range strings.Split(string(table), "\n") {
		fields := strings.Fields(line)
		if len(fields) < 8 || fields[1] != "00000000" || fields[7] != "00000000" {
			continue
		}
		if flags, err := strconv.ParseUint(fields[3], 16, 32); err == nil && flags&routeUp != 0 && fields[0] != "lo" {
			return fields[0], nil
		}
	}
	return "", errors.New(`no default routes found in "/proc/net/route" or "/proc/net/ipv6_route"`)
}

// nodeInfo is status.nodeInfo of the Node object.
func nodeInfo() object {
	return object{
		"architecture":            runtime.GOARCH,
		"bootID":                  firstLine("/proc/sys/kernel/random/boot_id"),
		"containerRuntimeVersion": "containerd://2.3.2-k3s1",
		"kernelVersion":           firstLine("/proc/sys/kernel/osrelease"),
		"kubeProxyVersion":        "",
		"kubeletVersion":          version,
		"machineID":               firstLine("/etc/machine-id"),
		"operatingSystem":         "linux",
		"osImage":                 osImage(),
		"systemUUID":              firstLine("/etc/machine-id"),
	}
}

func firstLine(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(content), "\n")
	return strings.TrimSpace(line)
}

func osImage() string {
	content, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "Unknown"
	}
	for _, line := range strings.Split(string(content), "\n") {
		if value, found := cutPrefix(line, "PRETTY_NAME="); found {
			return strings.Trim(value, `"'`)
		}
	}
	return "Unknown"
}

// cutPrefix is strings.CutPrefix, which Go 1.19 lacks.
func cutPrefix(text, prefix string) (string, bool) {
	return strings.TrimPrefix(text, prefix), strings.HasPrefix(text, prefix)
}

func capacity() object {
	return object{
		"cpu":    strconv.Itoa(runtime.NumCPU()),
		"memory": memTotal(),
		"pods":   "110",
	}
}

func memTotal() string {
	content, _ := os.ReadFile("/proc/meminfo")
	for _, line := range strings.Split(string(content), "\n") {
		if value, found := cutPrefix(line, "MemTotal:"); found {
			return strings.TrimSuffix(strings.TrimSpace(value), " kB") + "Ki"
		}
	}
	return "0"
}

// nativeVariant is the CPU variant images are matched against.
func nativeVariant() string {
	switch runtime.GOARCH {
	case "arm":
		return "v7"
	case "arm64":
		return "v8"
	}
	return ""
}

// podIP invents a stable address inside the node's pod network; nothing answers there.
func podIP(name string) string {
	var sum uint32 = 2166136261
	for i := 0; i < len(name); i++ {
		sum = (sum ^ uint32(name[i])) * 16777619
	}
	raw := make([]byte, 4)
	binary.BigEndian.PutUint32(raw, sum)
	return fmt.Sprintf("10.42.%d.%d", raw[2]%16, 2+raw[3]%250)
}
