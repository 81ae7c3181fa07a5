package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// What kubectl does to nodes beside labels: cordon, drain, taint.

func (k *kubectl) cordon(command string) error {
	if len(k.words) != 1 {
		return fmt.Errorf("error: USAGE: %s NODE [flags]", command)
	}
	name := strings.TrimPrefix(k.words[0], "node/")
	var wanted interface{}
	if command == "cordon" {
		wanted = true
	}
	if _, err := k.client.do(http.MethodPatch, mustKind("nodes").path("", name), object{"spec": object{"unschedulable": wanted}}); err != nil {
		return err
	}
	fmt.Printf("node/%s %sed\n", name, command)
	return nil
}

// drain cordons a node and evicts its pods; pods of DaemonSets stop it unless they are to be ignored.
func (k *kubectl) drain() error {
	if len(k.words) != 1 {
		return errors.New("error: USAGE: drain NODE [flags]")
	}
	name := strings.TrimPrefix(k.words[0], "node/")
	if err := k.cordon("cordon"); err != nil {
		return err
	}
	query := url.Values{"fieldSelector": {"spec.nodeName=" + name}}
	answer, err := k.client.do(http.MethodGet, mustKind("pods").path("", "")+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	var evicted []object
	for _, pod := range objects(listAt(answer, "items")) {
		owners := objects(listAt(pod, "metadata", "ownerReferences"))
		switch {
		case len(owners) > 0 && owners[0]["kind"] == "DaemonSet" && !k.ignoreDaemonSets:
			return fmt.Errorf("error: unable to drain node %q due to error: cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): %s/%s", name, namespaceOf(pod), nameOf(pod))
		case len(owners) > 0 && owners[0]["kind"] == "DaemonSet":
			fmt.Fprintf(os.Stderr, "Warning: ignoring DaemonSet-managed Pods: %s/%s\n", namespaceOf(pod), nameOf(pod))
		case len(owners) == 0 && !k.force:
			return fmt.Errorf("error: unable to drain node %q due to error: cannot delete Pods that declare no controller (use --force to override): %s/%s", name, namespaceOf(pod), nameOf(pod))
		default:
			evicted = append(evicted, pod)
		}
	}
	for _, pod := range evicted {
		fmt.Printf("evicting pod %s/%s\n", namespaceOf(pod), nameOf(pod))
		if err := k.deleteOne(mustKind("pods"), namespaceOf(pod), nameOf(pod)); err != nil && !isNotFound(err) {
			return err
		}
	}
	fmt.Printf("node/%s drained\n", name)
	return nil
}

// taint sets KEY=VALUE:EFFECT and removes KEY- or KEY:EFFECT-.
func (k *kubectl) taint() error {
	one, name, changes, err := k.target()
	if err != nil {
		return err
	}
	if one.Kind != "Node" || len(changes) == 0 {
		return errors.New("error: USAGE: taint NODE NAME KEY_1=VAL_1:TAINT_EFFECT_1 ... KEY_N=VAL_N:TAINT_EFFECT_N [options]")
	}
	node, err := k.client.do(http.MethodGet, one.path("", name), nil)
	if err != nil {
		return err
	}
	taints := objects(listAt(node, "spec", "taints"))
	for _, change := range changes {
		key, effect, _ := strings.Cut(strings.TrimSuffix(change, "-"), ":")
		key, value, _ := strings.Cut(key, "=")
		var kept []object
		for _, taint := range taints {
			if taint["key"] != key || effect != "" && taint["effect"] != effect {
				kept = append(kept, taint)
			}
		}
		removes := strings.HasSuffix(change, "-")
		switch {
		case removes && len(kept) == len(taints):
			return fmt.Errorf("error: taint %q not found", strings.TrimSuffix(change, "-"))
		case !removes && len(kept) < len(taints) && !k.overwrite:
			return fmt.Errorf("error: node %s already has %s taint(s) with same effect(s) and --overwrite is false", name, key)
		}
		taints = kept
		if !removes {
			if _, err := parseNodeTaints([]string{change}); err != nil {
				return fmt.Errorf("error: %w", err)
			}
			taints = append(taints, object{"key": key, "value": value, "effect": effect})
		}
	}
	var wanted interface{}
	if len(taints) > 0 {
		wanted = taints
	}
	if _, err := k.client.do(http.MethodPatch, one.path("", name), object{"spec": object{"taints": wanted}}); err != nil {
		return err
	}
	fmt.Printf("node/%s tainted\n", name)
	return nil
}
