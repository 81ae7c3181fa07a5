package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// The helm controller: a HelmChart becomes a Job that succeeds when Helm could have installed the chart.

const (
	chartLabel      = "helmcharts.helm.cattle.io/chart"
	configHash      = "helmcharts.helm.cattle.io/configHash"
	klipperHelm     = "rancher/klipper-helm:v0.11.1-build20260615"
	staticChartsURL = "https://%{KUBERNETES_API}%/static/charts/"
)

func (s *server) reconcileCharts() {
	s.charts.Lock()
	defer s.charts.Unlock()
	s.reconcileChartsLocked()
}

// deleteChart deletes a HelmChart as its finalizer makes it go: once its release is uninstalled.
func (s *server) deleteChart(k *kind, namespace, name string) (object, error) {
	s.charts.Lock()
	defer s.charts.Unlock()
	deleted, err := s.store.Delete(k, namespace, name)
	if err == nil {
		s.reconcileChartsLocked()
	}
	return deleted, err
}

func (s *server) reconcileChartsLocked() {
	charts := mustKind("helmcharts")
	wanted := map[string]bool{}
	for _, chart := range s.store.List(charts, "") {
		wanted[namespaceOf(chart)+"/"+nameOf(chart)] = true
		s.reconcileChart(chart)
	}
	for _, job := range s.store.List(mustKind("jobs"), "") {
		if name := strAt(job, "metadata", "labels", chartLabel); name != "" && !wanted[namespaceOf(job)+"/"+name] {
			s.uninstall(job, name)
		}
	}
}

// reconcileChart makes the install job, and makes it anew when the chart or its values changed.
func (s *server) reconcileChart(chart object) {
	jobs := mustKind("jobs")
	namespace, name := namespaceOf(chart), "helm-install-"+nameOf(chart)
	hash := s.chartHash(chart)
	job, err := s.store.Get(jobs, namespace, name)
	if err == nil && strAt(job, "metadata", "annotations", configHash) != hash {
		if _, err = s.store.Delete(jobs, namespace, name); err != nil {
			return
		}
		_, _ = s.store.Delete(mustKind("pods"), namespace, name+"-run")
		err = notFound(jobs, name)
	}
	if isNotFound(err) {
		job, err = s.store.Create(jobs, namespace, s.installJob(chart, name, hash))
	}
	if err != nil {
		logError("Failed to make job %s: %v", name, err)
		return
	}
	if conditionStatus(job, "Complete") != "True" {
		s.runInstallJob(chart, job)
	}
}

// chartHash changes with everything the job works from.
func (s *server) chartHash(chart object) string {
	hashed := string(mustJSON(chart["spec"]))
	if config := s.chartConfig(chart); config != nil {
		hashed += string(mustJSON(config["spec"]))
	}
	return "SHA256=" + strings.ToUpper(caHash([]byte(hashed)))
}

func (s *server) chartConfig(chart object) object {
	config, err := s.store.Get(mustKind("helmchartconfigs"), namespaceOf(chart), nameOf(chart))
	if err != nil {
		return nil
	}
	return config
}

func (s *server) installJob(chart object, name, hash string) object {
	image := strAt(chart, "spec", "jobImage")
	if image == "" {
		image = s.config.strOr("helm-job-image", systemImage(s.config.str("system-default-registry"), klipperHelm))
	}
	labels := object{chartLabel: nameOf(chart)}
	return object{
		"metadata": object{"name": name, "labels": labels, "annotations": object{configHash: hash}},
		"spec": object{
			"backoffLimit": 1000,
			"template": object{
				"metadata": object{"labels": labels},
				"spec": object{
					"restartPolicy": "OnFailure",
					"tolerations":   []interface{}{object{"operator": "Exists"}},
					"containers": []interface{}{object{
						"name": "helm", "image": image, "imagePullPolicy": "IfNotPresent", "args": []string{"install"},
					}},
				},
			},
		},
	}
}

// runInstallJob tries the installation once more and notes the outcome in pod, job and chart.
func (s *server) runInstallJob(chart, job object) {
	where := place(objAt(job, "spec", "template", "spec"), s.readyNodes())
	failed, phase, text := intAt(job, "status", "failed"), "Pending", ""
	if where.running() {
		if err := s.install(chart); err != nil {
			phase, text = "Failed", "Error: INSTALLATION FAILED: "+err.Error()+"\n"
			if conditionStatus(job, "Retrying") != "True" || time.Since(lastFailure(job)) > retryPause {
				failed++
			}
		} else {
			phase, text = "Succeeded", "NAME: "+nameOf(chart)+"\nSTATUS: deployed\n"
		}
	}
	s.ownedPod(job, "run", where, phase)
	s.setPodLog(namespaceOf(job), nameOf(job)+"-run", text)
	status := jobStatus(job, phase, failed)
	if phase == "Failed" {
		status["conditions"] = []interface{}{object{"type": "Retrying", "status": "True", "message": text, "lastProbeTime": s.failureTime(job, failed)}}
	}
	s.setStatus(mustKind("jobs"), job, status)
	s.setStatus(mustKind("helmcharts"), chart, object{"jobName": nameOf(job)})
}

// retryPause keeps the failure count of a chart that cannot be installed from growing every second.
const retryPause = 10 * time.Second

func lastFailure(job object) time.Time {
	for _, condition := range objects(listAt(job, "status", "conditions")) {
		if seen, err := time.Parse(time.RFC3339, strAt(condition, "lastProbeTime")); err == nil {
			return seen
		}
	}
	return time.Time{}
}

func (s *server) failureTime(job object, failed int) string {
	if failed > intAt(job, "status", "failed") {
		return timestamp(time.Now())
	}
	return timestamp(lastFailure(job))
}

func (s *server) setPodLog(namespace, name, text string) {
	_, err := s.store.Update(mustKind("pods"), namespace, name, true, func(old object) (object, error) {
		setAt(old, text, "metadata", "annotations", logAnnotation)
		return old, nil
	})
	if err != nil && !isNotFound(err) {
		logError("Failed to note the log of pod %s: %v", name, err)
	}
}

// install checks everything Helm would need; the packaged Traefik leaves its Deployment and Service behind.
func (s *server) install(chart object) error {
	content, err := s.fetchChart(chart)
	if err != nil {
		return err
	}
	if err := checkChart(content); err != nil {
		return err
	}
	if err := checkValues("HelmChart", chart); err != nil {
		return err
	}
	if config := s.chartConfig(chart); config != nil {
		if err := checkValues("HelmChartConfig", config); err != nil {
			return err
		}
	}
	target := strAt(chart, "spec", "targetNamespace")
	if target == "" {
		target = namespaceOf(chart)
	}
	if err := s.ensureTarget(target, boolAt(chart, "spec", "createNamespace")); err != nil {
		return err
	}
	if nameOf(chart) == "traefik" && namespaceOf(chart) == "kube-system" {
		if err := s.installTraefik(target, s.chartConfig(chart)); err != nil {
			return err
		}
	}
	_, err = s.store.Ensure(mustKind("secrets"), target, object{
		"metadata": object{
			"name":   releaseName(nameOf(chart)),
			"labels": object{"owner": "helm", "name": nameOf(chart), "status": "deployed", "version": "1"},
		},
		"type": "helm.sh/release.v1",
	})
	return err
}

func releaseName(chart string) string { return "sh.helm.release.v1." + chart + ".v1" }

func (s *server) ensureTarget(namespace string, create bool) error {
	_, err := s.store.Get(mustKind("namespaces"), "", namespace)
	if isNotFound(err) && create {
		_, err = s.store.Create(mustKind("namespaces"), "", object{"metadata": object{"name": namespace}})
	}
	return err
}

// fetchChart finds the chart where an air-gapped cluster can have it: inline, or under server/static/charts.
func (s *server) fetchChart(chart object) ([]byte, error) {
	if inline := strAt(chart, "spec", "chartContent"); inline != "" {
		content, err := base64.StdEncoding.DecodeString(strings.TrimSpace(inline))
		if err != nil {
			return nil, fmt.Errorf("chartContent is not base64: %w", err)
		}
		return content, nil
	}
	url := strAt(chart, "spec", "chart")
	name, local := cutPrefix(url, staticChartsURL)
	if !local {
		return nil, fmt.Errorf("looks like %q is not a valid chart repository or cannot be reached: the stand-in reaches no network", url)
	}
	clean := filepath.Clean("/" + name)
	content, err := os.ReadFile(s.path("static", "charts") + clean)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("failed to fetch https://10.43.0.1:443/static/charts/%s : 404 Not Found", name)
	}
	return content, err
}

// checkChart wants a gzipped tar with NAME/Chart.yaml in it, readable to its end.
func checkChart(content []byte) error {
	compressed, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return fmt.Errorf("file does not appear to be a gzipped archive: %w", err)
	}
	archive := tar.NewReader(compressed)
	found := false
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("chart archive is damaged: %w", err)
		}
		if parts := strings.Split(header.Name, "/"); len(parts) == 2 && parts[1] == "Chart.yaml" {
			found = true
		}
	}
	if _, err := io.Copy(io.Discard, compressed); err != nil {
		return fmt.Errorf("chart archive is damaged: %w", err)
	}
	if !found {
		return errors.New("Chart.yaml file is missing")
	}
	return nil
}

func checkValues(what string, obj object) error {
	docs, err := parseYAML(what+" "+nameOf(obj)+" valuesContent", strAt(obj, "spec", "valuesContent"))
	if err != nil {
		return fmt.Errorf("failed to parse values: %w", err)
	}
	for _, doc := range docs {
		values, ok := doc.(object)
		if !ok {
			return errors.New("failed to parse values: cannot unmarshal into Go value of type map[string]interface {}")
		}
		// As a template that says {{ fail .Values.fail }}: the tests' own chart does.
		if told := strAt(values, "fail"); told != "" {
			return errors.New("execution error at (broken/templates/check.yaml:1:4): " + told)
		}
	}
	return nil
}

func (s *server) installTraefik(namespace string, config object) error {
	ports, serviceType, err := traefikSettings(config)
	if err != nil {
		return err
	}
	labels := object{"app.kubernetes.io/name": "traefik", "app.kubernetes.io/instance": "traefik-" + namespace}
	image := systemImage(s.config.str("system-default-registry"), traefikImage)
	_, err = s.store.Ensure(mustKind("deployments"), namespace, object{
		"metadata": object{"name": "traefik", "labels": labels},
		"spec": object{
			"replicas": 1, "selector": object{"matchLabels": labels},
			"template": object{
				"metadata": object{"labels": labels},
				"spec": object{
					"tolerations": []interface{}{object{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists", "effect": "NoSchedule"}},
					"containers":  []interface{}{object{"name": "traefik", "image": image, "imagePullPolicy": "IfNotPresent"}},
				},
			},
		},
	})
	if err != nil {
		return err
	}
	_, err = s.store.Ensure(mustKind("services"), namespace, object{
		"metadata": object{"name": "traefik", "labels": labels},
		"spec": object{"type": serviceType, "clusterIP": "10.43.0.80", "selector": labels, "ports": []interface{}{
			object{"name": "web", "port": ports["web"], "protocol": "TCP"}, object{"name": "websecure", "port": ports["websecure"], "protocol": "TCP"},
		}},
	})
	return err
}

// uninstall plays the brief helm-delete job of a chart that is gone.
func (s *server) uninstall(job object, chart string) {
	remove := func(k *kind, namespace, name string) {
		if _, err := s.store.Delete(k, namespace, name); err != nil && !isNotFound(err) {
			logError("Failed to delete %s %s: %v", k.Kind, name, err)
		}
	}
	logInfo("Deleting Helm release %s", chart)
	remove(mustKind("jobs"), namespaceOf(job), nameOf(job))
	for _, secret := range s.store.List(mustKind("secrets"), "") {
		if nameOf(secret) == releaseName(chart) {
			remove(mustKind("secrets"), namespaceOf(secret), nameOf(secret))
		}
	}
	if chart == "traefik" && namespaceOf(job) == "kube-system" {
		remove(mustKind("deployments"), "kube-system", "traefik")
		remove(mustKind("services"), "kube-system", "traefik")
	}
}
