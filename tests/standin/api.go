package main

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// The Kubernetes API, as far as kubectl and the stand-in's own agents use it. There is no watch.

const maxBody = 16 << 20

func writeJSON(w http.ResponseWriter, code int, value interface{}) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(mustJSON(value), '\n'))
}

func writeStatus(w http.ResponseWriter, err error) {
	var api *apiError
	if !errors.As(err, &api) {
		api = &apiError{500, "InternalError", err.Error()}
	}
	writeJSON(w, api.Code, object{
		"kind": "Status", "apiVersion": "v1", "metadata": object{}, "status": "Failure",
		"message": api.Message, "reason": api.Reason, "code": api.Code,
	})
}

// caller is who a client certificate says it is: CN and O.
type caller struct {
	user  string
	group string
}

func callerOf(r *http.Request) (caller, bool) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return caller{}, false
	}
	subject := r.TLS.VerifiedChains[0][0].Subject
	who := caller{user: subject.CommonName}
	if len(subject.Organization) > 0 {
		who.group = subject.Organization[0]
	}
	return who, true
}

// mayTouch is a small part of NodeRestriction: a node changes its own Node object and nothing else.
func (c caller) mayTouch(method string, k *kind, name string) bool {
	if c.group == "system:masters" || method == http.MethodGet {
		return true
	}
	return c.group == "system:nodes" && k.Kind == "Node" && c.user == "system:node:"+name && method != http.MethodDelete
}

func unauthorized(w http.ResponseWriter) {
	writeStatus(w, &apiError{401, "Unauthorized", "Unauthorized"})
}

// serveAPI answers everything that needs a client certificate.
func (s *server) serveAPI(w http.ResponseWriter, r *http.Request) {
	who, known := callerOf(r)
	if !known {
		unauthorized(w)
		return
	}
	if err := s.store.healthy(); err != nil {
		writeStatus(w, &apiError{500, "InternalError", "[-]etcd failed: " + err.Error()})
		return
	}
	switch path := r.URL.Path; {
	case path == "/readyz" || path == "/livez" || path == "/healthz":
		_, _ = io.WriteString(w, "ok")
	case path == "/version":
		writeJSON(w, 200, serverVersion())
	case path == "/api" || path == "/apis" || isGroupVersion(path):
		writeDiscovery(w, path)
	default:
		s.serveResource(w, r, who)
	}
}

func serverVersion() object {
	major, minor := "1", ""
	if parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3); len(parts) == 3 {
		major, minor = parts[0], parts[1]
	}
	return object{
		"major": major, "minor": minor, "gitVersion": version, "gitCommit": commit, "gitTreeState": "clean",
		"buildDate": "1970-01-01T00:00:00Z", "goVersion": runtime.Version(), "compiler": "gc",
		"platform": "linux/" + runtime.GOARCH,
	}
}

// request is one API call taken apart.
type request struct {
	kind        *kind
	namespace   string
	name        string
	subresource string
}

func parseRequest(path string) (request, bool) {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	var group, apiVersion string
	switch {
	case len(parts) >= 3 && parts[0] == "api":
		apiVersion, parts = parts[1], parts[2:]
	case len(parts) >= 4 && parts[0] == "apis":
		group, apiVersion, parts = parts[1], parts[2], parts[3:]
	default:
		return request{}, false
	}
	var req request
	if len(parts) >= 3 && parts[0] == "namespaces" && kindAt(group, apiVersion, parts[2]) != nil {
		req.namespace, parts = parts[1], parts[2:]
	}
	req.kind = kindAt(group, apiVersion, parts[0])
	if len(parts) > 1 {
		req.name = parts[1]
	}
	if len(parts) > 2 {
		req.subresource = parts[2]
	}
	return req, req.kind != nil && len(parts) <= 3
}

func (s *server) serveResource(w http.ResponseWriter, r *http.Request, who caller) {
	req, ok := parseRequest(r.URL.Path)
	if !ok {
		writeStatus(w, &apiError{404, "NotFound", "the server could not find the requested resource"})
		return
	}
	body, err := readObject(r)
	if err != nil {
		writeStatus(w, &apiError{400, "BadRequest", err.Error()})
		return
	}
	name := req.name
	if name == "" {
		name = nameOf(body)
	}
	if !who.mayTouch(r.Method, req.kind, name) {
		writeStatus(w, &apiError{403, "Forbidden", req.kind.resource() + " \"" + name + "\" is forbidden: User \"" + who.user + "\" cannot change this resource"})
		return
	}
	if req.subresource == "log" && r.Method == http.MethodGet {
		s.servePodLog(w, r, req)
		return
	}
	code, answer, err := s.perform(r, req, body)
	if err != nil {
		writeStatus(w, err)
		return
	}
	writeJSON(w, code, answer)
}

func readObject(r *http.Request) (object, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil || len(raw) == 0 {
		return nil, err
	}
	var body object
	return body, json.Unmarshal(raw, &body)
}

func (s *server) perform(r *http.Request, req request, body object) (int, object, error) {
	switch {
	case r.Method == http.MethodGet && req.name == "":
		answer, err := s.listObjects(r, req)
		return 200, answer, err
	case r.Method == http.MethodGet:
		answer, err := s.store.Get(req.kind, req.namespace, req.name)
		return 200, answer, err
	case r.Method == http.MethodPost && req.name == "":
		answer, err := s.store.Create(req.kind, req.namespace, body)
		return 201, answer, err
	case r.Method == http.MethodPatch && req.name != "":
		return s.patch(r, req, body)
	case r.Method == http.MethodPut && req.name != "":
		answer, err := s.change(r.Method, req, body)
		return 200, answer, err
	case r.Method == http.MethodDelete && req.name != "":
		if req.kind.Kind == "Node" {
			if err := s.forgetMember(req.name); err != nil {
				return 0, nil, err
			}
		}
		remove := s.store.Delete
		if req.kind.Kind == "HelmChart" {
			remove = s.deleteChart
		}
		answer, err := remove(req.kind, req.namespace, req.name)
		return 200, answer, err
	}
	return 0, nil, &apiError{405, "MethodNotAllowed", "the server does not allow this method on the requested resource"}
}

func (s *server) listObjects(r *http.Request, req request) (object, error) {
	query := r.URL.Query()
	if query.Get("watch") != "" {
		return nil, &apiError{405, "MethodNotAllowed", "the stand-in has no watch"}
	}
	selector, err := parseSelector(query.Get("labelSelector"))
	if err != nil {
		return nil, &apiError{400, "BadRequest", err.Error()}
	}
	items := []interface{}{}
	for _, obj := range s.store.List(req.kind, req.namespace) {
		if selector.matches(objAt(obj, "metadata", "labels")) && fieldsMatch(query.Get("fieldSelector"), obj) {
			// Objects of a list do not say what they are: the list does.
			delete(obj, "apiVersion")
			delete(obj, "kind")
			items = append(items, obj)
		}
	}
	return object{
		"apiVersion": req.kind.apiVersion(), "kind": req.kind.Kind + "List",
		"metadata": object{"resourceVersion": ""}, "items": items,
	}, nil
}

// change replaces (PUT) or merges (PATCH); on the status subresource only status counts, elsewhere everything but it.
func (s *server) change(method string, req request, body object) (object, error) {
	status := req.subresource == "status"
	if req.subresource != "" && !status {
		return nil, &apiError{404, "NotFound", "the server could not find the requested resource"}
	}
	return s.store.Update(req.kind, req.namespace, req.name, !status, func(old object) (object, error) {
		if status {
			keepTransitionTimes(objAt(old, "status"), objAt(body, "status"))
			keepVoter(objAt(old, "status"), objAt(body, "status"))
			old["status"] = body["status"]
			return old, nil
		}
		if method == http.MethodPatch {
			return mergePatch(old, body), nil
		}
		if body["status"] == nil {
			body["status"] = old["status"]
		}
		return body, nil
	})
}

// keepTransitionTimes gives each condition the time at which its status last changed.
func keepTransitionTimes(old, fresh object) {
	now := timestamp(time.Now())
	for _, condition := range objects(listAt(fresh, "conditions")) {
		condition["lastTransitionTime"] = now
		for _, before := range objects(listAt(old, "conditions")) {
			if before["type"] == condition["type"] && before["status"] == condition["status"] {
				condition["lastTransitionTime"] = before["lastTransitionTime"]
			}
		}
	}
}

// keepVoter leaves alone the one condition of a node that is not its kubelet's.
func keepVoter(old, fresh object) {
	for _, condition := range objects(listAt(old, "conditions")) {
		if condition["type"] == etcdVoter && conditionStatus(object{"status": fresh}, etcdVoter) == "" {
			fresh["conditions"] = append(listAt(fresh, "conditions"), condition)
		}
	}
}

// logAnnotation holds what the container of a finished pod printed.
const logAnnotation = "standin.edgeboot/log"

func (s *server) servePodLog(w http.ResponseWriter, r *http.Request, req request) {
	pod, err := s.store.Get(req.kind, req.namespace, req.name)
	if err != nil {
		writeStatus(w, err)
		return
	}
	if strAt(pod, "status", "phase") == "Pending" {
		container := nameOfFirstContainer(pod)
		writeStatus(w, &apiError{400, "BadRequest", "container \"" + container + "\" in pod \"" + req.name + "\" is waiting to start: image can't be pulled"})
		return
	}
	text := strAt(pod, "metadata", "annotations", logAnnotation)
	if asked := r.URL.Query().Get("tailLines"); asked != "" {
		count, err := strconv.Atoi(asked)
		if err != nil || count < 0 {
			writeStatus(w, &apiError{422, "Invalid", "PodLogOptions \"\" is invalid: tailLines: Invalid value"})
			return
		}
		if lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n"); len(lines) > count {
			text = strings.Join(lines[len(lines)-count:], "") + "\n"
		}
	}
	_, _ = io.WriteString(w, text)
}

func nameOfFirstContainer(pod object) string {
	for _, container := range objects(listAt(pod, "spec", "containers")) {
		return strAt(container, "name")
	}
	return ""
}

func isGroupVersion(path string) bool {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	return (parts[0] == "api" && len(parts) == 2) || (parts[0] == "apis" && (len(parts) == 2 || len(parts) == 3))
}

// writeDiscovery answers what kubectl asks before it believes that a type exists.
func writeDiscovery(w http.ResponseWriter, path string) {
	switch path {
	case "/api":
		writeJSON(w, 200, object{"kind": "APIVersions", "versions": []string{"v1"}})
		return
	case "/apis":
		writeJSON(w, 200, object{"kind": "APIGroupList", "apiVersion": "v1", "groups": apiGroups()})
		return
	}
	groupVersion := strings.TrimPrefix(strings.TrimPrefix(path, "/apis/"), "/api/")
	resources := []interface{}{}
	for _, k := range kinds {
		if k.apiVersion() == groupVersion {
			resources = append(resources, object{
				"name": k.Plural, "singularName": k.singular(), "namespaced": k.Namespaced, "kind": k.Kind,
				"shortNames": k.Short, "verbs": []string{"create", "delete", "get", "list", "patch", "update"},
			})
		}
	}
	if len(resources) == 0 {
		writeStatus(w, &apiError{404, "NotFound", "the server could not find the requested resource"})
		return
	}
	writeJSON(w, 200, object{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": groupVersion, "resources": resources})
}

func apiGroups() []interface{} {
	groups := []interface{}{}
	seen := map[string]bool{"": true}
	for _, k := range kinds {
		if seen[k.Group] {
			continue
		}
		seen[k.Group] = true
		served := object{"groupVersion": k.apiVersion(), "version": k.Version}
		groups = append(groups, object{"name": k.Group, "versions": []interface{}{served}, "preferredVersion": served})
	}
	return groups
}

// sameSecret compares without telling how much matched.
func sameSecret(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
