package main

import (
	"fmt"
	"io"
	"sort"
	"strings"
	"text/tabwriter"
	"time"
)

// What kubectl get prints for people.

type column struct {
	title string
	wide  bool
	cell  func(object) string
}

func field(title string, path ...string) column {
	return column{title: title, cell: func(obj object) string { return shown(at(obj, path...)) }}
}

func shown(value interface{}) string {
	switch value := value.(type) {
	case nil:
		return ""
	case float64:
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprint(value)
}

func none(text string) string {
	if text == "" {
		return "<none>"
	}
	return text
}

var ageColumn = column{title: "AGE", cell: func(obj object) string {
	created, err := time.Parse(time.RFC3339, strAt(obj, "metadata", "creationTimestamp"))
	if err != nil {
		return "<unknown>"
	}
	return age(time.Since(created))
}}

// age shortens a duration as kubectl does.
func age(d time.Duration) string {
	seconds := int(d.Seconds())
	switch {
	case seconds < 120:
		return fmt.Sprintf("%ds", seconds)
	case seconds < 600 && seconds%60 != 0:
		return fmt.Sprintf("%dm%ds", seconds/60, seconds%60)
	case seconds < 3*3600:
		return fmt.Sprintf("%dm", seconds/60)
	case seconds < 48*3600:
		return fmt.Sprintf("%dh", seconds/3600)
	}
	return fmt.Sprintf("%dd", seconds/86400)
}

func countOf(title string, path ...string) column {
	return column{title: title, cell: func(obj object) string { return fmt.Sprint(intAt(obj, path...)) }}
}

func size(title string, path ...string) column {
	return column{title: title, cell: func(obj object) string { return fmt.Sprint(len(objAt(obj, path...))) }}
}

func wide(c column) column {
	c.wide = true
	return c
}

var printers = map[string][]column{
	"Node": {
		{title: "STATUS", cell: nodeStatusCell}, {title: "ROLES", cell: rolesCell}, ageColumn,
		field("VERSION", "status", "nodeInfo", "kubeletVersion"),
		wide(column{title: "INTERNAL-IP", cell: addressCell("InternalIP")}),
		wide(column{title: "EXTERNAL-IP", cell: addressCell("ExternalIP")}),
		wide(field("OS-IMAGE", "status", "nodeInfo", "osImage")),
		wide(field("KERNEL-VERSION", "status", "nodeInfo", "kernelVersion")),
		wide(field("CONTAINER-RUNTIME", "status", "nodeInfo", "containerRuntimeVersion")),
	},
	"Pod": {
		{title: "READY", cell: podReadyCell}, {title: "STATUS", cell: podStatusCell},
		{title: "RESTARTS", cell: func(object) string { return "0" }}, ageColumn,
		wide(column{title: "IP", cell: func(obj object) string { return none(strAt(obj, "status", "podIP")) }}),
		wide(column{title: "NODE", cell: func(obj object) string { return none(strAt(obj, "spec", "nodeName")) }}),
	},
	"Deployment": {
		{title: "READY", cell: func(obj object) string {
			return fmt.Sprintf("%d/%d", intAt(obj, "status", "readyReplicas"), intAt(obj, "status", "replicas"))
		}},
		countOf("UP-TO-DATE", "status", "updatedReplicas"), countOf("AVAILABLE", "status", "availableReplicas"), ageColumn,
	},
	"DaemonSet": {
		countOf("DESIRED", "status", "desiredNumberScheduled"), countOf("CURRENT", "status", "currentNumberScheduled"),
		countOf("READY", "status", "numberReady"), countOf("UP-TO-DATE", "status", "updatedNumberScheduled"),
		countOf("AVAILABLE", "status", "numberAvailable"), ageColumn,
	},
	"Job": {
		{title: "STATUS", cell: func(obj object) string {
			if conditionStatus(obj, "Complete") == "True" {
				return "Complete"
			}
			return "Running"
		}},
		{title: "COMPLETIONS", cell: func(obj object) string { return fmt.Sprintf("%d/1", intAt(obj, "status", "succeeded")) }},
		ageColumn,
	},
	"Namespace": {field("STATUS", "status", "phase"), ageColumn},
	"ConfigMap": {size("DATA", "data"), ageColumn},
	"Secret":    {field("TYPE", "type"), size("DATA", "data"), ageColumn},
	"Service": {
		field("TYPE", "spec", "type"), field("CLUSTER-IP", "spec", "clusterIP"), ageColumn,
	},
	"Event": {
		field("TYPE", "type"), field("REASON", "reason"), field("OBJECT", "involvedObject", "name"), field("MESSAGE", "message"),
	},
	"HelmChart": {
		field("JOB", "status", "jobName"), field("CHART", "spec", "chart"),
		field("TARGETNAMESPACE", "spec", "targetNamespace"), field("VERSION", "spec", "version"), ageColumn,
	},
	"Addon": {field("SOURCE", "spec", "source"), field("CHECKSUM", "spec", "checksum"), ageColumn},
}

func nodeStatusCell(obj object) string {
	status := map[string]string{"True": "Ready", "False": "NotReady"}[conditionStatus(obj, "Ready")]
	if status == "" {
		status = "NotReady"
	}
	if boolAt(obj, "spec", "unschedulable") {
		status += ",SchedulingDisabled"
	}
	return status
}

func rolesCell(obj object) string {
	var roles []string
	for key := range objAt(obj, "metadata", "labels") {
		if role, found := cutPrefix(key, "node-role.kubernetes.io/"); found {
			roles = append(roles, role)
		}
	}
	sort.Strings(roles)
	return none(strings.Join(roles, ","))
}

func addressCell(kind string) func(object) string {
	return func(obj object) string {
		for _, address := range objects(listAt(obj, "status", "addresses")) {
			if address["type"] == kind {
				return strAt(address, "address")
			}
		}
		return "<none>"
	}
}

func podReadyCell(obj object) string {
	ready, total := 0, len(listAt(obj, "spec", "containers"))
	for _, status := range objects(listAt(obj, "status", "containerStatuses")) {
		if boolAt(status, "ready") {
			ready++
		}
	}
	return fmt.Sprintf("%d/%d", ready, total)
}

func podStatusCell(obj object) string {
	for _, status := range objects(listAt(obj, "status", "containerStatuses")) {
		for _, state := range []string{"waiting", "terminated"} {
			if reason := strAt(status, "state", state, "reason"); reason != "" {
				return reason
			}
		}
	}
	return strAt(obj, "status", "phase")
}

// printTables prints one table a kind, in the order the kinds come in.
func printTables(w io.Writer, found []object, namespaces, wideOutput, withKind, headers bool) {
	for start := 0; start < len(found); {
		end := start
		for end < len(found) && found[end]["kind"] == found[start]["kind"] {
			end++
		}
		if start > 0 {
			fmt.Fprintln(w)
		}
		printTable(w, found[start:end], namespaces, wideOutput, withKind, headers)
		start = end
	}
}

func printTable(w io.Writer, found []object, namespaces, wideOutput, withKind, headers bool) {
	kindName := strAt(found[0], "kind")
	columns := []column{{title: "NAME", cell: func(obj object) string {
		if withKind {
			return objectName(obj)
		}
		return nameOf(obj)
	}}}
	if namespaces && namespaceOf(found[0]) != "" {
		columns = append([]column{field("NAMESPACE", "metadata", "namespace")}, columns...)
	}
	extra, known := printers[kindName]
	if !known {
		extra = []column{ageColumn}
	}
	for _, c := range extra {
		if !c.wide || wideOutput {
			columns = append(columns, c)
		}
	}
	table := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	defer table.Flush()
	row := func(cell func(column) string) {
		cells := make([]string, 0, len(columns))
		for _, c := range columns {
			cells = append(cells, cell(c))
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	if headers {
		row(func(c column) string { return c.title })
	}
	for _, obj := range found {
		row(func(c column) string { return c.cell(obj) })
	}
}
