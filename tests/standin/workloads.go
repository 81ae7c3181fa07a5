package main

import (
	"fmt"
	"strings"
	"time"
)

// Scheduler, kubelets and workload controllers in one: pods are placed on Ready nodes and run when the node holds their
// images. No container runs; what needs a running container is not proven here.

func (s *server) reconcileWorkloads() {
	nodes := s.readyNodes()
	expected := map[string]bool{}
	for _, deployment := range s.store.List(mustKind("deployments"), "") {
		s.reconcileDeployment(deployment, nodes, expected)
	}
	for _, daemonSet := range s.store.List(mustKind("daemonsets"), "") {
		s.reconcileDaemonSet(daemonSet, nodes, expected)
	}
	for _, job := range s.store.List(mustKind("jobs"), "") {
		if strAt(job, "metadata", "labels", chartLabel) == "" {
			s.reconcileJob(job, nodes, expected)
		} else {
			expected["batch/v1/Job/"+namespaceOf(job)+"/"+nameOf(job)] = true
		}
	}
	s.deleteOrphanPods(expected)
	s.runBarePods(nodes)
}

// placement is where a pod went and what came of it there.
type placement struct {
	node    string
	hostIP  string
	image   string // the image that is missing, if any
	reason  string
	message string
}

func (p placement) running() bool { return p.node != "" && p.reason == "" }

// place picks a node for a pod: one that holds its images if there is one.
func place(spec object, nodes []object) placement {
	best := placement{reason: "Unschedulable", message: fmt.Sprintf("0/%d nodes are available.", len(nodes))}
	for _, node := range nodes {
		if !schedulable(spec, node) {
			continue
		}
		tried := tryNode(spec, node)
		if tried.running() {
			return tried
		}
		if best.node == "" {
			best = tried
		}
	}
	return best
}

func tryNode(spec, node object) placement {
	result := placement{node: nameOf(node)}
	for _, address := range objects(listAt(node, "status", "addresses")) {
		if address["type"] == "InternalIP" && result.hostIP == "" {
			result.hostIP = strAt(address, "address")
		}
	}
	all := append(objects(listAt(spec, "initContainers")), objects(listAt(spec, "containers"))...)
	for _, container := range all {
		image := strAt(container, "image")
		full := normalizeRef(image)
		policy := strAt(container, "imagePullPolicy")
		always := policy == "Always" || (policy == "" && strings.HasSuffix(full, ":latest"))
		present := nodeHasImage(node, full)
		switch {
		case present && !always:
			continue
		case !present && policy == "Never":
			result.reason, result.message = "ErrImageNeverPull", fmt.Sprintf("Container image %q is not present with pull policy of Never", image)
		default:
			result.reason = "ErrImagePull"
			result.message = fmt.Sprintf("failed to pull and unpack image %q: failed to resolve reference %q: the stand-in reaches no registry", full, full)
		}
		result.image = image
		return result
	}
	return result
}

func nodeHasImage(node object, full string) bool {
	for _, image := range objects(listAt(node, "status", "images")) {
		for _, name := range listAt(image, "names") {
			if name == full {
				return true
			}
		}
	}
	return false
}

// schedulable applies nodeName, nodeSelector, cordons and taints.
func schedulable(spec, node object) bool {
	if wanted := strAt(spec, "nodeName"); wanted != "" {
		return wanted == nameOf(node)
	}
	if boolAt(node, "spec", "unschedulable") {
		return false
	}
	for key, value := range objAt(spec, "nodeSelector") {
		if at(node, "metadata", "labels", key) != value {
			return false
		}
	}
	for _, taint := range objects(listAt(node, "spec", "taints")) {
		if taint["effect"] != "PreferNoSchedule" && !tolerated(spec, taint) {
			return false
		}
	}
	return true
}

func tolerated(spec, taint object) bool {
	for _, toleration := range objects(listAt(spec, "tolerations")) {
		key, effect := strAt(toleration, "key"), strAt(toleration, "effect")
		if effect != "" && effect != taint["effect"] {
			continue
		}
		exists := strAt(toleration, "operator") == "Exists"
		if key == "" && exists || key == taint["key"] && (exists || strAt(toleration, "value") == strAt(taint, "value")) {
			return true
		}
	}
	return false
}

func ownerKey(owner object) string {
	return fmt.Sprintf("%v/%v/%s/%s", owner["apiVersion"], owner["kind"], namespaceOf(owner), nameOf(owner))
}

// ownedPod makes, or keeps up to date, one pod of an owner.
func (s *server) ownedPod(owner object, suffix string, where placement, phase string) {
	name := nameOf(owner) + "-" + suffix
	template := objAt(owner, "spec", "template")
	labels := object{}
	for key, value := range objAt(template, "metadata", "labels") {
		labels[key] = value
	}
	if owner["kind"] == "Job" {
		labels["job-name"], labels["batch.kubernetes.io/job-name"] = nameOf(owner), nameOf(owner)
	}
	spec := clone(objAt(template, "spec"))
	pod := object{
		"metadata": object{
			"name": name, "labels": labels,
			"ownerReferences": []interface{}{object{
				"apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": nameOf(owner),
				"uid": at(owner, "metadata", "uid"), "controller": true,
			}},
		},
		"spec": spec,
	}
	s.settlePod(namespaceOf(owner), pod, where, phase)
}

// settlePod stores a pod together with the status its placement gives it.
func (s *server) settlePod(namespace string, pod object, where placement, phase string) {
	pods := mustKind("pods")
	spec := objAt(pod, "spec")
	if where.node != "" {
		spec["nodeName"] = where.node
	}
	existing, err := s.store.Get(pods, namespace, nameOf(pod))
	started := timestamp(time.Now())
	if err == nil && strAt(existing, "status", "phase") == phase && strAt(existing, "spec", "nodeName") == where.node {
		if known := strAt(existing, "status", "startTime"); known != "" {
			started = known
		}
	}
	pod["status"] = podStatus(nameOf(pod), spec, where, phase, started)
	if _, err := s.store.Ensure(pods, namespace, pod); err != nil {
		logError("Failed to store pod %s/%s: %v", namespace, nameOf(pod), err)
	}
}

func podStatus(name string, spec object, where placement, phase, started string) object {
	if where.node == "" {
		return object{"phase": "Pending", "conditions": []interface{}{object{
			"type": "PodScheduled", "status": "False", "reason": where.reason, "message": where.message}}}
	}
	ready := phase == "Running"
	statuses := []interface{}{}
	for _, container := range objects(listAt(spec, "containers")) {
		statuses = append(statuses, object{
			"name": container["name"], "image": container["image"], "ready": ready, "restartCount": 0,
			"started": ready, "state": containerState(where, phase, started),
		})
	}
	readyText := map[bool]string{true: "True", false: "False"}[ready]
	return object{
		"phase": phase, "hostIP": where.hostIP, "podIP": podIP(name), "startTime": started, "containerStatuses": statuses,
		"conditions": []interface{}{
			object{"type": "PodScheduled", "status": "True"},
			object{"type": "Ready", "status": readyText},
			object{"type": "ContainersReady", "status": readyText},
		},
	}
}

func containerState(where placement, phase, started string) object {
	switch phase {
	case "Running":
		return object{"running": object{"startedAt": started}}
	case "Succeeded":
		return object{"terminated": object{"exitCode": 0, "reason": "Completed", "finishedAt": started}}
	case "Failed":
		return object{"terminated": object{"exitCode": 1, "reason": "Error", "finishedAt": started}}
	}
	return object{"waiting": object{"reason": where.reason, "message": where.message}}
}

func phaseOf(where placement) string {
	if where.running() {
		return "Running"
	}
	return "Pending"
}

func (s *server) reconcileDeployment(deployment object, nodes []object, expected map[string]bool) {
	expected[ownerKey(deployment)] = true
	replicas := 1
	if at(deployment, "spec", "replicas") != nil {
		replicas = intAt(deployment, "spec", "replicas")
	}
	uid := strings.ReplaceAll(strAt(deployment, "metadata", "uid"), "-", "")
	available := 0
	for i := 0; i < replicas; i++ {
		where := place(objAt(deployment, "spec", "template", "spec"), nodes)
		if where.running() {
			available++
		}
		s.ownedPod(deployment, fmt.Sprintf("%.9s-%.4s%d", uid, uid[9:], i), where, phaseOf(where))
	}
	s.trimPods(deployment, replicas)
	done := map[bool]string{true: "True", false: "False"}[available == replicas]
	s.setStatus(mustKind("deployments"), deployment, object{
		"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": available, "availableReplicas": available,
		"unavailableReplicas": replicas - available, "observedGeneration": 1,
		"conditions": []interface{}{
			object{"type": "Available", "status": done, "reason": "MinimumReplicas" + map[bool]string{true: "Available", false: "Unavailable"}[available == replicas]},
			object{"type": "Progressing", "status": "True"},
		},
	})
}

// trimPods deletes what a smaller replica count left over.
func (s *server) trimPods(owner object, replicas int) {
	for _, pod := range s.podsOf(owner) {
		name := nameOf(pod)
		var index int
		if _, err := fmt.Sscanf(name[strings.LastIndex(name, "-")+5:], "%d", &index); err == nil && index >= replicas {
			_, _ = s.store.Delete(mustKind("pods"), namespaceOf(pod), name)
		}
	}
}

func (s *server) podsOf(owner object) []object {
	var out []object
	for _, pod := range s.store.List(mustKind("pods"), namespaceOf(owner)) {
		for _, reference := range objects(listAt(pod, "metadata", "ownerReferences")) {
			if reference["uid"] == at(owner, "metadata", "uid") {
				out = append(out, pod)
			}
		}
	}
	return out
}

func (s *server) reconcileDaemonSet(daemonSet object, nodes []object, expected map[string]bool) {
	expected[ownerKey(daemonSet)] = true
	spec := objAt(daemonSet, "spec", "template", "spec")
	desired, running := 0, 0
	for _, node := range nodes {
		if !schedulable(spec, node) {
			continue
		}
		desired++
		where := tryNode(spec, node)
		if where.running() {
			running++
		}
		s.ownedPod(daemonSet, caHash([]byte(nameOf(node)))[:5], where, phaseOf(where))
	}
	s.setStatus(mustKind("daemonsets"), daemonSet, object{
		"desiredNumberScheduled": desired, "currentNumberScheduled": desired, "updatedNumberScheduled": desired,
		"numberReady": running, "numberAvailable": running, "numberUnavailable": desired - running,
		"numberMisscheduled": 0, "observedGeneration": 1,
	})
}

func (s *server) reconcileJob(job object, nodes []object, expected map[string]bool) {
	expected[ownerKey(job)] = true
	if conditionStatus(job, "Complete") == "True" {
		return
	}
	where := place(objAt(job, "spec", "template", "spec"), nodes)
	phase := phaseOf(where)
	if phase == "Running" {
		phase = "Succeeded"
	}
	s.ownedPod(job, "run", where, phase)
	s.setStatus(mustKind("jobs"), job, jobStatus(job, phase, 0))
}

// jobStatus is the status of a job whose newest pod is in this phase.
func jobStatus(job object, phase string, failed int) object {
	started := strAt(job, "status", "startTime")
	if started == "" {
		started = timestamp(time.Now())
	}
	status := object{"startTime": started}
	if failed > 0 {
		status["failed"] = failed
	}
	if phase != "Succeeded" {
		status["active"] = 1
		return status
	}
	status["succeeded"] = 1
	status["completionTime"] = timestamp(time.Now())
	status["conditions"] = []interface{}{object{"type": "Complete", "status": "True", "reason": "CompletionsReached"}}
	return status
}

// setStatus replaces an object's status, keeping the times of conditions that did not change.
func (s *server) setStatus(k *kind, obj, status object) {
	_, err := s.store.Update(k, namespaceOf(obj), nameOf(obj), true, func(old object) (object, error) {
		keepTransitionTimes(objAt(old, "status"), status)
		old["status"] = status
		return old, nil
	})
	if err != nil && !isNotFound(err) {
		logError("Failed to update %s %s: %v", k.Kind, nameOf(obj), err)
	}
}

// deleteOrphanPods removes pods whose owner is gone.
func (s *server) deleteOrphanPods(expected map[string]bool) {
	for _, pod := range s.store.List(mustKind("pods"), "") {
		for _, reference := range objects(listAt(pod, "metadata", "ownerReferences")) {
			owner := object{"apiVersion": reference["apiVersion"], "kind": reference["kind"],
				"metadata": object{"name": reference["name"], "namespace": namespaceOf(pod)}}
			if !expected[ownerKey(owner)] {
				_, _ = s.store.Delete(mustKind("pods"), namespaceOf(pod), nameOf(pod))
			}
		}
	}
}

// runBarePods plays pods that somebody created without a controller.
func (s *server) runBarePods(nodes []object) {
	for _, pod := range s.store.List(mustKind("pods"), "") {
		phase := strAt(pod, "status", "phase")
		if len(listAt(pod, "metadata", "ownerReferences")) > 0 || (phase != "" && phase != "Pending") {
			continue
		}
		where := place(objAt(pod, "spec"), nodes)
		phase = phaseOf(where)
		if where.running() && strAt(pod, "spec", "restartPolicy") == "Never" {
			// What matters of such a pod is how it ends, and nobody knows: no container runs here.
			s.setStatus(mustKind("pods"), pod, object{"phase": "Unknown", "message": "the stand-in runs no container"})
			continue
		}
		s.settlePod(namespaceOf(pod), pod, where, phase)
	}
}
