package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// object is a Kubernetes object, or a part of one, as JSON has it.
type object = map[string]interface{}

// at walks into nested objects; nil when the path ends early.
func at(obj object, path ...string) interface{} {
	var current interface{} = obj
	for _, key := range path {
		fields, ok := current.(object)
		if !ok {
			return nil
		}
		current = fields[key]
	}
	return current
}

func strAt(obj object, path ...string) string {
	text, _ := at(obj, path...).(string)
	return text
}

func objAt(obj object, path ...string) object {
	fields, _ := at(obj, path...).(object)
	return fields
}

func listAt(obj object, path ...string) []interface{} {
	items, _ := at(obj, path...).([]interface{})
	return items
}

// objects is the part of a list that consists of objects.
func objects(list []interface{}) []object {
	var out []object
	for _, item := range list {
		if obj, ok := item.(object); ok {
			out = append(out, obj)
		}
	}
	return out
}

// intAt reads a number of either shape: fresh objects hold Go ints, decoded ones hold float64.
func intAt(obj object, path ...string) int {
	switch number := at(obj, path...).(type) {
	case float64:
		return int(number)
	case int:
		return number
	case int64:
		return int(number)
	}
	return 0
}

func boolAt(obj object, path ...string) bool {
	value, _ := at(obj, path...).(bool)
	return value
}

// setAt writes a nested field, making the objects on the way.
func setAt(obj object, value interface{}, path ...string) {
	for _, key := range path[:len(path)-1] {
		next, ok := obj[key].(object)
		if !ok {
			next = object{}
			obj[key] = next
		}
		obj = next
	}
	obj[path[len(path)-1]] = value
}

func nameOf(obj object) string      { return strAt(obj, "metadata", "name") }
func namespaceOf(obj object) string { return strAt(obj, "metadata", "namespace") }

// clone copies an object deeply and gives its numbers the types decoded JSON has.
func clone(obj object) object {
	var out object
	if err := json.Unmarshal(mustJSON(obj), &out); err != nil {
		panic(err) // what was marshalled a moment ago parses
	}
	return out
}

func mustJSON(value interface{}) []byte {
	raw, err := json.Marshal(value)
	if err != nil {
		panic(err) // objects consist of JSON types only
	}
	return raw
}

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// mergePatch applies an RFC 7386 merge patch: null removes.
func mergePatch(target, patch object) object {
	if target == nil {
		target = object{}
	}
	for key, value := range patch {
		nested, isObject := value.(object)
		switch {
		case value == nil:
			delete(target, key)
		case isObject:
			existing, _ := target[key].(object)
			target[key] = mergePatch(existing, nested)
		default:
			target[key] = value
		}
	}
	return target
}

// applyPatch is the merge patch that takes an object from what was last applied to what is wanted now.
func applyPatch(last, wanted object) object {
	patch := clone(wanted)
	for key, old := range last {
		now, kept := wanted[key]
		if !kept {
			patch[key] = nil
			continue
		}
		oldFields, oldIs := old.(object)
		nowFields, nowIs := now.(object)
		if oldIs && nowIs {
			patch[key] = applyPatch(oldFields, nowFields)
		}
	}
	return patch
}

// decodeManifests reads YAML or JSON documents and takes List objects apart.
func decodeManifests(name string, content []byte) ([]object, error) {
	var docs []interface{}
	var single interface{}
	if json.Unmarshal(content, &single) == nil {
		docs = []interface{}{single}
	} else {
		var err error
		if docs, err = parseYAML(name, string(content)); err != nil {
			return nil, err
		}
	}
	var out []object
	for _, doc := range docs {
		obj, ok := doc.(object)
		if !ok {
			return nil, fmt.Errorf("%s: a manifest must be an object", name)
		}
		obj = clone(obj)
		if strings.HasSuffix(strAt(obj, "kind"), "List") && obj["items"] != nil {
			out = append(out, objects(listAt(obj, "items"))...)
			continue
		}
		if strAt(obj, "kind") == "" || strAt(obj, "apiVersion") == "" {
			return nil, fmt.Errorf("%s: Object 'Kind' or 'apiVersion' is missing", name)
		}
		out = append(out, obj)
	}
	return out, nil
}
