package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
)

// kubectl get -f, -o jsonpath=…, -o custom-columns=…, and scale.

// getFiles gets the objects that manifests name.
func (k *kubectl) getFiles() error {
	var found []object
	err := k.eachManifest(func(one *kind, namespace string, obj object) error {
		item, err := k.client.do(http.MethodGet, one.path(namespace, nameOf(obj)), nil)
		if isNotFound(err) && k.ignoreMissing {
			return nil
		}
		if err == nil {
			found = append(found, item)
		}
		return err
	})
	if err != nil {
		return err
	}
	return k.print(found, len(found) == 1, nil)
}

// printFormat prints with a jsonpath or custom columns; handled tells whether the output format is one of these.
func (k *kubectl) printFormat(found []object, single bool) (handled bool, err error) {
	if template, is := cutPrefix(k.output, "jsonpath="); is {
		var root interface{} = object{"apiVersion": "v1", "kind": "List", "items": anyItems(found)}
		if single {
			if len(found) == 0 {
				return true, nil
			}
			root = found[0]
		}
		text, err := jsonPath(strings.Trim(template, "'"), root)
		fmt.Print(text)
		return true, err
	}
	if columns, is := cutPrefix(k.output, "custom-columns="); is {
		return true, printColumns(columns, found, !k.noHeaders)
	}
	return false, nil
}

func anyItems(found []object) []interface{} {
	items := []interface{}{}
	for _, item := range found {
		items = append(items, item)
	}
	return items
}

// jsonPath fills {.a.b} into a text; a dot in a key is written \. and what is not there is nothing.
func jsonPath(template string, root interface{}) (string, error) {
	var out strings.Builder
	for template != "" {
		before, rest, opened := strings.Cut(template, "{")
		out.WriteString(before)
		if !opened {
			break
		}
		path, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("error: error parsing jsonpath %s, unclosed action", template)
		}
		if strings.ContainsAny(path, "[]*@?") || !strings.HasPrefix(path, ".") {
			return "", fmt.Errorf("error: the stand-in's jsonpath knows fields only, not %q", path)
		}
		out.WriteString(fieldText(root, path, ""))
		template = after
	}
	return out.String(), nil
}

func fieldText(root interface{}, path, missing string) string {
	value := root
	for _, key := range strings.Split(strings.ReplaceAll(strings.TrimPrefix(path, "."), `\.`, "\x00"), ".") {
		fields, ok := value.(object)
		if !ok {
			return missing
		}
		value = fields[strings.ReplaceAll(key, "\x00", ".")]
	}
	switch shown := value.(type) {
	case nil:
		return missing
	case string:
		return shown
	case object, []interface{}:
		return string(mustJSON(shown))
	default:
		return fmt.Sprint(shown)
	}
}

func printColumns(spec string, found []object, headers bool) error {
	table := tabwriter.NewWriter(os.Stdout, 3, 1, 3, ' ', 0)
	defer table.Flush()
	var names, paths []string
	for _, column := range strings.Split(spec, ",") {
		name, path, ok := strings.Cut(column, ":")
		if !ok {
			return fmt.Errorf("error: unexpected custom-columns spec: %s, expected <header>:<json-path-expr>", column)
		}
		names, paths = append(names, name), append(paths, path)
	}
	if headers {
		fmt.Fprintln(table, strings.Join(names, "\t"))
	}
	for _, item := range found {
		var cells []string
		for _, path := range paths {
			cells = append(cells, fieldText(item, path, "<none>"))
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return nil
}

// scale: scale deployment NAME --replicas=N
func (k *kubectl) scale() error {
	one, name, _, err := k.target()
	if err != nil {
		return err
	}
	if k.replicas < 0 {
		return errors.New("error: required flag(s) \"replicas\" not set")
	}
	if one.Kind != "Deployment" && one.Kind != "StatefulSet" && one.Kind != "ReplicaSet" {
		return fmt.Errorf("error: cannot scale %s", one.Plural)
	}
	patch := object{"spec": object{"replicas": k.replicas}}
	after, err := k.client.do(http.MethodPatch, one.path(k.namespace, name), patch)
	if err == nil {
		fmt.Printf("%s scaled\n", objectName(after))
	}
	return err
}
