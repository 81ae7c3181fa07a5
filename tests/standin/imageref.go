package main

import "strings"

// normalizeRef gives a short image reference its full name: docker.io, library and latest are implied.
func normalizeRef(ref string) string {
	name, digest, pinned := strings.Cut(ref, "@")
	tag := ""
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name, tag = name[:colon], name[colon:]
	}
	first, _, found := strings.Cut(name, "/")
	switch {
	case !found:
		name = "docker.io/library/" + name
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		name = "docker.io/" + name
	}
	if pinned {
		return name + "@" + digest
	}
	if tag == "" {
		tag = ":latest"
	}
	return name + tag
}

// repository is a full reference without its tag or digest.
func repository(ref string) string {
	name, _, _ := strings.Cut(ref, "@")
	if colon := strings.LastIndex(name, ":"); colon > strings.LastIndex(name, "/") {
		name = name[:colon]
	}
	return name
}

// hasTag tells a tagged reference from one by digest only.
func hasTag(ref string) bool {
	return !strings.Contains(ref, "@") && strings.LastIndex(ref, ":") > strings.LastIndex(ref, "/")
}
