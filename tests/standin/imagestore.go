package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// imageRecord is one name in the image store.
type imageRecord struct {
	Name         string   `json:"name"`
	Digest       string   `json:"digest"`
	MediaType    string   `json:"mediaType"`
	Size         int64    `json:"size"`
	Platforms    []string `json:"platforms"`
	ConfigDigest string   `json:"configDigest"`
	Blobs        []string `json:"blobs"`
	Pinned       bool     `json:"pinned"`
	File         string   `json:"file"` // the archive it came from
}

// imageStore plays containerd's store of one node and K3s's watcher of agent/images.
type imageStore struct {
	root       string // $D/agent/containerd
	dir        string // $D/agent/images
	registries []string

	scanning sync.Mutex
	seen     map[string]fileState

	mu      sync.Mutex
	records map[string]imageRecord
}

type fileState struct {
	Size    int64     `json:"size"`
	ModTime time.Time `json:"modTime"`
}

func openImageStore(config *Config, systemRegistry string) (*imageStore, error) {
	s := &imageStore{
		root:    filepath.Join(config.dataDir(), "agent", "containerd"),
		dir:     filepath.Join(config.dataDir(), "agent", "images"),
		seen:    map[string]fileState{},
		records: map[string]imageRecord{},
	}
	s.registries = append(s.registries, config.list("airgap-extra-registry")...)
	if systemRegistry != "" {
		s.registries = append(s.registries, systemRegistry)
	}
	for _, dir := range []string{s.blobDir(), s.ingestDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
	}
	if err := s.dropLeftovers(); err != nil {
		return nil, err
	}
	if err := s.loadRecords(); err != nil {
		return nil, err
	}
	s.loadCache()
	return s, s.repin()
}

func (s *imageStore) content() string {
	return filepath.Join(s.root, "io.containerd.content.v1.content")
}
func (s *imageStore) blobDir() string     { return filepath.Join(s.content(), "blobs", "sha256") }
func (s *imageStore) ingestDir() string   { return filepath.Join(s.content(), "ingest") }
func (s *imageStore) recordsPath() string { return filepath.Join(s.root, "standin-images.json") }
func (s *imageStore) cachePath() string   { return filepath.Join(s.dir, ".cache.json") }

func (s *imageStore) blobPath(digest string) string {
	return filepath.Join(s.blobDir(), strings.TrimPrefix(digest, "sha256:"))
}

// dropLeftovers empties the ingest directory: what an interrupted import left there is of no use.
func (s *imageStore) dropLeftovers() error {
	entries, err := os.ReadDir(s.ingestDir())
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := os.RemoveAll(filepath.Join(s.ingestDir(), entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (s *imageStore) loadRecords() error {
	raw, err := os.ReadFile(s.recordsPath())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var list []imageRecord
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	for _, record := range list {
		s.records[record.Name] = record
	}
	return nil
}

// repin clears all pins but those of images whose archive is still there: it is what a restart of K3s does.
func (s *imageStore) repin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, record := range s.records {
		record.Pinned = record.File != "" && fileExists(record.File)
		s.records[name] = record
	}
	return s.save()
}

func (s *imageStore) save() error {
	return writeFileAtomic(s.recordsPath(), mustJSON(s.sorted()), 0o600)
}

func (s *imageStore) add(records []imageRecord) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, record := range records {
		s.records[record.Name] = record
	}
	return s.save()
}

func (s *imageStore) sorted() []imageRecord {
	names := object{}
	for name := range s.records {
		names[name] = nil
	}
	list := make([]imageRecord, 0, len(names))
	for _, name := range sortedKeys(names) {
		list = append(list, s.records[name])
	}
	return list
}

func (s *imageStore) list() []imageRecord {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sorted()
}

func (s *imageStore) has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, found := s.records[name]
	return found
}

// nodeStatus is status.images of the Node: the names of each image together.
func (s *imageStore) nodeStatus() []interface{} {
	byDigest := map[string]object{}
	out := []interface{}{}
	for _, record := range s.list() {
		if strings.HasPrefix(record.Name, "sha256:") {
			continue
		}
		entry, known := byDigest[record.Digest]
		if !known {
			entry = object{"sizeBytes": record.Size, "names": []interface{}{}}
			byDigest[record.Digest] = entry
			out = append(out, entry)
		}
		entry["names"] = append(entry["names"].([]interface{}), record.Name)
	}
	return out
}

// loadCache takes over what an earlier process imported, if .cache.json exists; without it everything is imported anew.
func (s *imageStore) loadCache() {
	raw, err := os.ReadFile(s.cachePath())
	if err != nil || len(strings.TrimSpace(string(raw))) == 0 {
		return
	}
	if err := json.Unmarshal(raw, &s.seen); err != nil {
		logError("Failed to read %s: %v", s.cachePath(), err)
	}
}

func (s *imageStore) saveCache() {
	if !fileExists(s.cachePath()) {
		return
	}
	if err := writeFileAtomic(s.cachePath(), mustJSON(s.seen), 0o644); err != nil {
		logError("Failed to write %s: %v", s.cachePath(), err)
	}
}

// scan imports new and changed files, in name order, subdirectories included. It tells whether it imported anything.
func (s *imageStore) scan() bool {
	s.scanning.Lock()
	defer s.scanning.Unlock()
	present := map[string]bool{}
	changed := false
	_ = filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !supportedFile(path) {
			return nil
		}
		present[path] = true
		info, err := os.Stat(path)
		if err == nil && s.wants(path, info) {
			s.seen[path] = fileState{info.Size(), info.ModTime()}
			s.importFile(path)
			changed = true
		}
		return nil
	})
	for path := range s.seen {
		if !present[path] {
			delete(s.seen, path)
			changed = true
		}
	}
	if changed {
		s.saveCache()
	}
	return changed
}

// wants is K3s's rule: a known file counts as new only when its size differs and it is younger.
func (s *imageStore) wants(path string, info fs.FileInfo) bool {
	last, known := s.seen[path]
	return !known || info.Size() != last.Size && info.ModTime().After(last.ModTime)
}

// importFile logs what became of one file; a bad one stops nothing.
func (s *imageStore) importFile(path string) {
	started := time.Now()
	if strings.HasSuffix(path, ".txt") {
		logError("Failed to import %s: stand-in: images listed in text files are not pulled, no registry is reachable", path)
		return
	}
	records, err := s.importArchive(path)
	if err != nil {
		logError("Error encountered while importing %s: %v", path, err)
		return
	}
	if err := s.add(s.withAliases(records, path)); err != nil {
		logError("Error encountered while importing %s: %v", path, err)
		return
	}
	for _, record := range records {
		logInfo("Imported %s", record.Name)
	}
	logInfo("Imported %d images from %s in %.3fs", len(records), path, time.Since(started).Seconds())
}

// withAliases adds the names K3s adds: by digest, by config digest, and under the configured registries.
func (s *imageStore) withAliases(records []imageRecord, path string) []imageRecord {
	var out []imageRecord
	for _, record := range records {
		record.Pinned, record.File = true, path
		names := []string{record.Name, repository(record.Name) + "@" + record.Digest, record.ConfigDigest}
		if _, rest, found := strings.Cut(record.Name, "/"); found && strings.HasPrefix(record.Name, "docker.io/") {
			for _, registry := range s.registries {
				names = append(names, registry+"/"+rest)
			}
		}
		for _, name := range names {
			alias := record
			alias.Name = name
			out = append(out, alias)
		}
	}
	return out
}
