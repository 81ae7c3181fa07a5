package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// op puts an object at a key, or deletes it (a nil Value), if the key's resource version is still Expect ("": absent).
type op struct {
	Key    string
	Value  object
	Expect string
}

// backend is where a Store keeps its objects: one file (SQLite in K3s) or a member of embedded etcd.
type backend interface {
	// view shows the objects as they are; they must not be changed.
	view(look func(objects map[string]object))
	// propose carries out all ops or none; errConflict means that a key has changed meanwhile. What is not durable
	// may wait for the next flush.
	propose(ops []op, durable bool) error
	// healthy says why neither reads nor writes can be trusted.
	healthy() error
	// leads says whether this server is the one to run what must run once in the cluster.
	leads() bool
	flush()
}

var errConflict = errors.New("the object has been modified")

// applyOps changes objects in place and gives each its resource version; errConflict leaves them as they were.
func applyOps(objects map[string]object, revision int, ops []op) (int, error) {
	for _, one := range ops {
		if strAt(objects[one.Key], "metadata", "resourceVersion") != one.Expect {
			return revision, errConflict
		}
	}
	for _, one := range ops {
		revision++
		if one.Value == nil {
			delete(objects, one.Key)
			continue
		}
		value := clone(one.Value)
		setAt(value, strconv.Itoa(revision), "metadata", "resourceVersion")
		objects[one.Key] = value
	}
	return revision, nil
}

// fileBackend is state.db: JSON here, SQLite in K3s.
type fileBackend struct {
	mu    sync.Mutex
	path  string
	db    database
	dirty bool
}

type database struct {
	Revision int               `json:"revision"`
	Objects  map[string]object `json:"objects"`
}

func openFile(path string) (*fileBackend, error) {
	b := &fileBackend{path: path, db: database{Objects: map[string]object{}}}
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &b.db); err != nil {
		return nil, fmt.Errorf("%s: database disk image is malformed: %w", path, err)
	}
	return b, nil
}

func (b *fileBackend) healthy() error { return nil }
func (b *fileBackend) leads() bool    { return true }

func (b *fileBackend) view(look func(map[string]object)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	look(b.db.Objects)
}

func (b *fileBackend) propose(ops []op, durable bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var err error
	if b.db.Revision, err = applyOps(b.db.Objects, b.db.Revision, ops); err != nil {
		return err
	}
	b.dirty = true
	if durable {
		return b.save()
	}
	return nil
}

func (b *fileBackend) save() error {
	b.dirty = false
	return writeFileAtomic(b.path, mustJSON(b.db), 0o600)
}

// flush writes heartbeats that were only noted in memory.
func (b *fileBackend) flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dirty {
		return
	}
	if err := b.save(); err != nil {
		logError("Failed to write %s: %v", b.path, err)
	}
}
