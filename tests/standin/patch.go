package main

import (
	"fmt"
	"mime"
	"net/http"
)

// PATCH as the API takes it: a merge patch, or server-side apply. Other kinds of patch are refused rather than guessed.

const (
	mergePatchType = "application/merge-patch+json"
	applyPatchType = "application/apply-patch+yaml"
)

func (s *server) patch(r *http.Request, req request, body object) (int, object, error) {
	if body == nil {
		return 0, nil, &apiError{400, "BadRequest", "error decoding patch: unexpected end of JSON input"}
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case mergePatchType:
		if err := s.checkVersion(req, body); err != nil {
			return 0, nil, err
		}
		answer, err := s.change(r.Method, req, body)
		return 200, answer, err
	case applyPatchType:
		return s.applyServerSide(r, req, body)
	}
	return 0, nil, &apiError{415, "UnsupportedMediaType", fmt.Sprintf("the body of the request was in an unknown format - accepted media types "+
		"include: application/json-patch+json, %s, application/strategic-merge-patch+json, %s (the stand-in plays merge and apply)", mergePatchType, applyPatchType)}
}

// checkVersion refuses a change to an object that is no longer what its author has read.
func (s *server) checkVersion(req request, body object) error {
	read := strAt(body, "metadata", "resourceVersion")
	if read == "" {
		return nil
	}
	old, err := s.store.Get(req.kind, req.namespace, req.name)
	if err != nil {
		return err
	}
	if strAt(old, "metadata", "resourceVersion") != read {
		return &apiError{409, "Conflict", fmt.Sprintf("Operation cannot be fulfilled on %s %q: the object has been modified; please apply "+
			"your changes to the latest version and try again", req.kind.resource(), req.name)}
	}
	return nil
}

// applyServerSide creates the object or makes it contain these fields; there is only one manager, so nothing conflicts.
func (s *server) applyServerSide(r *http.Request, req request, body object) (int, object, error) {
	query := r.URL.Query()
	switch {
	case query.Get("fieldManager") == "":
		return 0, nil, &apiError{422, "Invalid", `PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch`}
	case strAt(body, "apiVersion") != req.kind.apiVersion() || strAt(body, "kind") != req.kind.Kind:
		return 0, nil, &apiError{400, "BadRequest", fmt.Sprintf("failed to create typed patch object: %s in version %q was expected", req.kind.Kind, req.kind.apiVersion())}
	case nameOf(body) != req.name:
		return 0, nil, &apiError{400, "BadRequest", fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", nameOf(body), req.name)}
	case at(body, "metadata", "managedFields") != nil:
		return 0, nil, &apiError{400, "BadRequest", "metadata.managedFields must be nil"}
	case req.subresource != "":
		return 0, nil, &apiError{404, "NotFound", "the server could not find the requested resource"}
	}
	if _, err := s.store.Get(req.kind, req.namespace, req.name); isNotFound(err) {
		answer, err := s.store.Create(req.kind, req.namespace, body)
		return 201, answer, err
	}
	answer, err := s.change(http.MethodPatch, req, body)
	return 200, answer, err
}
