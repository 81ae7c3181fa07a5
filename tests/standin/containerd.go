package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
)

// The socket at which containerd would listen: ctr and crictl work only while K3s runs. It speaks JSON over HTTP here.

func containerdSocket() string { return filepath.Join(runDir(), "containerd", "containerd.sock") }

// imageCheck is an image with what is left of its content.
type imageCheck struct {
	imageRecord
	PresentBlobs int `json:"presentBlobs"`
}

func (a *agent) serveContainerd() error {
	path := containerdSocket()
	if err := os.MkdirAll(filepath.Dir(path), 0o711); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/images", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 200, a.images.check()) })
	mux.HandleFunc("/pods", a.servePods)
	go func() { fatal("containerd exited: %v", http.Serve(listener, mux)) }()
	return nil
}

// servePods lists the pods the API placed on this node.
func (a *agent) servePods(w http.ResponseWriter, _ *http.Request) {
	query := "?fieldSelector=" + url.QueryEscape("spec.nodeName="+a.name)
	pods, err := a.api.do(http.MethodGet, mustKind("pods").path("", "")+query, nil)
	if err != nil {
		writeStatus(w, err)
		return
	}
	writeJSON(w, 200, pods)
}

// check looks for every blob of every image, by presence only, as ctr images check does.
func (s *imageStore) check() []imageCheck {
	out := []imageCheck{}
	for _, record := range s.list() {
		checked := imageCheck{imageRecord: record}
		for _, digest := range record.Blobs {
			if fileExists(s.blobPath(digest)) {
				checked.PresentBlobs++
			}
		}
		out = append(out, checked)
	}
	return out
}

func askContainerd(path string, answer interface{}) error {
	socket := containerdSocket()
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	client := &http.Client{Timeout: clientTimeout, Transport: &http.Transport{DialContext: dial}}
	resp, err := client.Get("http://containerd" + path)
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	if err != nil {
		return fmt.Errorf("failed to dial %q: context deadline exceeded: connection error: desc = \"transport: error while dialing: %v\"", socket, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}

// ctrMain: ctr [-n k8s.io] images ls [-q] | images check [-q]
func ctrMain(args []string) int {
	var words []string
	quiet, namespace := false, "k8s.io"
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-q" || arg == "--quiet":
			quiet = true
		case (arg == "-n" || arg == "--namespace" || arg == "-a" || arg == "--address") && i+1 < len(args):
			i++
			if arg == "-n" || arg == "--namespace" {
				namespace = args[i]
			}
		case strings.HasPrefix(arg, "--namespace="):
			namespace = strings.TrimPrefix(arg, "--namespace=")
		case strings.HasPrefix(arg, "-"):
			return complain("ctr: flag provided but not defined: %s", arg)
		default:
			words = append(words, arg)
		}
	}
	if len(words) < 2 || !contains([]string{"images", "image", "i"}, words[0]) || !contains([]string{"ls", "list", "check"}, words[1]) {
		return complain("ctr: the stand-in plays only: images ls, images check")
	}
	var images []imageCheck
	if err := askContainerd("/images", &images); err != nil {
		return complain("ctr: %v", err)
	}
	if namespace != "k8s.io" {
		images = nil
	}
	printImages(images, words[1] == "check", quiet)
	return 0
}

func complain(format string, args ...interface{}) int {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	return 1
}

func printImages(images []imageCheck, check, quiet bool) {
	table := tabwriter.NewWriter(os.Stdout, 1, 8, 1, ' ', 0)
	defer table.Flush()
	switch {
	case quiet:
	case check:
		fmt.Fprintln(table, "REF\tTYPE\tDIGEST\tSTATUS\tSIZE\tUNPACKED\t")
	default:
		fmt.Fprintln(table, "REF\tTYPE\tDIGEST\tSIZE\tPLATFORMS\tLABELS\t")
	}
	for _, image := range images {
		size := humanSize(image.Size)
		switch {
		case quiet:
			fmt.Fprintln(table, image.Name)
		case check:
			status := "complete"
			if image.PresentBlobs < len(image.Blobs) {
				status = "incomplete"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s (%d/%d)\t%s/%s\t%t\t\n", image.Name, image.MediaType, image.Digest, status,
				image.PresentBlobs, len(image.Blobs), size, size, status == "complete")
		default:
			labels := "io.cri-containerd.image=managed"
			if image.Pinned {
				labels = "io.cattle.k3s.pinned=pinned," + labels + ",io.cri-containerd.pinned=pinned"
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t\n", image.Name, image.MediaType, image.Digest, size, strings.Join(image.Platforms, ","), labels)
		}
	}
}

func humanSize(size int64) string {
	value, unit := float64(size), 0
	units := []string{"B", "KiB", "MiB", "GiB"}
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}

// crictlMain: crictl images [-o json] [-q] | crictl ps
func crictlMain(args []string) int {
	var words []string
	asJSON, quiet := false, false
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case (arg == "-o" || arg == "--output") && i+1 < len(args):
			i++
			asJSON = args[i] == "json"
		case arg == "-o=json" || arg == "--output=json" || arg == "-ojson":
			asJSON = true
		case arg == "-q" || arg == "--quiet":
			quiet = true
		case arg == "-a" || arg == "--all" || arg == "-v" || arg == "--no-trunc" || arg == "--digests":
		case strings.HasPrefix(arg, "-"):
			return complain("flag provided but not defined: %s", arg)
		default:
			words = append(words, arg)
		}
	}
	if len(words) == 1 && contains([]string{"images", "image", "img"}, words[0]) {
		return crictlImages(asJSON, quiet)
	}
	if len(words) == 1 && words[0] == "ps" {
		return crictlPs(asJSON)
	}
	return complain("crictl: the stand-in plays only: images, ps")
}

// criImage is one image as crictl images -o json shows it.
type criImage struct {
	ID          string   `json:"id"`
	RepoTags    []string `json:"repoTags"`
	RepoDigests []string `json:"repoDigests"`
	Size        string   `json:"size"`
	Username    string   `json:"username"`
	Pinned      bool     `json:"pinned"`
}

func criImages(records []imageCheck) []*criImage {
	byID := map[string]*criImage{}
	out := []*criImage{}
	for _, record := range records {
		image, known := byID[record.ConfigDigest]
		if !known {
			image = &criImage{ID: record.ConfigDigest, RepoTags: []string{}, RepoDigests: []string{}, Size: fmt.Sprint(record.Size)}
			byID[record.ConfigDigest] = image
			out = append(out, image)
		}
		image.Pinned = image.Pinned || record.Pinned
		switch {
		case strings.HasPrefix(record.Name, "sha256:"):
		case hasTag(record.Name):
			image.RepoTags = append(image.RepoTags, record.Name)
		default:
			image.RepoDigests = append(image.RepoDigests, record.Name)
		}
	}
	return out
}

func crictlImages(asJSON, quiet bool) int {
	var records []imageCheck
	if err := askContainerd("/images", &records); err != nil {
		return complain("level=fatal msg=\"validate service connection: %v\"", err)
	}
	images := criImages(records)
	if asJSON {
		fmt.Println(string(indentJSON(object{"images": images})))
		return 0
	}
	table := tabwriter.NewWriter(os.Stdout, 10, 1, 3, ' ', 0)
	defer table.Flush()
	if !quiet {
		fmt.Fprintln(table, "IMAGE\tTAG\tIMAGE ID\tSIZE")
	}
	for _, image := range images {
		if quiet {
			fmt.Fprintln(table, image.ID)
			continue
		}
		for _, ref := range image.RepoTags {
			fmt.Fprintf(table, "%s\t%s\t%.13s\t%sB\n", repository(ref), strings.TrimPrefix(ref, repository(ref)+":"), strings.TrimPrefix(image.ID, "sha256:"), image.Size)
		}
	}
	return 0
}

func crictlPs(asJSON bool) int {
	var pods object
	if err := askContainerd("/pods", &pods); err != nil {
		return complain("level=fatal msg=\"validate service connection: %v\"", err)
	}
	containers := []interface{}{}
	table := tabwriter.NewWriter(os.Stdout, 10, 1, 3, ' ', 0)
	fmt.Fprintln(table, "CONTAINER\tIMAGE\tCREATED\tSTATE\tNAME\tATTEMPT\tPOD ID\tPOD\tNAMESPACE")
	for _, pod := range objects(listAt(pods, "items")) {
		if strAt(pod, "status", "phase") != "Running" {
			continue
		}
		started, _ := time.Parse(time.RFC3339, strAt(pod, "status", "startTime"))
		podID := caHash([]byte(strAt(pod, "metadata", "uid")))
		for _, container := range objects(listAt(pod, "spec", "containers")) {
			id := caHash([]byte(podID + strAt(container, "name")))
			fmt.Fprintf(table, "%.13s\t%s\t%s ago\tRunning\t%s\t0\t%.13s\t%s\t%s\n", id, strAt(container, "image"),
				age(time.Since(started)), strAt(container, "name"), podID, nameOf(pod), namespaceOf(pod))
			containers = append(containers, object{
				"id": id, "podSandboxId": podID, "metadata": object{"name": container["name"], "attempt": 0},
				"image": object{"image": container["image"]}, "state": "CONTAINER_RUNNING",
				"labels": object{"io.kubernetes.pod.name": nameOf(pod), "io.kubernetes.pod.namespace": namespaceOf(pod)},
			})
		}
	}
	if asJSON {
		fmt.Println(string(indentJSON(object{"containers": containers})))
		return 0
	}
	table.Flush()
	return 0
}
