package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"time"
)

// nodeSilence is how long a node may send no heartbeat before it counts as gone.
const nodeSilence = 20 * time.Second

func nodePasswordName(node string) string { return node + ".node-password.k3s" }

// serveNodeCertificate gives a node its client certificate after its password proved that the name is its own.
func (s *server) serveNodeCertificate(w http.ResponseWriter, r *http.Request) {
	node, password := r.Header.Get("k3s-Node-Name"), r.Header.Get("k3s-Node-Password")
	if node == "" || password == "" {
		writeStatus(w, &apiError{400, "BadRequest", "node name or node password missing"})
		return
	}
	if err := s.claimNodeName(node, password); err != nil {
		logError("%v", err)
		writeStatus(w, err)
		return
	}
	certPEM, keyPEM, err := s.clientCA.issueClient("system:node:"+node, "system:nodes")
	if err != nil {
		writeStatus(w, err)
		return
	}
	_, _ = w.Write(append(certPEM, keyPEM...))
}

// claimNodeName binds a node name to the first password it is used with.
func (s *server) claimNodeName(node, password string) error {
	secrets := mustKind("secrets")
	secret, err := s.store.Get(secrets, "kube-system", nodePasswordName(node))
	if isNotFound(err) {
		hash := base64.StdEncoding.EncodeToString([]byte(caHash([]byte(node + password))))
		_, err = s.store.Create(secrets, "kube-system", object{
			"metadata": object{"name": nodePasswordName(node)},
			"type":     "Opaque", "immutable": true, "data": object{"hash": hash},
		})
		return err
	}
	if err != nil {
		return err
	}
	stored, err := base64.StdEncoding.DecodeString(strAt(secret, "data", "hash"))
	if err != nil || !sameSecret(string(stored), caHash([]byte(node+password))) {
		return &apiError{403, "Forbidden", fmt.Sprintf("unable to verify password for node %s: hash does not match", node)}
	}
	return nil
}

// markSilentNodes turns the conditions of nodes that stopped reporting to Unknown.
func (s *server) markSilentNodes(now time.Time) {
	nodes := mustKind("nodes")
	for _, node := range s.store.List(nodes, "") {
		seen, err := time.Parse(time.RFC3339, lastHeartbeat(node))
		if err == nil && now.Sub(seen) < nodeSilence {
			continue
		}
		_, err = s.store.Update(nodes, "", nameOf(node), true, func(old object) (object, error) {
			for _, condition := range objects(listAt(old, "status", "conditions")) {
				if condition["status"] == "Unknown" || condition["type"] == etcdVoter {
					continue
				}
				condition["status"], condition["reason"] = "Unknown", "NodeStatusUnknown"
				condition["message"] = "Kubelet stopped posting node status."
				condition["lastTransitionTime"] = timestamp(now)
			}
			return old, nil
		})
		if err != nil && !isNotFound(err) {
			logError("Failed to update node %s: %v", nameOf(node), err)
		}
	}
}

func lastHeartbeat(node object) string {
	for _, condition := range objects(listAt(node, "status", "conditions")) {
		if condition["type"] == "Ready" {
			return strAt(condition, "lastHeartbeatTime")
		}
	}
	return ""
}

// conditionStatus is the status of one condition, or "".
func conditionStatus(obj object, conditionType string) string {
	for _, condition := range objects(listAt(obj, "status", "conditions")) {
		if condition["type"] == conditionType {
			return strAt(condition, "status")
		}
	}
	return ""
}

func (s *server) readyNodes() []object {
	var out []object
	for _, node := range s.store.List(mustKind("nodes"), "") {
		if conditionStatus(node, "Ready") == "True" {
			out = append(out, node)
		}
	}
	return out
}
