package main

import (
	"crypto/sha1" // the hash K3s labels objects with; no secret depends on it
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	ownerHashLabel = "objectset.rio.cattle.io/hash"
	ownerName      = "objectset.rio.cattle.io/owner-name"
	addonNamespace = "kube-system"
)

// deployer applies the files under server/manifests; each file is one Addon.
type deployer struct {
	server  *server
	applied map[string]time.Time // modification time of each file when it was last applied
	failed  map[string]string    // last failure of each file: retried at every scan, reported once
}

func newDeployer(s *server) *deployer {
	return &deployer{server: s, applied: map[string]time.Time{}, failed: map[string]string{}}
}

func (d *deployer) scan() {
	files, skips := d.walk()
	owners := map[string]string{}
	for _, path := range files {
		if d.server.disabled(d.relative(path)) {
			d.remove(path)
			continue
		}
		if skips[filepath.Base(path)] || !isManifest(path) {
			continue
		}
		info, err := os.Stat(path)
		if err != nil || info.ModTime().Equal(d.applied[path]) {
			owners[addonName(path)] = path
			continue
		}
		if d.apply(path, owners) == nil {
			d.applied[path] = info.ModTime()
			delete(d.failed, path)
		}
		if owners[addonName(path)] == "" {
			owners[addonName(path)] = path
		}
	}
}

// walk lists regular files in name order, and which names a .skip file hides.
func (d *deployer) walk() (files []string, skips map[string]bool) {
	skips = map[string]bool{}
	_ = filepath.WalkDir(d.server.path("manifests"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if hidden := strings.TrimSuffix(entry.Name(), ".skip"); hidden != entry.Name() {
			skips[hidden] = true
		}
		files = append(files, path)
		return nil
	})
	return files, skips
}

func (d *deployer) relative(path string) string {
	relative, err := filepath.Rel(d.server.path("manifests"), path)
	if err != nil {
		return path
	}
	return relative
}

func isManifest(path string) bool {
	ext := filepath.Ext(path)
	return !strings.HasPrefix(filepath.Base(path), ".") && (ext == ".yaml" || ext == ".yml" || ext == ".json")
}

// addonName is the file's name before its first dot.
func addonName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return name
}

func (d *deployer) apply(path string, owners map[string]string) error {
	store := d.server.store
	name := addonName(path)
	// Without an Addon the event is about the name it would have had.
	about := object{"apiVersion": "k3s.cattle.io/v1", "kind": "Addon",
		"metadata": object{"name": strings.Trim(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "-"), "namespace": addonNamespace}}
	if other, taken := owners[name]; taken {
		return d.refuse(about, "ApplyManifestFailed", path, fmt.Errorf("addon %q already belongs to %s: names before the first dot must be unique", name, other))
	}
	if !dnsSubdomain.MatchString(name) {
		return d.refuse(about, "ApplyManifestFailed", path, fmt.Errorf("addon name %q is invalid: %s", name, dnsMessage))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	addon, err := store.Ensure(mustKind("addons"), addonNamespace, object{
		"metadata": object{"name": name}, "spec": object{"source": path},
	})
	if err != nil {
		return err
	}
	objs, err := decodeManifests(path, content)
	if err != nil {
		return d.refuse(addon, "ParseManifestFailed", path, err)
	}
	if err := d.applyObjects(name, objs); err != nil {
		return d.refuse(addon, "ApplyManifestFailed", path, err)
	}
	store.Event(addon, "Normal", "AppliedManifest", "deploy", fmt.Sprintf("Applied manifest at %q", path))
	_, err = store.Ensure(mustKind("addons"), addonNamespace, object{
		"metadata": object{"name": name}, "spec": object{"source": path, "checksum": hex.EncodeToString(sum[:])},
	})
	return err
}

// refuse reports, once for each different reason, a file that cannot be applied.
func (d *deployer) refuse(about object, event, path string, reason error) error {
	if d.failed[path] == reason.Error() {
		return reason
	}
	d.failed[path] = reason.Error()
	logError("Failed to process config: failed to process %s: %v", path, reason)
	verb := map[string]string{"ParseManifestFailed": "Parse", "ApplyManifestFailed": "Applying"}[event]
	d.server.store.Event(about, "Warning", event, "deploy", fmt.Sprintf("%s manifest at %q failed: %v", verb, path, reason))
	return reason
}

func ownerHash(addon string) string {
	sum := sha1.Sum([]byte("k3s.cattle.io/v1, Kind=Addon/" + addonNamespace + "/" + addon))
	return hex.EncodeToString(sum[:])
}

// applyObjects makes the cluster hold the objects of one Addon and no others that this Addon brought earlier.
func (d *deployer) applyObjects(addon string, objs []object) error {
	wanted := map[string]bool{}
	for _, obj := range objs {
		k, err := kindOfObject(obj)
		if err != nil {
			return err
		}
		namespace := namespaceOf(obj)
		if k.Namespaced && namespace == "" {
			namespace = "default"
		}
		setAt(obj, ownerHash(addon), "metadata", "labels", ownerHashLabel)
		setAt(obj, addon, "metadata", "annotations", ownerName)
		if _, err := applyToStore(d.server.store, k, namespace, obj); err != nil {
			return err
		}
		wanted[keyOf(k, namespace, nameOf(obj))] = true
	}
	return d.prune(addon, wanted)
}

func (d *deployer) prune(addon string, wanted map[string]bool) error {
	for _, k := range kinds {
		for _, obj := range d.server.store.List(k, "") {
			if strAt(obj, "metadata", "labels", ownerHashLabel) != ownerHash(addon) || wanted[keyOf(k, namespaceOf(obj), nameOf(obj))] {
				continue
			}
			if _, err := d.server.store.Delete(k, namespaceOf(obj), nameOf(obj)); err != nil && !isNotFound(err) {
				return err
			}
		}
	}
	return nil
}

// remove takes away a disabled file together with everything it brought.
func (d *deployer) remove(path string) {
	name := addonName(path)
	err := d.prune(name, nil)
	if err == nil {
		_, err = d.server.store.Delete(mustKind("addons"), addonNamespace, name)
	}
	if err != nil && !isNotFound(err) {
		logError("Failed to delete %s: %v", path, err)
		return
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		logError("Failed to delete %s: %v", path, err)
	}
}

const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// withLastApplied notes the wanted state in the object itself, as kubectl apply does.
func withLastApplied(obj object) object {
	noted := clone(obj)
	delete(objAt(noted, "metadata", "annotations"), lastApplied)
	text := string(mustJSON(noted)) + "\n"
	setAt(noted, text, "metadata", "annotations", lastApplied)
	return noted
}

// patchFor is the merge patch that apply sends for an existing object.
func patchFor(existing, wanted object) object {
	last := object{}
	if docs, err := decodeManifests("last-applied", []byte(strAt(existing, "metadata", "annotations", lastApplied))); err == nil && len(docs) == 1 {
		last = docs[0]
	}
	return applyPatch(last, withLastApplied(wanted))
}

// applyToStore creates or patches; changed tells whether anything is different now.
func applyToStore(store *Store, k *kind, namespace string, wanted object) (changed bool, err error) {
	existing, err := store.Get(k, namespace, nameOf(wanted))
	if isNotFound(err) {
		_, err = store.Create(k, namespace, withLastApplied(wanted))
		return true, err
	}
	if err != nil {
		return false, err
	}
	patch := patchFor(existing, wanted)
	after, err := store.Update(k, namespace, nameOf(wanted), true, func(old object) (object, error) {
		return mergePatch(old, patch), nil
	})
	return at(after, "metadata", "resourceVersion") != at(existing, "metadata", "resourceVersion"), err
}
