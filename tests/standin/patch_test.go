package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
)

func apiForTest(t *testing.T) *server {
	t.Helper()
	store, err := openStore(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{store: store}
	for _, name := range []string{"default", "kube-system"} {
		if _, err := store.Create(mustKind("namespaces"), "", object{"metadata": object{"name": name}}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// patched sends a PATCH as the administrator and returns the answer's code.
func patched(s *server, path, mediaType, body string) int {
	r := httptest.NewRequest(http.MethodPatch, path, bytes.NewBufferString(body))
	r.Header.Set("Content-Type", mediaType)
	w := httptest.NewRecorder()
	s.serveResource(w, r, caller{user: "system:admin", group: "system:masters"})
	return w.Code
}

func TestPatchesAreRefusedAsTheAPIRefusesThem(t *testing.T) {
	const path = "/api/v1/namespaces/default/configmaps/a"
	const whole = `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}}`
	s := apiForTest(t)
	for _, one := range []struct {
		what, path, mediaType, body string
		code                        int
	}{
		{"merge into nothing", path, mergePatchType, `{"data": {}}`, 404},
		{"apply without a manager", path, applyPatchType, whole, 422},
		{"apply under another name", path + "b?fieldManager=x", applyPatchType, whole, 400},
		{"apply of another kind", "/api/v1/namespaces/default/secrets/a?fieldManager=x", applyPatchType, whole, 400},
		{"apply in no namespace", "/api/v1/namespaces/none/configmaps/a?fieldManager=x", applyPatchType, whole, 404},
		{"apply", path + "?fieldManager=x", applyPatchType, whole, 201},
		{"apply again", path + "?fieldManager=x", applyPatchType, whole, 200},
		{"no media type", path, "application/json", `{"data": {}}`, 415},
		{"no body", path, mergePatchType, ``, 400},
		{"a change to what was read before", path, mergePatchType, `{"metadata": {"resourceVersion": "0"}, "data": {}}`, 409},
		{"a number for text", path, mergePatchType, `{"data": {"x": 1}}`, 400},
		{"merge", path, mergePatchType, `{"data": {"x": null}}`, 200},
	} {
		if code := patched(s, one.path, one.mediaType, one.body); code != one.code {
			t.Errorf("%s: %d, not %d", one.what, code, one.code)
		}
	}
}

func TestTaintsAreUnique(t *testing.T) {
	s := apiForTest(t)
	if _, err := s.store.Create(mustKind("nodes"), "", object{"metadata": object{"name": "pi"}}); err != nil {
		t.Fatal(err)
	}
	for taints, code := range map[string]int{
		`[{"key": "a", "effect": "NoSchedule"}, {"key": "a", "value": "b", "effect": "NoSchedule"}]`: 422,
		`[{"key": "a", "effect": "Never"}]`:                                           422,
		`[{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoExecute"}]`: 200,
	} {
		if got := patched(s, "/api/v1/nodes/pi", mergePatchType, `{"spec": {"taints": `+taints+`}}`); got != code {
			t.Errorf("%s: %d, not %d", taints, got, code)
		}
	}
}
