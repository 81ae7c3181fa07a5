package main

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// What an archive says about its images, checked against what is in it.

const (
	ociIndex       = "application/vnd.oci.image.index.v1+json"
	ociManifest    = "application/vnd.oci.image.manifest.v1+json"
	dockerList     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig   = "application/vnd.docker.container.image.v1+json"
	dockerLayer    = "application/vnd.docker.image.rootfs.diff.tar"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *platform         `json:"platform,omitempty"`
}

type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

func (p platform) String() string {
	text := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}

// matchesNode follows containerd: an ARMv7 node runs v7, v6 and v5, and a missing variant means v7; arm64 means v8.
func (p platform) matchesNode() bool {
	if p.OS != "linux" || p.Architecture != runtime.GOARCH {
		return false
	}
	switch p.Architecture {
	case "arm":
		return contains([]string{"", "v7", "v6", "v5"}, p.Variant)
	case "arm64":
		return p.Variant == "" || p.Variant == "v8"
	case "amd64":
		return p.Variant == "" || p.Variant == "v1"
	}
	return true
}

func hostPlatform() platform {
	return platform{OS: "linux", Architecture: runtime.GOARCH, Variant: nativeVariant()}
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType,omitempty"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type imageConfig struct {
	platform
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
}

// readOCI reads the images index.json names.
func (in *ingest) readOCI() ([]imageRecord, error) {
	var layout struct{ ImageLayoutVersion string }
	if err := json.Unmarshal(in.documents["oci-layout"], &layout); err != nil || layout.ImageLayoutVersion != "1.0.0" {
		return nil, fmt.Errorf("unsupported oci-layout %q", in.documents["oci-layout"])
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(in.documents["index.json"], &index); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	var records []imageRecord
	for _, d := range index.Manifests {
		name := d.Annotations["io.containerd.image.name"]
		if name == "" {
			name = d.Annotations["org.opencontainers.image.ref.name"]
		}
		if name == "" {
			return nil, fmt.Errorf("index.json: %s has no name annotation", d.Digest)
		}
		record, err := in.readImage(name, d)
		if err != nil {
			return nil, fmt.Errorf("image %s: %w", name, err)
		}
		records = append(records, record)
	}
	return records, in.refuseStrays()
}

// refuseStrays is the stand-in's strictness: containerd would take any other file in as a junk blob.
func (in *ingest) refuseStrays() error {
	for name, digest := range in.members {
		if expectedDigest(name) == "" {
			return fmt.Errorf("stand-in: stray member %q in an OCI archive", name)
		}
		if !in.used[digest] {
			return fmt.Errorf("stand-in: stray blob %q, no image refers to it", name)
		}
	}
	return nil
}

func (in *ingest) readImage(name string, d descriptor) (imageRecord, error) {
	record := imageRecord{Name: name, Digest: d.Digest, MediaType: d.MediaType, Size: d.Size, Blobs: []string{d.Digest}}
	switch d.MediaType {
	case ociIndex, dockerList:
		return record, in.readIndex(&record, d)
	case ociManifest, dockerManifest:
		own, err := in.readManifest(&record, d)
		if err == nil && !own.matchesNode() {
			err = fmt.Errorf("no match for platform in manifest: image is %s, the node is %s", own, hostPlatform())
		}
		return record, err
	}
	return record, fmt.Errorf("unsupported media type %q", d.MediaType)
}

// readIndex checks the children that are there; at least one of them must run here.
func (in *ingest) readIndex(record *imageRecord, d descriptor) error {
	document, err := in.document(d)
	if err != nil {
		return err
	}
	var index struct{ Manifests []descriptor }
	if err := json.Unmarshal(document, &index); err != nil {
		return err
	}
	found := false
	for _, child := range index.Manifests {
		if in.path(child.Digest) == "" {
			continue // skip-missing
		}
		childRecord := imageRecord{}
		own, err := in.readManifest(&childRecord, child)
		if err != nil {
			return err
		}
		if p := child.Platform; p != nil && (p.OS != own.OS || p.Architecture != own.Architecture) {
			return fmt.Errorf("manifest %s: the index says %s, its config says %s", child.Digest, p, own)
		}
		record.Blobs = append(append(record.Blobs, child.Digest), childRecord.Blobs...)
		record.Platforms = append(record.Platforms, childRecord.Platforms...)
		if own.matchesNode() && !found {
			found = true
			record.ConfigDigest = childRecord.ConfigDigest
			record.Size += childRecord.Size
		}
	}
	if !found {
		return fmt.Errorf("no match for platform in manifest: nothing for %s", hostPlatform())
	}
	return nil
}

// readManifest checks one image: config, layers, sizes, and that each layer unpacks to what the config says.
func (in *ingest) readManifest(record *imageRecord, d descriptor) (platform, error) {
	document, err := in.document(d)
	if err != nil {
		return platform{}, err
	}
	var m manifest
	if err := json.Unmarshal(document, &m); err != nil {
		return platform{}, fmt.Errorf("manifest %s: %w", d.Digest, err)
	}
	raw, err := in.document(m.Config)
	if err != nil {
		return platform{}, fmt.Errorf("config: %w", err)
	}
	var config imageConfig
	if err := json.Unmarshal(raw, &config); err != nil {
		return platform{}, fmt.Errorf("config %s: %w", m.Config.Digest, err)
	}
	if len(config.RootFS.DiffIDs) != len(m.Layers) {
		return platform{}, fmt.Errorf("config %s has %d diff_ids for %d layers", m.Config.Digest, len(config.RootFS.DiffIDs), len(m.Layers))
	}
	record.ConfigDigest = m.Config.Digest
	record.Size += m.Config.Size
	record.Blobs = append(record.Blobs, m.Config.Digest)
	record.Platforms = append(record.Platforms, config.platform.String())
	for i, layer := range m.Layers {
		if err := in.need(layer); err != nil {
			return platform{}, fmt.Errorf("layer: %w", err)
		}
		if err := in.checkDiffID(layer, config.RootFS.DiffIDs[i]); err != nil {
			return platform{}, err
		}
		record.Size += layer.Size
		record.Blobs = append(record.Blobs, layer.Digest)
	}
	return config.platform, nil
}

// checkDiffID unpacks a layer that came with this archive; one the store had before was checked then.
func (in *ingest) checkDiffID(layer descriptor, diffID string) error {
	if !in.fresh[layer.Digest] || strings.HasSuffix(layer.MediaType, "zstd") {
		return nil
	}
	actual, err := uncompressedDigest(in.freshPath(layer.Digest))
	if err != nil {
		return fmt.Errorf("layer %s: %w", layer.Digest, err)
	}
	if actual != diffID {
		return fmt.Errorf("layer %s: wrong diff id calculated on extraction: %s, the config says %s", layer.Digest, actual, diffID)
	}
	return nil
}

func uncompressedDigest(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	buffered := bufio.NewReader(file)
	var stream io.Reader = buffered
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		if stream, err = gzip.NewReader(buffered); err != nil {
			return "", err
		}
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, stream); err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil)), nil
}

// dockerEntry is one image of a docker-archive.
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// readDocker reads a docker-archive. Its manifest is made up here, so digests from a registry do not survive.
func (in *ingest) readDocker() ([]imageRecord, error) {
	var entries []dockerEntry
	if err := json.Unmarshal(in.documents["manifest.json"], &entries); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(in.documents["index.json"]) > 0 {
		return nil, errors.New("stand-in: stray member \"index.json\" in a docker archive (oci-layout is missing)")
	}
	wanted := map[string]bool{}
	var records []imageRecord
	for _, entry := range entries {
		d, err := in.synthesize(entry, wanted)
		if err != nil {
			return nil, err
		}
		for _, tag := range entry.RepoTags {
			record, err := in.readImage(normalizeRef(tag), d)
			if err != nil {
				return nil, fmt.Errorf("image %s: %w", tag, err)
			}
			records = append(records, record)
		}
	}
	for name := range in.members {
		if !wanted[name] && !legacyMember(name) {
			return nil, fmt.Errorf("stand-in: stray member %q in a docker archive", name)
		}
	}
	return records, nil
}

// legacyMember knows the per-layer files that old docker save wrote.
func legacyMember(name string) bool {
	return strings.HasSuffix(name, "/VERSION") || strings.HasSuffix(name, "/json")
}

func (in *ingest) synthesize(entry dockerEntry, wanted map[string]bool) (descriptor, error) {
	describe := func(name, mediaType string) (descriptor, error) {
		digest, found := in.members[name]
		if !found {
			return descriptor{}, fmt.Errorf("manifest.json names %q, which the archive lacks", name)
		}
		wanted[name] = true
		return descriptor{MediaType: mediaType, Digest: digest, Size: in.sizes[digest]}, nil
	}
	config, err := describe(entry.Config, dockerConfig)
	if err != nil {
		return descriptor{}, err
	}
	if hex := strings.TrimSuffix(entry.Config, ".json"); len(hex) == 64 && config.Digest != "sha256:"+hex {
		return descriptor{}, fmt.Errorf("config %q: digest mismatch: the content is %s", entry.Config, config.Digest)
	}
	m := manifest{SchemaVersion: 2, MediaType: dockerManifest, Config: config, Layers: []descriptor{}}
	for _, name := range entry.Layers {
		layer, err := describe(name, dockerLayer)
		if err != nil {
			return descriptor{}, err
		}
		m.Layers = append(m.Layers, layer)
	}
	d, err := in.keep(mustJSON(m))
	d.MediaType = dockerManifest
	return d, err
}
