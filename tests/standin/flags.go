package main

import (
	"fmt"
	"strings"
)

// The flags of K3s, hence the keys of config.yaml (facts: pkg/cli/cmds/server.go, agent.go). Only some of them change
// what the stand-in does; all of them decide what it accepts.

type flagKind int

const (
	flagString flagKind = iota
	flagBool
	flagList
)

const bothStrings = `config data-dir vmodule log token token-file server node-name resolv-conf flannel-iface
	flannel-conf flannel-cni-conf lb-server-port image-credential-provider-bin-dir image-credential-provider-config
	container-runtime-endpoint default-runtime image-service-endpoint pause-image snapshotter private-registry
	vpn-auth vpn-auth-file v bind-address`

const bothBools = `debug alsologtostderr with-node-id protect-kernel-defaults selinux docker nonroot-devices
	disable-default-registry-endpoint rootless prefer-bundled-bin enable-pprof`

const bothLists = `node-ip node-external-ip node-internal-dns node-external-dns node-label node-taint kubelet-arg
	kube-proxy-arg airgap-extra-registry`

const serverStrings = `https-listen-port supervisor-port apiserver-port apiserver-bind-address advertise-address advertise-port
	cluster-cidr service-cidr service-node-port-range cluster-domain flannel-backend egress-selector-mode
	servicelb-namespace write-kubeconfig write-kubeconfig-mode write-kubeconfig-group helm-job-image agent-token
	agent-token-file cluster-reset-restore-path datastore-endpoint datastore-cafile datastore-certfile
	datastore-keyfile etcd-snapshot-name etcd-snapshot-schedule-cron etcd-snapshot-retention etcd-snapshot-dir
	etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-access-key etcd-s3-secret-key etcd-s3-session-token etcd-s3-bucket
	etcd-s3-bucket-lookup-type etcd-s3-region etcd-s3-folder etcd-s3-proxy etcd-s3-config-secret etcd-s3-timeout
	etcd-s3-retention etcd-snapshot-reconcile-interval default-local-storage-path system-default-registry
	secrets-encryption-provider`

const serverBools = `flannel-ipv6-masq flannel-external-ip tls-san-security cluster-init cluster-reset
	etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-compress etcd-s3 etcd-s3-skip-ssl-verify
	etcd-s3-insecure disable-scheduler disable-cloud-controller disable-kube-proxy disable-network-policy
	disable-helm-controller disable-apiserver disable-controller-manager disable-etcd disable-agent embedded-registry
	supervisor-metrics secrets-encryption kine-tls`

const serverLists = `tls-san cluster-dns kube-apiserver-arg etcd-arg kube-controller-manager-arg kube-scheduler-arg
	kube-cloud-controller-manager-arg disable`

const agentBools = `disable-apiserver-lb`

var flagAliases = map[string]string{"c": "config", "d": "data-dir", "t": "token", "s": "server", "i": "node-ip", "l": "log"}

// flagTable lists what a role accepts.
func flagTable(role string) map[string]flagKind {
	table := map[string]flagKind{}
	add := func(kind flagKind, names string) {
		for _, name := range strings.Fields(names) {
			table[name] = kind
		}
	}
	add(flagString, bothStrings)
	add(flagBool, bothBools)
	add(flagList, bothLists)
	if role == "server" {
		add(flagString, serverStrings)
		add(flagBool, serverBools)
		add(flagList, serverLists)
	} else {
		add(flagBool, agentBools)
	}
	return table
}

// parseFlags reads arguments as K3s's command line library does: the last scalar wins, lists add up, anything unknown
// is an error.
func parseFlags(role string, args []string) (map[string][]string, error) {
	table := flagTable(role)
	values := map[string][]string{}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			return nil, fmt.Errorf("unexpected argument %q", arg)
		}
		name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if long, ok := flagAliases[name]; ok {
			name = long
		}
		kind, known := table[name]
		if !known {
			return nil, fmt.Errorf("flag provided but not defined: -%s", name)
		}
		if !inline && kind == flagBool {
			value, inline = "true", true
		}
		if !inline {
			i++
			if i == len(args) {
				return nil, fmt.Errorf("flag needs an argument: -%s", name)
			}
			value = args[i]
		}
		if kind == flagBool && value != "true" && value != "false" {
			return nil, fmt.Errorf("invalid boolean value %q for -%s", value, name)
		}
		if kind == flagList {
			values[name] = append(values[name], value)
		} else {
			values[name] = []string{value}
		}
	}
	return values, nil
}
