package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// testArchive is an image archive whose parts a test can spoil before it is written.
type testArchive struct {
	members map[string][]byte
	config  string // member names
	layer   string
}

func blobName(content []byte) string { return "blobs/sha256/" + caHash(content) }

func describeBlob(mediaType string, content []byte) object {
	return object{"mediaType": mediaType, "digest": "sha256:" + caHash(content), "size": len(content)}
}

func newTestArchive(t *testing.T, arch, reference string) *testArchive {
	t.Helper()
	plain := tarOf(t, map[string][]byte{"file": []byte("content of a layer")})
	var packed bytes.Buffer
	compressor := gzip.NewWriter(&packed)
	if _, err := compressor.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := compressor.Close(); err != nil {
		t.Fatal(err)
	}
	layer := packed.Bytes()
	config := mustJSON(object{"os": "linux", "architecture": arch,
		"rootfs": object{"type": "layers", "diff_ids": []string{"sha256:" + caHash(plain)}}})
	document := mustJSON(object{"schemaVersion": 2, "mediaType": ociManifest,
		"config": describeBlob(dockerConfig, config), "layers": []interface{}{describeBlob(dockerLayer, layer)}})
	top := describeBlob(ociManifest, document)
	top["annotations"] = object{"io.containerd.image.name": reference, "org.opencontainers.image.ref.name": "1"}
	return &testArchive{
		config: blobName(config), layer: blobName(layer),
		members: map[string][]byte{
			"oci-layout":     []byte(`{"imageLayoutVersion":"1.0.0"}`),
			"index.json":     mustJSON(object{"schemaVersion": 2, "manifests": []interface{}{top}}),
			blobName(config): config, blobName(layer): layer, blobName(document): document,
		},
	}
}

func tarOf(t *testing.T, members map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	for name, content := range members {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func testStore(t *testing.T) *imageStore {
	t.Helper()
	config := &Config{Role: "agent", values: map[string][]string{"data-dir": {t.TempDir()}}}
	if err := os.MkdirAll(filepath.Join(config.dataDir(), "agent", "images"), 0o700); err != nil {
		t.Fatal(err)
	}
	store, err := openImageStore(config, "")
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func importInto(t *testing.T, store *imageStore, name string, content []byte) error {
	t.Helper()
	path := filepath.Join(store.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := store.importArchive(path)
	return err
}

const testReference = "docker.io/library/test:1"

func TestImport(t *testing.T) {
	store := testStore(t)
	content := tarOf(t, newTestArchive(t, runtime.GOARCH, testReference).members)
	if err := os.WriteFile(filepath.Join(store.dir, "a.tar"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if !store.scan() || !store.has(testReference) {
		t.Fatal("the image was not imported")
	}
	if store.scan() {
		t.Error("an unchanged file was imported again")
	}
	for _, checked := range store.check() {
		if checked.PresentBlobs != len(checked.Blobs) || !checked.Pinned {
			t.Errorf("%+v", checked)
		}
	}
	if err := os.Remove(filepath.Join(store.dir, "a.tar")); err != nil {
		t.Fatal(err)
	}
	if err := store.repin(); err != nil {
		t.Fatal(err)
	}
	if store.list()[0].Pinned {
		t.Error("a restart keeps the pin of an image whose archive is gone")
	}
}

func TestRefusedArchives(t *testing.T) {
	cases := map[string]struct {
		spoil func(*testArchive)
		want  string
	}{
		"corrupt layer":  {func(a *testArchive) { a.members[a.layer][20] ^= 1 }, "digest mismatch"},
		"missing layer":  {func(a *testArchive) { delete(a.members, a.layer) }, "not found"},
		"missing config": {func(a *testArchive) { delete(a.members, a.config) }, "not found"},
		"stray member":   {func(a *testArchive) { a.members["notes.txt"] = []byte("x") }, "stray member"},
		"stray blob":     {func(a *testArchive) { a.members[blobName([]byte("x"))] = []byte("x") }, "stray blob"},
		"no index":       {func(a *testArchive) { delete(a.members, "index.json") }, "index.json"},
		"no layout":      {func(a *testArchive) { delete(a.members, "oci-layout") }, "unrecognized image format"},
		"leaves archive": {func(a *testArchive) { a.members["../x"] = []byte("x") }, "leaves the archive"},
		"wrong size":     {func(a *testArchive) { a.replaceInIndex(`"size":`, `"size":1`) }, "its descriptor says"},
		"nameless": {func(a *testArchive) {
			a.replaceInIndex("io.containerd.image.name", "x")
			a.replaceInIndex("ref.name", "y")
		}, "no name annotation"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			archive := newTestArchive(t, runtime.GOARCH, testReference)
			c.spoil(archive)
			store := testStore(t)
			err := importInto(t, store, "a.tar", tarOf(t, archive.members))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("err = %v, want %q", err, c.want)
			}
			if left, _ := os.ReadDir(store.blobDir()); len(left) > 0 {
				t.Errorf("%d blobs of a refused archive are in the store", len(left))
			}
		})
	}
}

func (a *testArchive) replaceInIndex(old, new string) {
	a.members["index.json"] = bytes.Replace(a.members["index.json"], []byte(old), []byte(new), 1)
}

func TestForeignArchitectureIsRefused(t *testing.T) {
	archive := newTestArchive(t, "riscv64", testReference)
	if err := importInto(t, testStore(t), "a.tar", tarOf(t, archive.members)); err == nil || !strings.Contains(err.Error(), "no match for platform") {
		t.Errorf("err = %v", err)
	}
}

func TestTruncatedAndUndecodableArchives(t *testing.T) {
	content := tarOf(t, newTestArchive(t, runtime.GOARCH, testReference).members)
	for name, damaged := range map[string][]byte{"cut.tar": content[:len(content)/2], "not.tar.gz": content, "x.tar.zst": content} {
		if err := importInto(t, testStore(t), name, damaged); err == nil {
			t.Errorf("%s was imported", name)
		}
	}
}

func TestPlatforms(t *testing.T) {
	own := platform{OS: "linux", Architecture: runtime.GOARCH}
	if !own.matchesNode() || (platform{OS: "windows", Architecture: runtime.GOARCH}).matchesNode() {
		t.Error("a node runs its own platform and no other system's")
	}
}

func TestReplacedFilesFollowTheCacheRule(t *testing.T) {
	store := testStore(t)
	path := filepath.Join(store.dir, "a.tar")
	write := func(size int, modified time.Time) os.FileInfo {
		t.Helper()
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	now := time.Now()
	first := write(10, now)
	store.seen[path] = fileState{first.Size(), first.ModTime()}
	for name, c := range map[string]struct {
		info os.FileInfo
		want bool
	}{
		"same size, younger":  {write(10, now.Add(time.Minute)), false},
		"other size, older":   {write(11, now.Add(-time.Minute)), false},
		"other size, younger": {write(11, now.Add(time.Minute)), true},
	} {
		if got := store.wants(path, c.info); got != c.want {
			t.Errorf("%s: wants = %t", name, got)
		}
	}
}
