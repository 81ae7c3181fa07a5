package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The packaged components of K3s: manifests and charts that every start writes anew.

//go:embed packaged
var packagedFiles embed.FS

const traefikImage = "rancher/mirrored-library-traefik:3.7.4"

const packagedChartVersion = "40.1.3+up40.1.0"

// stagePackaged writes the packaged manifests, 0600, and the packaged charts. Disabled ones are not written.
func (s *server) stagePackaged() error {
	registry := s.config.str("system-default-registry")
	prefix := ""
	if registry != "" {
		prefix = registry + "/"
	}
	dns := "10.43.0.10"
	if told := s.config.split("cluster-dns"); len(told) > 0 {
		dns = told[0]
	}
	fill := strings.NewReplacer("%{SYSTEM_DEFAULT_REGISTRY}%", prefix, "%{SYSTEM_DEFAULT_REGISTRY_RAW}%", registry, "%{CLUSTER_DNS}%", dns)
	err := fs.WalkDir(packagedFiles, "packaged", func(path string, entry fs.DirEntry, err error) error {
		relative := strings.TrimPrefix(path, "packaged/")
		if err != nil || entry.IsDir() || s.disabled(relative) {
			return err
		}
		content, err := packagedFiles.ReadFile(path)
		if err != nil {
			return err
		}
		target := s.path("manifests", relative)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			return err
		}
		return writeFileAtomic(target, []byte(fill.Replace(string(content))), 0o600)
	})
	if err != nil || s.disabled("traefik.yaml") {
		return err
	}
	for _, name := range []string{"traefik", "traefik-crd"} {
		file := name + "-" + packagedChartVersion + ".tgz"
		if err := writeFileAtomic(s.path("static", "charts", file), packagedChart(name), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// disabled tells whether a manifest, by its path under server/manifests, is switched off: by its own name before the
// extension, or by the name of a directory it is in. An empty word is the name of the top directory, so it switches off
// everything (pkg/deploy/controller.go).
func (s *server) disabled(relative string) bool {
	for _, value := range s.config.values["disable"] {
		for _, word := range strings.Split(value, ",") {
			if strings.TrimSpace(word) == "" {
				return true
			}
		}
	}
	names := s.config.split("disable")
	parts := strings.Split(filepath.ToSlash(relative), "/")
	last := len(parts) - 1
	parts[last] = strings.TrimSuffix(parts[last], filepath.Ext(parts[last]))
	for _, part := range parts {
		if contains(names, part) {
			return true
		}
	}
	return false
}

// packagedChart is the smallest chart that is one.
func packagedChart(name string) []byte {
	var buffer bytes.Buffer
	compressed := gzip.NewWriter(&buffer)
	archive := tar.NewWriter(compressed)
	content := "apiVersion: v2\nname: " + name + "\nversion: " + packagedChartVersion + "\n"
	header := &tar.Header{Name: name + "/Chart.yaml", Mode: 0o644, Size: int64(len(content)), Typeflag: tar.TypeReg}
	// Writing into memory cannot fail.
	_ = archive.WriteHeader(header)
	_, _ = archive.Write([]byte(content))
	_ = archive.Close()
	_ = compressed.Close()
	return buffer.Bytes()
}
