package main

import (
	"fmt"
	"strings"
)

// kind is one resource type of the API.
type kind struct {
	Group      string
	Version    string
	Kind       string
	Plural     string
	Short      []string
	Namespaced bool
}

func (k *kind) apiVersion() string {
	if k.Group == "" {
		return k.Version
	}
	return k.Group + "/" + k.Version
}

// resource is the name kubectl prints: deployments.apps.
func (k *kind) resource() string {
	if k.Group == "" {
		return k.Plural
	}
	return k.Plural + "." + k.Group
}

func (k *kind) singular() string { return strings.ToLower(k.Kind) }

// path is the URL path of a collection, or of one object.
func (k *kind) path(namespace, name string) string {
	path := "/apis/" + k.apiVersion()
	if k.Group == "" {
		path = "/api/" + k.Version
	}
	if k.Namespaced && namespace != "" {
		path += "/namespaces/" + namespace
	}
	path += "/" + k.Plural
	if name != "" {
		path += "/" + name
	}
	return path
}

// kindTable: group/version, kind, plural, short names, N if namespaced.
const kindTable = `
v1 Namespace namespaces ns -
v1 Node nodes no -
v1 Pod pods po N
v1 Service services svc N
v1 ConfigMap configmaps cm N
v1 Secret secrets - N
v1 ServiceAccount serviceaccounts sa N
v1 Event events ev N
v1 Endpoints endpoints ep N
v1 LimitRange limitranges limits N
v1 ResourceQuota resourcequotas quota N
v1 PersistentVolume persistentvolumes pv -
v1 PersistentVolumeClaim persistentvolumeclaims pvc N
apps/v1 Deployment deployments deploy N
apps/v1 DaemonSet daemonsets ds N
apps/v1 StatefulSet statefulsets sts N
apps/v1 ReplicaSet replicasets rs N
batch/v1 Job jobs - N
batch/v1 CronJob cronjobs cj N
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers hpa N
policy/v1 PodDisruptionBudget poddisruptionbudgets pdb N
networking.k8s.io/v1 Ingress ingresses ing N
networking.k8s.io/v1 IngressClass ingressclasses - -
networking.k8s.io/v1 NetworkPolicy networkpolicies netpol N
rbac.authorization.k8s.io/v1 ClusterRole clusterroles - -
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings - -
rbac.authorization.k8s.io/v1 Role roles - N
rbac.authorization.k8s.io/v1 RoleBinding rolebindings - N
storage.k8s.io/v1 StorageClass storageclasses sc -
scheduling.k8s.io/v1 PriorityClass priorityclasses pc -
node.k8s.io/v1 RuntimeClass runtimeclasses - -
coordination.k8s.io/v1 Lease leases - N
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions crd,crds -
apiregistration.k8s.io/v1 APIService apiservices - -
helm.cattle.io/v1 HelmChart helmcharts - N
helm.cattle.io/v1 HelmChartConfig helmchartconfigs - N
k3s.cattle.io/v1 Addon addons - N
`

var kinds = readKinds()

func readKinds() []*kind {
	var out []*kind
	for _, line := range strings.Split(strings.TrimSpace(kindTable), "\n") {
		fields := strings.Fields(line)
		group, version, found := strings.Cut(fields[0], "/")
		if !found {
			group, version = "", fields[0]
		}
		k := &kind{Group: group, Version: version, Kind: fields[1], Plural: fields[2], Namespaced: fields[4] == "N"}
		if fields[3] != "-" {
			k.Short = strings.Split(fields[3], ",")
		}
		out = append(out, k)
	}
	return out
}

// kindNamed finds what a user types: pod, pods, po, helmcharts.helm.cattle.io, deployment.v1.apps.
func kindNamed(typed string) (*kind, error) {
	typed = strings.ToLower(typed)
	name, group, _ := strings.Cut(typed, ".")
	for _, k := range kinds {
		if group != "" && group != k.Group && group != k.Version+"."+k.Group {
			continue
		}
		if name == k.Plural || name == k.singular() || contains(k.Short, name) {
			return k, nil
		}
	}
	return nil, fmt.Errorf("the server doesn't have a resource type %q", typed)
}

// mustKind is for the stand-in's own code, which names kinds that exist.
func mustKind(plural string) *kind {
	k, err := kindNamed(plural)
	if err != nil {
		panic(err)
	}
	return k
}

// kindOfObject finds the type of a manifest.
func kindOfObject(obj object) (*kind, error) {
	apiVersion, name := strAt(obj, "apiVersion"), strAt(obj, "kind")
	for _, k := range kinds {
		if k.Kind == name && k.apiVersion() == apiVersion {
			return k, nil
		}
	}
	return nil, fmt.Errorf("no matches for kind %q in version %q", name, apiVersion)
}

// kindAt finds the type behind a URL.
func kindAt(group, version, plural string) *kind {
	for _, k := range kinds {
		if k.Group == group && k.Version == version && k.Plural == plural {
			return k
		}
	}
	return nil
}
