package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// kubectl, as far as an installer uses it: same words, same exit codes, same complaints.

type kubectl struct {
	client        *apiClient
	words         []string
	namespace     string
	allNamespaces bool
	output        string
	selector      string
	fieldSelector string
	files         []string
	rawPath       string
	kubeconfig    string
	timeout       time.Duration
	overwrite     bool
	ignoreMissing bool
	noHeaders     bool
	server        string
	token         string
	insecure      bool
	replicas      int
	serverSide    bool
	patchType     string
	patchFile     string
	patchText     string

	ignoreDaemonSets bool
	force            bool
}

// kubectlFlags: which flags take a value, by their long name.
var kubectlFlags = map[string]bool{
	"namespace": true, "all-namespaces": false, "output": true, "selector": true, "field-selector": true, "filename": true,
	"raw": true, "kubeconfig": true, "request-timeout": true, "overwrite": false, "ignore-not-found": false,
	"no-headers": false, "wait": false, "timeout": true, "server-side": false, "force": false, "client": false,
	"force-conflicts": false, "field-manager": true, "tail": true, "context": true, "replicas": true,
	"server": true, "token": true, "insecure-skip-tls-verify": false,
	"type": true, "patch-file": true, "patch": true,
	"ignore-daemonsets": false, "delete-emptydir-data": false, "grace-period": true,
}

var kubectlShort = map[string]string{"n": "namespace", "p": "patch", "A": "all-namespaces", "o": "output", "l": "selector", "f": "filename"}

func kubectlMain(args []string) int {
	k := &kubectl{namespace: "default", replicas: -1}
	if err := k.parse(args); err != nil {
		return complain("error: %v", err)
	}
	if err := k.run(); err != nil {
		return complain("%s", kubectlMessage(err))
	}
	return 0
}

func (k *kubectl) parse(args []string) error {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "-" || !strings.HasPrefix(arg, "-") || (len(k.words) > 0 && k.words[0] == "label" && strings.HasSuffix(arg, "-")) {
			k.words = append(k.words, arg)
			continue
		}
		name, value, inline := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		if !strings.HasPrefix(arg, "--") {
			short := name[:1]
			long, known := kubectlShort[short]
			if !known {
				return fmt.Errorf("unknown shorthand flag: '%s' in %s", short, arg)
			}
			if len(name) > 1 {
				value, inline = strings.TrimPrefix(arg[2:], "="), true
			}
			name = long
		}
		takesValue, known := kubectlFlags[name]
		if !known {
			return fmt.Errorf("unknown flag: --%s", name)
		}
		if takesValue && !inline {
			i++
			if i == len(args) {
				return fmt.Errorf("flag needs an argument: --%s", name)
			}
			value = args[i]
		}
		if err := k.set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func (k *kubectl) set(name, value string) error {
	on := value != "false"
	switch name {
	case "namespace":
		k.namespace = value
	case "all-namespaces":
		k.allNamespaces = on
	case "output":
		k.output = value
	case "selector":
		k.selector = value
	case "field-selector":
		k.fieldSelector = value
	case "filename":
		k.files = append(k.files, value)
	case "raw":
		k.rawPath = value
	case "kubeconfig":
		k.kubeconfig = value
	case "overwrite":
		k.overwrite = on
	case "ignore-not-found":
		k.ignoreMissing = on
	case "no-headers":
		k.noHeaders = on
	case "server":
		k.server = value
	case "token":
		k.token = value
	case "insecure-skip-tls-verify":
		k.insecure = on
	case "ignore-daemonsets":
		k.ignoreDaemonSets = on
	case "force":
		k.force = on
	case "server-side":
		k.serverSide = on
	case "type":
		k.patchType = value
	case "patch-file":
		k.patchFile = value
	case "patch":
		k.patchText = value
	case "replicas":
		_, err := fmt.Sscanf(value, "%d", &k.replicas)
		return err
	case "request-timeout":
		timeout, err := time.ParseDuration(value)
		if err != nil {
			timeout, err = time.ParseDuration(value + "s")
		}
		k.timeout = timeout
		return err
	}
	return nil
}

func (k *kubectl) run() error {
	if len(k.words) == 0 {
		return errors.New("error: kubectl wants a command")
	}
	command := k.words[0]
	k.words = k.words[1:]
	if err := k.connect(); err != nil {
		return err
	}
	switch command {
	case "get":
		if k.rawPath != "" {
			return k.getRaw()
		}
		return k.get()
	case "label":
		return k.setMetadata("labels", "labeled")
	case "annotate":
		return k.setMetadata("annotations", "annotated")
	case "delete":
		return k.delete()
	case "apply":
		return k.apply()
	case "patch":
		return k.patch()
	case "version":
		return k.version()
	case "logs":
		return k.logs()
	case "cordon", "uncordon":
		return k.cordon(command)
	case "drain":
		return k.drain()
	case "taint":
		return k.taint()
	case "scale":
		return k.scale()
	}
	return fmt.Errorf("error: unknown command %q for \"kubectl\" (the stand-in plays get, label, annotate, delete, apply, patch, version, logs, cordon, uncordon, drain, taint, scale)", command)
}

// connect reads the kubeconfig; without one kubectl asks localhost:8080, where nobody answers.
func (k *kubectl) connect() error {
	path := k.kubeconfig
	if path == "" {
		path = os.Getenv("KUBECONFIG")
	}
	given := path != ""
	if !given {
		path = filepath.Join(etcRancher(), "k3s", "k3s.yaml")
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && !given {
		return errors.New("The connection to the server localhost:8080 was refused - did you specify the right host or port?")
	}
	if err != nil {
		return fmt.Errorf("error: error loading config file %q: %w", path, err)
	}
	if k.server != "" && len(content) == 0 {
		// Without a certificate, a token or a user kubectl asks for a user name on standard input.
		if k.token == "" {
			return errors.New("Please enter Username: error: EOF")
		}
		if !k.insecure {
			return errors.New("tls: failed to verify certificate: x509: certificate signed by unknown authority")
		}
		k.client = newClient(k.server, trusting(nil))
	} else {
		k.client, err = clientFromKubeconfig(path, content)
	}
	if err == nil && k.timeout > 0 {
		k.client.http.Timeout = k.timeout
	}
	return err
}

func clientFromKubeconfig(path string, content []byte) (*apiClient, error) {
	docs, err := parseYAML(path, string(content))
	if err != nil || len(docs) != 1 {
		return nil, fmt.Errorf("error: error loading config file %q: not one YAML document (%v)", path, err)
	}
	config, _ := docs[0].(object)
	context := namedEntry(config, "contexts", "context", strAt(config, "current-context"))
	cluster := namedEntry(config, "clusters", "cluster", strAt(context, "cluster"))
	user := namedEntry(config, "users", "user", strAt(context, "user"))
	if cluster == nil || user == nil {
		return nil, fmt.Errorf("error: invalid configuration in %q: no usable context", path)
	}
	var parts [3][]byte
	for i, text := range []string{strAt(cluster, "certificate-authority-data"), strAt(user, "client-certificate-data"), strAt(user, "client-key-data")} {
		if parts[i], err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, fmt.Errorf("error: illegal base64 data in %q: %w", path, err)
		}
	}
	pair, err := tls.X509KeyPair(parts[1], parts[2])
	if err != nil {
		return nil, fmt.Errorf("error: %w", err)
	}
	return newClient(strAt(cluster, "server"), trusting(parts[0], pair)), nil
}

func namedEntry(config object, list, field, name string) object {
	for _, entry := range objects(listAt(config, list)) {
		if strAt(entry, "name") == name {
			return objAt(entry, field)
		}
	}
	return nil
}

// kubectlMessage words an error as kubectl does.
func kubectlMessage(err error) string {
	var api *apiError
	if errors.As(err, &api) {
		switch {
		case api.Code == http.StatusUnauthorized:
			return "error: You must be logged in to the server (Unauthorized)"
		case api.Code == http.StatusServiceUnavailable:
			return "Error from server (ServiceUnavailable): the server is currently unable to handle the request"
		}
		return fmt.Sprintf("Error from server (%s): %s", api.Reason, api.Message)
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		host := failed.URL
		if parsed, parseErr := url.Parse(failed.URL); parseErr == nil {
			host = parsed.Host
		}
		if errors.Is(err, syscall.ECONNREFUSED) {
			return "The connection to the server " + host + " was refused - did you specify the right host or port?"
		}
		return "Unable to connect to the server: " + failed.Err.Error()
	}
	return err.Error()
}

func (k *kubectl) getRaw() error {
	answer, err := k.client.raw(http.MethodGet, k.rawPath, nil)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(bytes.TrimRight(answer, "\n"))
	return err
}

// resourceKinds reads "pods,deploy" and "job/NAME"; the name is "" for whole collections.
func resourceKinds(word string) (list []*kind, name string, err error) {
	types, name, _ := strings.Cut(word, "/")
	for _, typed := range strings.Split(types, ",") {
		found, err := kindNamed(typed)
		if err != nil {
			return nil, "", fmt.Errorf("error: %w", err)
		}
		list = append(list, found)
	}
	return list, name, nil
}

func (k *kubectl) get() error {
	if len(k.files) > 0 {
		return k.getFiles()
	}
	if len(k.words) == 0 {
		return errors.New("error: Required resource not specified.")
	}
	list, name, err := resourceKinds(k.words[0])
	if err != nil {
		return err
	}
	names := k.words[1:]
	if name != "" {
		names = []string{name}
	}
	if len(names) > 0 && k.allNamespaces {
		return errors.New("error: a resource cannot be retrieved by name across all namespaces")
	}
	var found []object
	var failures []string
	for _, one := range list {
		items, failed, err := k.fetch(one, names)
		if err != nil {
			return err
		}
		found, failures = append(found, items...), append(failures, failed...)
	}
	if err := k.print(found, len(names) == 1 && len(list) == 1, list); err != nil {
		return err
	}
	if len(failures) > 0 {
		return errors.New(strings.Join(failures, "\n"))
	}
	return nil
}

// fetch gets the named objects, or all that the selectors choose. Names that are not there are failures, in words.
func (k *kubectl) fetch(one *kind, names []string) (items []object, failures []string, err error) {
	for _, name := range names {
		item, err := k.client.do(http.MethodGet, one.path(k.namespace, name), nil)
		switch {
		case isNotFound(err) && k.ignoreMissing:
		case isNotFound(err):
			failures = append(failures, kubectlMessage(err))
		case err != nil:
			return nil, nil, err
		default:
			items = append(items, item)
		}
	}
	if len(names) > 0 {
		return items, failures, nil
	}
	namespace := k.namespace
	if k.allNamespaces {
		namespace = ""
	}
	query := url.Values{}
	if k.selector != "" {
		query.Set("labelSelector", k.selector)
	}
	if k.fieldSelector != "" {
		query.Set("fieldSelector", k.fieldSelector)
	}
	path := one.path(namespace, "")
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	answer, err := k.client.do(http.MethodGet, path, nil)
	items = objects(listAt(answer, "items"))
	for _, item := range items {
		item["apiVersion"], item["kind"] = one.apiVersion(), one.Kind
	}
	return items, nil, err
}

func (k *kubectl) print(found []object, single bool, list []*kind) error {
	if handled, err := k.printFormat(found, single); handled {
		return err
	}
	switch k.output {
	case "json":
		if single && len(found) == 0 {
			return nil
		}
		if single {
			fmt.Println(string(indentJSON(found[0])))
			return nil
		}
		items := make([]interface{}, 0, len(found))
		for _, item := range found {
			items = append(items, item)
		}
		fmt.Println(string(indentJSON(object{"apiVersion": "v1", "kind": "List", "metadata": object{"resourceVersion": ""}, "items": items})))
		return nil
	case "name":
		for _, item := range found {
			fmt.Println(objectName(item))
		}
		return nil
	case "", "wide":
		if len(found) == 0 && !single {
			where := " in " + k.namespace + " namespace."
			if k.allNamespaces || !list[0].Namespaced {
				where = ""
			}
			fmt.Fprintln(os.Stderr, "No resources found"+where)
		}
		printTables(os.Stdout, found, k.allNamespaces, k.output == "wide", len(list) > 1, !k.noHeaders)
		return nil
	}
	return fmt.Errorf("error: unable to match a printer suitable for the output format %q, allowed formats are: json,name,wide", k.output)
}

func indentJSON(value interface{}) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	if err := encoder.Encode(value); err != nil {
		panic(err) // objects consist of JSON types only
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// objectName is TYPE/NAME as kubectl prints it: deployment.apps/coredns.
func objectName(obj object) string {
	k, err := kindOfObject(obj)
	if err != nil {
		return strings.ToLower(strAt(obj, "kind")) + "/" + nameOf(obj)
	}
	name := k.singular()
	if k.Group != "" {
		name += "." + k.Group
	}
	return name + "/" + nameOf(obj)
}

// target reads TYPE NAME or TYPE/NAME and returns the rest of the words.
func (k *kubectl) target() (one *kind, name string, rest []string, err error) {
	if len(k.words) == 0 {
		return nil, "", nil, errors.New("error: one or more resources must be specified as <resource> <name> or <resource>/<name>")
	}
	list, name, err := resourceKinds(k.words[0])
	if err != nil {
		return nil, "", nil, err
	}
	rest = k.words[1:]
	if name == "" {
		if len(rest) == 0 {
			return nil, "", nil, errors.New("error: resource(s) were provided, but no name was specified")
		}
		name, rest = rest[0], rest[1:]
	}
	return list[0], name, rest, nil
}

// setMetadata sets k=v and removes k- in labels or annotations.
func (k *kubectl) setMetadata(field, done string) error {
	one, name, changes, err := k.target()
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		return errors.New("error: at least one change is required")
	}
	path := one.path(k.namespace, name)
	existing, err := k.client.do(http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	patch := object{}
	for _, change := range changes {
		key, value, sets := strings.Cut(change, "=")
		if !sets {
			key = strings.TrimSuffix(change, "-")
			if key == change {
				return fmt.Errorf("error: invalid %s spec: %s", strings.TrimSuffix(field, "s"), change)
			}
			patch[key] = nil
			continue
		}
		old, present := objAt(existing, "metadata", field)[key]
		if present && old != value && !k.overwrite {
			return fmt.Errorf("error: '%s' already has a value (%v), and --overwrite is false", key, old)
		}
		patch[key] = value
	}
	after, err := k.client.do(http.MethodPatch, path, object{"metadata": object{field: patch}})
	if err != nil {
		return err
	}
	if at(after, "metadata", "resourceVersion") == at(existing, "metadata", "resourceVersion") {
		done = "not " + done
	}
	fmt.Printf("%s %s\n", objectName(after), done)
	return nil
}

func (k *kubectl) delete() error {
	if len(k.files) > 0 {
		return k.eachManifest(func(one *kind, namespace string, obj object) error {
			return k.deleteOne(one, namespace, nameOf(obj))
		})
	}
	one, name, rest, err := k.target()
	if err != nil {
		return err
	}
	for _, name := range append([]string{name}, rest...) {
		if err := k.deleteOne(one, k.namespace, name); err != nil {
			return err
		}
	}
	return nil
}

func (k *kubectl) deleteOne(one *kind, namespace, name string) error {
	_, err := k.client.raw(http.MethodDelete, one.path(namespace, name), nil)
	if isNotFound(err) && k.ignoreMissing {
		return nil
	}
	if err == nil {
		fmt.Printf("%s %q deleted\n", strings.TrimSuffix(objectName(object{"apiVersion": one.apiVersion(), "kind": one.Kind}), "/"), name)
	}
	return err
}

// maxAnnotation is the API server's limit for all annotations of an object together; apply's own annotation counts.
const maxAnnotation = 256 << 10

func (k *kubectl) apply() error {
	if len(k.files) == 0 {
		return errors.New("error: must specify one of -f and -k")
	}
	if k.serverSide {
		return k.applyServerSide()
	}
	return k.eachManifest(func(one *kind, namespace string, obj object) error {
		wanted := withLastApplied(obj)
		if note := strAt(wanted, "metadata", "annotations", lastApplied); len(note) > maxAnnotation {
			return fmt.Errorf("The %s %q is invalid: metadata.annotations: Too long: may not be more than %d bytes", one.Kind, nameOf(obj), maxAnnotation)
		}
		existing, err := k.client.do(http.MethodGet, one.path(namespace, nameOf(obj)), nil)
		if isNotFound(err) {
			_, err = k.client.do(http.MethodPost, one.path(namespace, ""), wanted)
			if err == nil {
				fmt.Printf("%s created\n", objectName(obj))
			}
			return err
		}
		if err != nil {
			return err
		}
		after, err := k.client.do(http.MethodPatch, one.path(namespace, nameOf(obj)), patchFor(existing, obj))
		if err != nil {
			return err
		}
		outcome := "configured"
		if at(after, "metadata", "resourceVersion") == at(existing, "metadata", "resourceVersion") {
			outcome = "unchanged"
		}
		fmt.Printf("%s %s\n", objectName(obj), outcome)
		return nil
	})
}

// eachManifest reads every -f and calls do for each object in it.
func (k *kubectl) eachManifest(do func(one *kind, namespace string, obj object) error) error {
	for _, file := range k.files {
		content, err := readFileOrStdin(file)
		if err != nil {
			return fmt.Errorf("error: the path %q cannot be read: %w", file, err)
		}
		objs, err := decodeManifests(file, content)
		if err != nil {
			return fmt.Errorf("error: error parsing %s: %w", file, err)
		}
		if len(objs) == 0 {
			return errors.New("error: no objects passed to apply")
		}
		for _, obj := range objs {
			one, err := kindOfObject(obj)
			if err != nil {
				return fmt.Errorf("error: resource mapping not found for name: %q namespace: %q from %q: %w", nameOf(obj), namespaceOf(obj), file, err)
			}
			namespace := namespaceOf(obj)
			if namespace == "" {
				namespace = k.namespace
			}
			if err := do(one, namespace, obj); err != nil {
				return err
			}
		}
	}
	return nil
}

func readFileOrStdin(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(path)
}

func (k *kubectl) version() error {
	answer, err := k.client.do(http.MethodGet, "/version", nil)
	if k.output == "json" {
		shown := object{"clientVersion": serverVersion(), "kustomizeVersion": "v5.7.1"}
		if err == nil {
			shown["serverVersion"] = answer
		}
		fmt.Println(string(indentJSON(shown)))
		return err
	}
	fmt.Printf("Client Version: %s\n", version)
	if err == nil {
		fmt.Printf("Server Version: %s\n", strAt(answer, "gitVersion"))
	}
	return err
}

// logs prints the log of a pod, or of a job's pod.
func (k *kubectl) logs() error {
	if len(k.words) == 0 {
		return errors.New("error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.")
	}
	typed, name, found := strings.Cut(k.words[0], "/")
	if !found {
		name = typed
	} else if one, err := kindNamed(typed); err != nil {
		return fmt.Errorf("error: %w", err)
	} else if one.Kind == "Job" {
		if _, err := k.client.do(http.MethodGet, one.path(k.namespace, name), nil); err != nil {
			return err
		}
		k.selector = "job-name=" + name
		pods, _, err := k.fetch(mustKind("pods"), nil)
		if err != nil {
			return err
		}
		if len(pods) == 0 {
			return errors.New("error: timed out waiting for the condition")
		}
		name = nameOf(pods[0])
	}
	text, err := k.client.raw(http.MethodGet, mustKind("pods").path(k.namespace, name)+"/log", nil)
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}
