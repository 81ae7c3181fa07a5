package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Store holds the cluster's objects. Every change is on disk before its caller hears of it, except heartbeats.
type Store struct {
	mu    sync.Mutex
	path  string
	db    database
	dirty bool
}

// database is state.db: JSON here, SQLite in K3s.
type database struct {
	Salt     string            `json:"salt"`
	Verifier string            `json:"verifier"` // of the server password the data was bootstrapped with
	Revision int               `json:"revision"`
	Objects  map[string]object `json:"objects"`
}

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
	s := &Store{path: path, db: database{Objects: map[string]object{}}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &s.db); err != nil {
		return nil, fmt.Errorf("%s: database disk image is malformed: %w", path, err)
	}
	return s, nil
}

// bootstrap binds the data to the server password, or checks that it is the one it was bound to.
func (s *Store) bootstrap(password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.db.Verifier == "" {
		s.db.Salt = randomHex(16)
		s.db.Verifier = caHash([]byte(s.db.Salt + password))
		return s.save()
	}
	if s.db.Verifier != caHash([]byte(s.db.Salt+password)) {
		return errors.New("bootstrap data already found and encrypted with different token")
	}
	return nil
}

func (s *Store) save() error {
	s.dirty = false
	return writeFileAtomic(s.path, mustJSON(s.db), 0o600)
}

// Flush writes heartbeats that were only noted in memory.
func (s *Store) Flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.dirty {
		return
	}
	if err := s.save(); err != nil {
		logError("Failed to write %s: %v", s.path, err)
	}
}

func keyOf(k *kind, namespace, name string) string {
	if !k.Namespaced {
		namespace = ""
	}
	return k.resource() + "/" + namespace + "/" + name
}

// Get returns a copy.
func (s *Store) Get(k *kind, namespace, name string) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	obj, ok := s.db.Objects[keyOf(k, namespace, name)]
	if !ok {
		return nil, notFound(k, name)
	}
	return clone(obj), nil
}

// List returns copies in order of namespace and name; an empty namespace means all.
func (s *Store) List(k *kind, namespace string) []object {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := k.resource() + "/"
	if k.Namespaced && namespace != "" {
		prefix += namespace + "/"
	}
	var keys []string
	for key := range s.db.Objects {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	out := make([]object, 0, len(keys))
	for _, key := range keys {
		out = append(out, clone(s.db.Objects[key]))
	}
	return out
}

// Create stores a new object and returns it as stored.
func (s *Store) Create(k *kind, namespace string, obj object) (object, error) {
	obj = clone(obj)
	name := nameOf(obj)
	if err := s.prepare(k, namespace, obj); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := keyOf(k, namespace, name)
	if _, exists := s.db.Objects[key]; exists {
		return nil, &apiError{409, "AlreadyExists", fmt.Sprintf("%s %q already exists", k.resource(), name)}
	}
	if k.Namespaced {
		if _, exists := s.db.Objects[keyOf(mustKind("namespaces"), "", namespace)]; !exists {
			return nil, notFound(mustKind("namespaces"), namespace)
		}
	}
	setAt(obj, newUID(), "metadata", "uid")
	setAt(obj, timestamp(time.Now()), "metadata", "creationTimestamp")
	if k.Kind == "Namespace" {
		setAt(obj, "Active", "status", "phase")
	}
	s.put(key, obj)
	return clone(obj), s.save()
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

func (s *Store) put(key string, obj object) {
	s.db.Revision++
	setAt(obj, strconv.Itoa(s.db.Revision), "metadata", "resourceVersion")
	s.db.Objects[key] = obj
}

// Update changes an object under the lock. Nothing is written when nothing changed; what is not durable reaches the
// disk with the next write or Flush.
func (s *Store) Update(k *kind, namespace, name string, durable bool, change func(object) (object, error)) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := keyOf(k, namespace, name)
	old, ok := s.db.Objects[key]
	if !ok {
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
	s.put(key, changed)
	s.dirty = true
	if durable {
		err = s.save()
	}
	return clone(changed), err
}

// Delete removes an object and what goes with it: the content of a namespace, the node password of a node.
func (s *Store) Delete(k *kind, namespace, name string) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := keyOf(k, namespace, name)
	obj, ok := s.db.Objects[key]
	if !ok {
		return nil, notFound(k, name)
	}
	delete(s.db.Objects, key)
	switch k.Kind {
	case "Namespace":
		for other := range s.db.Objects {
			if strings.Split(other, "/")[1] == name {
				delete(s.db.Objects, other)
			}
		}
	case "Node":
		delete(s.db.Objects, keyOf(mustKind("secrets"), "kube-system", nodePasswordName(name)))
	}
	s.db.Revision++
	return obj, s.save()
}

// Ensure creates an object or makes the existing one contain these fields.
func (s *Store) Ensure(k *kind, namespace string, wanted object) (object, error) {
	obj, err := s.Update(k, namespace, nameOf(wanted), true, func(old object) (object, error) {
		return mergePatch(old, clone(wanted)), nil
	})
	if isNotFound(err) {
		return s.Create(k, namespace, wanted)
	}
	return obj, err
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
