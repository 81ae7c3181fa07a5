package main

import (
	"fmt"
	"regexp"
	"strings"
)

// selector is a label selector: every requirement must hold.
type selector []requirement

type requirement struct {
	key    string
	values []string // nil: only presence counts
	negate bool
}

var setRequirement = regexp.MustCompile(`^(\S+)\s+(in|notin)\s+\(([^)]*)\)$`)

func parseSelector(text string) (selector, error) {
	var out selector
	for _, part := range splitOutsideParens(text) {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		req, err := parseRequirement(part)
		if err != nil {
			return nil, err
		}
		out = append(out, req)
	}
	return out, nil
}

func parseRequirement(part string) (requirement, error) {
	if set := setRequirement.FindStringSubmatch(part); set != nil {
		req := requirement{key: set[1], negate: set[2] == "notin"}
		for _, value := range strings.Split(set[3], ",") {
			req.values = append(req.values, strings.TrimSpace(value))
		}
		return req, nil
	}
	req := requirement{}
	key, value, found := strings.Cut(part, "=")
	switch {
	case !found && strings.HasPrefix(part, "!"):
		return requirement{key: part[1:], negate: true}, nil
	case !found:
		req.key = part
	default:
		req.negate = strings.HasSuffix(key, "!")
		req.key = strings.TrimSuffix(key, "!")
		req.values = []string{strings.TrimPrefix(value, "=")}
	}
	if strings.ContainsAny(req.key, " ()") || req.key == "" {
		return requirement{}, fmt.Errorf("unable to parse requirement: %s", part)
	}
	return req, nil
}

func splitOutsideParens(text string) []string {
	var parts []string
	depth, start := 0, 0
	for i, c := range text {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func (s selector) matches(labels object) bool {
	for _, req := range s {
		value, present := labels[req.key].(string)
		hit := present && (req.values == nil || contains(req.values, value))
		if hit == req.negate {
			return false
		}
	}
	return true
}

// fieldsMatch applies a field selector: path=value and path!=value, joined by commas.
func fieldsMatch(text string, obj object) bool {
	for _, part := range strings.Split(text, ",") {
		if part == "" {
			continue
		}
		path, value, _ := strings.Cut(part, "=")
		negate := strings.HasSuffix(path, "!")
		path = strings.TrimSuffix(path, "!")
		value = strings.TrimPrefix(value, "=")
		if (strAt(obj, strings.Split(path, ".")...) == value) == negate {
			return false
		}
	}
	return true
}
