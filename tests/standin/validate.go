package main

import (
	"fmt"
	"regexp"
	"strings"
)

var (
	dnsLabel     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	dnsSubdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	labelName    = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
)

const dnsMessage = `a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character`

// validate is what the API server checks of every object, and the few checks of single kinds that bite installers.
func validate(k *kind, obj object) error {
	name := nameOf(obj)
	if name == "" {
		return invalid(k, name, "metadata.name: Required value: name or generateName is required")
	}
	pattern, limit := dnsSubdomain, 253
	if k.Kind == "Namespace" || k.Kind == "Service" {
		pattern, limit = dnsLabel, 63
	}
	if strings.HasSuffix(k.Group, "rbac.authorization.k8s.io") {
		pattern = regexp.MustCompile(`^[^/%]+$`)
	}
	if !pattern.MatchString(name) || len(name) > limit {
		return invalid(k, name, fmt.Sprintf("metadata.name: Invalid value: %q: %s", name, dnsMessage))
	}
	for _, field := range []string{"labels", "annotations"} {
		if err := stringMap(at(obj, "metadata", field)); err != nil {
			return &apiError{400, "BadRequest", fmt.Sprintf("%s in version %q cannot be handled as a %s: metadata.%s: %v",
				k.Kind, k.Version, k.Kind, field, err)}
		}
	}
	if err := checkLabels(objAt(obj, "metadata", "labels")); err != nil {
		return invalid(k, name, "metadata.labels: Invalid value: "+err.Error())
	}
	return validateKind(k, name, obj)
}

func validateKind(k *kind, name string, obj object) error {
	switch k.Kind {
	case "ConfigMap":
		if err := stringMap(obj["data"]); err != nil {
			return &apiError{400, "BadRequest", "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: data: " + err.Error()}
		}
	case "Deployment", "DaemonSet", "Job":
		if len(listAt(obj, "spec", "template", "spec", "containers")) == 0 {
			return invalid(k, name, "spec.template.spec.containers: Required value")
		}
	case "Node":
		return checkTaints(k, name, objects(listAt(obj, "spec", "taints")))
	case "Pod":
		if len(listAt(obj, "spec", "containers")) == 0 {
			return invalid(k, name, "spec.containers: Required value")
		}
	}
	if k.Kind == "Deployment" || k.Kind == "DaemonSet" {
		selector := objAt(obj, "spec", "selector", "matchLabels")
		labels := objAt(obj, "spec", "template", "metadata", "labels")
		if len(selector) == 0 {
			return invalid(k, name, "spec.selector: Required value")
		}
		for key, value := range selector {
			if labels[key] != value {
				return invalid(k, name, "spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`")
			}
		}
	}
	return nil
}

// checkTaints refuses effects that do not exist, and two taints with the same key and effect.
func checkTaints(k *kind, name string, taints []object) error {
	seen := map[string]bool{}
	for i, taint := range taints {
		effect := strAt(taint, "effect")
		if !contains([]string{"NoSchedule", "PreferNoSchedule", "NoExecute"}, effect) {
			return invalid(k, name, fmt.Sprintf("metadata.taints[%d].effect: Unsupported value: %q", i, effect))
		}
		id := strAt(taint, "key") + ":" + effect
		if seen[id] {
			return invalid(k, name, fmt.Sprintf("metadata.taints[%d]: Duplicate value: %q: taints must be unique by key and effect pair", i, id))
		}
		seen[id] = true
	}
	return nil
}

// stringMap refuses numbers and booleans where Kubernetes wants text: the classic unquoted YAML value.
func stringMap(value interface{}) error {
	if value == nil {
		return nil
	}
	fields, ok := value.(object)
	if !ok {
		return fmt.Errorf("json: cannot unmarshal into Go struct field of type map[string]string")
	}
	for key, item := range fields {
		if _, ok := item.(string); !ok {
			return fmt.Errorf("json: cannot unmarshal %s value %v into Go struct field of type string", key, item)
		}
	}
	return nil
}

func checkLabels(labels object) error {
	for key, value := range labels {
		text, _ := value.(string)
		if err := checkLabel(key, text); err != nil {
			return err
		}
	}
	return nil
}

func checkLabel(key, value string) error {
	prefix, name, found := strings.Cut(key, "/")
	if !found {
		prefix, name = "", key
	}
	if (found && !dnsSubdomain.MatchString(prefix)) || !labelName.MatchString(name) || len(name) > 63 {
		return fmt.Errorf("%q: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", key)
	}
	if value != "" && !labelName.MatchString(value) || len(value) > 63 {
		return fmt.Errorf("%q: a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', at most 63, and must start and end with an alphanumeric character", value)
	}
	return nil
}

var allowedNodeLabels = []string{
	"beta.kubernetes.io/arch", "beta.kubernetes.io/instance-type", "beta.kubernetes.io/os",
	"failure-domain.beta.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone",
	"kubernetes.io/arch", "kubernetes.io/hostname", "kubernetes.io/os", "node.kubernetes.io/instance-type",
	"topology.kubernetes.io/region", "topology.kubernetes.io/zone",
}

// parseNodeLabels reads node-label values and refuses what the kubelet's --node-labels refuses.
func parseNodeLabels(values []string) (object, error) {
	labels := object{}
	for _, text := range values {
		key, value, _ := strings.Cut(text, "=")
		if err := checkLabel(key, value); err != nil {
			return nil, fmt.Errorf("invalid node label %q: %w", text, err)
		}
		if reservedLabel(key) {
			return nil, fmt.Errorf("kubelet exited: failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' labels specified with --node-labels: [%s]\n"+
				"--node-labels in the 'kubernetes.io' namespace must begin with an allowed prefix (kubelet.kubernetes.io, node.kubernetes.io) "+
				"or be in the specifically allowed set (%s)", key, strings.Join(allowedNodeLabels, ", "))
		}
		labels[key] = value
	}
	return labels, nil
}

func reservedLabel(key string) bool {
	domain, _, found := strings.Cut(key, "/")
	if !found || contains(allowedNodeLabels, key) {
		return false
	}
	within := func(parent string) bool { return domain == parent || strings.HasSuffix(domain, "."+parent) }
	if within("kubelet.kubernetes.io") || within("node.kubernetes.io") {
		return false
	}
	return within("kubernetes.io") || within("k8s.io")
}

// parseNodeTaints reads key=value:Effect and key:Effect.
func parseNodeTaints(values []string) ([]interface{}, error) {
	taints := []interface{}{}
	for _, text := range values {
		rest, effect, found := strings.Cut(text, ":")
		key, value, _ := strings.Cut(rest, "=")
		valid := effect == "NoSchedule" || effect == "PreferNoSchedule" || effect == "NoExecute"
		if err := checkLabel(key, value); err != nil || !found || !valid {
			return nil, fmt.Errorf("invalid taint spec: %s, invalid taint effect or key", text)
		}
		taint := object{"key": key, "effect": effect}
		if value != "" {
			taint["value"] = value
		}
		taints = append(taints, taint)
	}
	return taints, nil
}
