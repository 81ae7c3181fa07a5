package main

import (
	"archive/tar"
	"compress/bzip2"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Reading an image archive: every member is streamed to disk and hashed on the way; nothing becomes visible in the
// store before the whole archive has been found good.

const maxDocument = 4 << 20

var blobMember = regexp.MustCompile(`^blobs/sha256/([0-9a-f]{64})$`)

var archiveExtensions = []string{".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.lz4", ".tar.zst", ".tzst", ".txt"}

func supportedFile(path string) bool {
	for _, ext := range archiveExtensions {
		if strings.HasSuffix(path, ext) {
			return true
		}
	}
	return false
}

// ingest is an archive being read.
type ingest struct {
	store     *imageStore
	dir       string
	documents map[string][]byte // oci-layout, index.json, manifest.json
	members   map[string]string // every other member's name and digest
	sizes     map[string]int64  // digest -> size
	fresh     map[string]bool   // digests whose bytes wait in dir
	used      map[string]bool   // digests something refers to
}

func (s *imageStore) importArchive(file string) ([]imageRecord, error) {
	dir, err := os.MkdirTemp(s.ingestDir(), "import-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	in := &ingest{store: s, dir: dir, documents: map[string][]byte{}, members: map[string]string{},
		sizes: map[string]int64{}, fresh: map[string]bool{}, used: map[string]bool{}}
	if err := in.readFile(file); err != nil {
		return nil, err
	}
	var records []imageRecord
	switch {
	case in.documents["oci-layout"] != nil:
		records, err = in.readOCI()
	case in.documents["manifest.json"] != nil:
		records, err = in.readDocker()
	default:
		err = errors.New("unrecognized image format: neither oci-layout nor manifest.json in the archive")
	}
	if err != nil {
		return nil, err
	}
	return records, in.commit()
}

func (in *ingest) readFile(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	var stream io.Reader = file
	switch {
	case strings.HasSuffix(name, ".gz") || strings.HasSuffix(name, ".tgz"):
		if stream, err = gzip.NewReader(file); err != nil {
			return err
		}
	case strings.HasSuffix(name, ".bz2") || strings.HasSuffix(name, ".tbz"):
		stream = bzip2.NewReader(file)
	case strings.HasSuffix(name, "zst") || strings.HasSuffix(name, ".lz4"):
		return fmt.Errorf("stand-in: cannot decompress %s (K3s can): use .tar, .tar.gz or .tar.bz2", filepath.Base(name))
	}
	if err := in.readTar(tar.NewReader(stream)); err != nil {
		return err
	}
	// Reading to the end makes the decompressor check its sum.
	_, err = io.Copy(io.Discard, stream)
	return err
}

func (in *ingest) readTar(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := path.Clean(header.Name)
		if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") {
			return fmt.Errorf("member %q leaves the archive", header.Name)
		}
		switch header.Typeflag {
		case tar.TypeDir:
			continue
		case tar.TypeReg:
		default:
			return fmt.Errorf("member %q is neither a regular file nor a directory", header.Name)
		}
		if err := in.readMember(name, archive, header.Size); err != nil {
			return err
		}
	}
}

func (in *ingest) readMember(name string, content io.Reader, size int64) error {
	if _, twice := in.members[name]; twice || in.documents[name] != nil {
		return fmt.Errorf("member %q occurs twice", name)
	}
	switch name {
	case "oci-layout", "index.json", "manifest.json", "repositories":
		if size > maxDocument {
			return fmt.Errorf("member %q is too large: %d bytes", name, size)
		}
		document, err := io.ReadAll(content)
		in.documents[name] = document
		return err
	}
	digest, err := in.writeBlob(content, expectedDigest(name))
	if err != nil {
		return fmt.Errorf("member %q: %w", name, err)
	}
	in.members[name] = digest
	in.sizes[digest] = size
	return nil
}

// expectedDigest is the digest a member's name promises, or "".
func expectedDigest(name string) string {
	if match := blobMember.FindStringSubmatch(name); match != nil {
		return "sha256:" + match[1]
	}
	return ""
}

// writeBlob hashes a member. Bytes the store has already are only compared by their hash, not written again.
func (in *ingest) writeBlob(content io.Reader, promised string) (string, error) {
	hash := sha256.New()
	var temp *os.File
	target := io.Writer(hash)
	if promised == "" || !fileExists(in.store.blobPath(promised)) {
		var err error
		if temp, err = os.CreateTemp(in.dir, "blob-"); err != nil {
			return "", err
		}
		defer temp.Close()
		target = io.MultiWriter(hash, temp)
	}
	if _, err := io.Copy(target, content); err != nil {
		return "", err
	}
	digest := "sha256:" + hex.EncodeToString(hash.Sum(nil))
	if promised != "" && digest != promised {
		return "", fmt.Errorf("digest mismatch: the content is %s", digest)
	}
	if temp == nil {
		return digest, nil
	}
	in.fresh[digest] = true
	return digest, os.Rename(temp.Name(), in.freshPath(digest))
}

func (in *ingest) freshPath(digest string) string {
	return filepath.Join(in.dir, strings.TrimPrefix(digest, "sha256:"))
}

// path is where a blob's bytes are now; "" when nobody has them.
func (in *ingest) path(digest string) string {
	if in.fresh[digest] {
		return in.freshPath(digest)
	}
	if stored := in.store.blobPath(digest); fileExists(stored) {
		return stored
	}
	return ""
}

// need marks a blob as referred to and checks that it is there with the size its descriptor says.
func (in *ingest) need(d descriptor) error {
	if !blobMember.MatchString("blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:")) {
		return fmt.Errorf("invalid digest %q", d.Digest)
	}
	in.used[d.Digest] = true
	file := in.path(d.Digest)
	if file == "" {
		return fmt.Errorf("content digest %s: not found", d.Digest)
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Size() != d.Size {
		return fmt.Errorf("content %s: size is %d, its descriptor says %d", d.Digest, info.Size(), d.Size)
	}
	return nil
}

func (in *ingest) document(d descriptor) ([]byte, error) {
	if err := in.need(d); err != nil {
		return nil, err
	}
	if d.Size > maxDocument {
		return nil, fmt.Errorf("content %s is too large for a manifest: %d bytes", d.Digest, d.Size)
	}
	return os.ReadFile(in.path(d.Digest))
}

// commit moves the new blobs into the store.
func (in *ingest) commit() error {
	for digest := range in.fresh {
		if err := os.Rename(in.freshPath(digest), in.store.blobPath(digest)); err != nil {
			return err
		}
	}
	return syncDir(in.store.blobDir())
}

// keep puts a document the importer itself wrote among the blobs.
func (in *ingest) keep(document []byte) (descriptor, error) {
	sum := sha256.Sum256(document)
	d := descriptor{Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(document))}
	in.fresh[d.Digest] = true
	return d, os.WriteFile(in.freshPath(d.Digest), document, 0o600)
}
