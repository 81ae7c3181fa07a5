package main

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
)

// Store holds the cluster's objects. Every change is on disk before its caller hears of it, except heartbeats.
type Store struct {
	backend
}

// dataKey is where the datastore keeps what a server needs before it can serve anything (K3s: /bootstrap/HASH).
const dataKey = "bootstrap//data"

// apiError is an error with the Status object Kubernetes would answer.
type apiError struct {
	Code    int
	Reason  string
	Message string
}

func (e *apiError) Error() string { return e.Message }

func notFound(k *kind, name string) error {
	return &apiError{404, "NotFound", fmt.Sprintf("%s %q not found", k.resource(), name)}
}

func invalid(k *kind, name, why string) error {
	return &apiError{422, "Invalid", fmt.Sprintf("%s %q is invalid: %s", k.Kind, name, why)}
}

func isNotFound(err error) bool {
	var api *apiError
	return errors.As(err, &api) && api.Code == 404
}

func openStore(path string) (*Store, error) {
	file, err := openFile(path)
	return &Store{file}, err
}

// bootstrap binds the data to the server password, or checks that it is the one it was bound to.
func (s *Store) bootstrap(password string) error {
	bound := s.lookup(dataKey)
	if bound == nil {
		return s.propose([]op{{Key: dataKey, Value: boundTo(password)}}, true)
	}
	if !isBoundTo(bound, password) {
		return errors.New("bootstrap data already found and encrypted with different token")
	}
	return nil
}

// rebind gives the data, which have to be bound to the old password, to a new one, and lets them know its file.
func (s *Store) rebind(old, password string, file object) error {
	bound := s.lookup(dataKey)
	if bound == nil || !isBoundTo(bound, old) {
		return errors.New("bootstrap data already found and encrypted with different token")
	}
	changed := boundTo(password)
	setAt(changed, file, "passwd")
	return s.propose([]op{{Key: dataKey, Value: changed, Expect: strAt(bound, "metadata", "resourceVersion")}}, true)
}

// boundTo is what makes data known to belong to a password.
func boundTo(password string) object {
	salt := randomHex(16)
	return object{"salt": salt, "verifier": caHash([]byte(salt + password))}
}

func isBoundTo(bound object, password string) bool {
	return sameSecret(strAt(bound, "verifier"), caHash([]byte(strAt(bound, "salt")+password)))
}

// lookup returns a copy, nil where nothing is.
func (s *Store) lookup(key string) object {
	var found object
	s.view(func(objects map[string]object) {
		if obj, ok := objects[key]; ok {
			found = clone(obj)
		}
	})
	return found
}

func keyOf(k *kind, namespace, name string) string {
	if !k.Namespaced {
		namespace = ""
	}
	return k.resource() + "/" + namespace + "/" + name
}

// Get returns a copy.
func (s *Store) Get(k *kind, namespace, name string) (object, error) {
	obj := s.lookup(keyOf(k, namespace, name))
	if obj == nil {
		return nil, notFound(k, name)
	}
	return obj, nil
}

// List returns copies in order of namespace and name; an empty namespace means all.
func (s *Store) List(k *kind, namespace string) []object {
	prefix := k.resource() + "/"
	if k.Namespaced && namespace != "" {
		prefix += namespace + "/"
	}
	var out []object
	s.view(func(objects map[string]object) {
		var keys []string
		for key := range objects {
			if strings.HasPrefix(key, prefix) {
				keys = append(keys, key)
			}
		}
		sort.Strings(keys)
		out = make([]object, 0, len(keys))
		for _, key := range keys {
			out = append(out, clone(objects[key]))
		}
	})
	return out
}

// Create stores a new object and returns it as stored.
func (s *Store) Create(k *kind, namespace string, obj object) (object, error) {
	obj = clone(obj)
	name := nameOf(obj)
	if err := s.prepare(k, namespace, obj); err != nil {
		return nil, err
	}
	key := keyOf(k, namespace, name)
	exists := &apiError{409, "AlreadyExists", fmt.Sprintf("%s %q already exists", k.resource(), name)}
	if s.lookup(key) != nil {
		return nil, exists
	}
	if k.Namespaced && s.lookup(keyOf(mustKind("namespaces"), "", namespace)) == nil {
		return nil, notFound(mustKind("namespaces"), namespace)
	}
	setAt(obj, newUID(), "metadata", "uid")
	setAt(obj, timestamp(time.Now()), "metadata", "creationTimestamp")
	delete(objAt(obj, "metadata"), "resourceVersion")
	if k.Kind == "Namespace" {
		setAt(obj, "Active", "status", "phase")
	}
	switch err := s.propose([]op{{Key: key, Value: obj}}, true); {
	case errors.Is(err, errConflict):
		return nil, exists
	case err != nil:
		return nil, err
	}
	return s.Get(k, namespace, name)
}

// prepare normalises an object for its kind and refuses what an API server would refuse.
func (s *Store) prepare(k *kind, namespace string, obj object) error {
	obj["apiVersion"], obj["kind"] = k.apiVersion(), k.Kind
	if objAt(obj, "metadata") == nil {
		obj["metadata"] = object{}
	}
	if given := namespaceOf(obj); k.Namespaced && given != "" && given != namespace {
		return &apiError{400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request"}
	}
	if k.Namespaced {
		setAt(obj, namespace, "metadata", "namespace")
	} else {
		delete(objAt(obj, "metadata"), "namespace")
	}
	return validate(k, obj)
}

func newUID() string {
	hex := randomHex(16)
	return hex[:8] + "-" + hex[8:12] + "-4" + hex[13:16] + "-a" + hex[17:20] + "-" + hex[20:]
}

// retries bounds how often a change starts anew because another server was faster.
const retries = 50

// Update changes an object as it is at that moment. Nothing is written when nothing changed; what is not durable
// reaches the disk with the next write or flush.
func (s *Store) Update(k *kind, namespace, name string, durable bool, change func(object) (object, error)) (object, error) {
	key := keyOf(k, namespace, name)
	for try := 0; ; try++ {
		old := s.lookup(key)
		if old == nil {
			return nil, notFound(k, name)
		}
		changed, err := change(clone(old))
		if err != nil {
			return nil, err
		}
		changed = clone(changed)
		for _, field := range []string{"name", "uid", "creationTimestamp", "resourceVersion"} {
			setAt(changed, at(old, "metadata", field), "metadata", field)
		}
		if err := s.prepare(k, namespace, changed); err != nil {
			return nil, err
		}
		if string(mustJSON(changed)) == string(mustJSON(old)) {
			return changed, nil
		}
		err = s.propose([]op{{Key: key, Value: changed, Expect: strAt(old, "metadata", "resourceVersion")}}, durable)
		if err == nil {
			return s.Get(k, namespace, name)
		}
		if !errors.Is(err, errConflict) || try == retries {
			return nil, err
		}
	}
}

// Delete removes an object and what goes with it: the content of a namespace, the node password of a node.
func (s *Store) Delete(k *kind, namespace, name string) (object, error) {
	key := keyOf(k, namespace, name)
	for try := 0; ; try++ {
		var obj object
		var ops []op
		s.view(func(objects map[string]object) {
			found, ok := objects[key]
			if !ok {
				return
			}
			obj = clone(found)
			for other, value := range objects {
				if other == key || goesWith(k, name, other) {
					ops = append(ops, op{Key: other, Expect: strAt(value, "metadata", "resourceVersion")})
				}
			}
		})
		if obj == nil {
			return nil, notFound(k, name)
		}
		err := s.propose(ops, true)
		if !errors.Is(err, errConflict) || try == retries {
			return obj, err
		}
	}
}

// goesWith says whether the object at a key is deleted together with the one named.
func goesWith(k *kind, name, key string) bool {
	switch k.Kind {
	case "Namespace":
		return strings.Split(key, "/")[1] == name
	case "Node":
		return key == keyOf(mustKind("secrets"), "kube-system", nodePasswordName(name))
	}
	return false
}

// Ensure creates an object or makes the existing one contain these fields.
func (s *Store) Ensure(k *kind, namespace string, wanted object) (object, error) {
	for try := 0; ; try++ {
		obj, err := s.Update(k, namespace, nameOf(wanted), true, func(old object) (object, error) {
			return mergePatch(old, clone(wanted)), nil
		})
		if !isNotFound(err) {
			return obj, err
		}
		obj, err = s.Create(k, namespace, wanted)
		var api *apiError // another server may have been faster
		if !errors.As(err, &api) || api.Reason != "AlreadyExists" || try == retries {
			return obj, err
		}
	}
}

// Event records an event about an object in the object's namespace.
func (s *Store) Event(about object, eventType, reason, source, message string) {
	namespace := namespaceOf(about)
	if namespace == "" {
		namespace = "default"
	}
	now := timestamp(time.Now())
	_, err := s.Create(mustKind("events"), namespace, object{
		"metadata": object{"name": nameOf(about) + "." + randomHex(8)},
		"type":     eventType, "reason": reason, "message": message,
		"source":         object{"component": source},
		"firstTimestamp": now, "lastTimestamp": now, "count": 1,
		"involvedObject": object{
			"kind": at(about, "kind"), "apiVersion": at(about, "apiVersion"), "name": nameOf(about),
			"namespace": namespaceOf(about), "uid": at(about, "metadata", "uid"),
		},
	})
	if err != nil {
		logError("Failed to record event %s: %v", reason, err)
	}
}

// expire drops events older than an hour, as the API server does, and passwords that belong to no node after ten
// minutes, as K3s does.
func (s *Store) expire(now time.Time) {
	for _, event := range s.List(mustKind("events"), "") {
		seen, err := time.Parse(time.RFC3339, strAt(event, "lastTimestamp"))
		if err == nil && now.Sub(seen) > time.Hour {
			_, _ = s.Delete(mustKind("events"), namespaceOf(event), nameOf(event))
		}
	}
	for _, secret := range s.List(mustKind("secrets"), "kube-system") {
		node := strings.TrimSuffix(nameOf(secret), nodePasswordName(""))
		created, err := time.Parse(time.RFC3339, strAt(secret, "metadata", "creationTimestamp"))
		if node == nameOf(secret) || err != nil || now.Sub(created) < 10*time.Minute {
			continue
		}
		if _, err := s.Get(mustKind("nodes"), "", node); isNotFound(err) {
			_, _ = s.Delete(mustKind("secrets"), "kube-system", nameOf(secret))
		}
	}
}
