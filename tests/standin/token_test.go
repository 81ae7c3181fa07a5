package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseToken(t *testing.T) {
	hash := strings.Repeat("a", 64)
	cases := map[string]joinToken{
		"secret":                         {password: "secret"},
		"K10" + hash + "::server:secret": {hash, "server", "secret"},
		"K10" + hash + "::node:a:b::c":   {hash, "node", "a:b::c"},
		"K10::node:secret":               {"", "node", "secret"},
	}
	for text, want := range cases {
		if got, err := parseToken(text); err != nil || got != want {
			t.Errorf("parseToken(%q) = %v, %v", text, got, err)
		}
	}
}

func TestRefusedTokens(t *testing.T) {
	for _, text := range []string{"", "K10abc::server:x", "K10" + strings.Repeat("a", 64) + "::server:", "K10" + strings.Repeat("a", 64) + "::x", "abcdef.0123456789abcdef"} {
		if got, err := parseToken(text); err == nil {
			t.Errorf("parseToken(%q) = %v", text, got)
		}
	}
}

func TestTokenBindsTheCA(t *testing.T) {
	ca := []byte("-----BEGIN CERTIFICATE-----\n")
	token, err := parseToken(fullToken(ca, "server", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := token.checkCA(ca); err != nil {
		t.Error(err)
	}
	if err := token.checkCA([]byte("other")); err == nil || !strings.Contains(err.Error(), "CA hash does not match") {
		t.Errorf("err = %v", err)
	}
}

func TestServerPasswordIsBoundToTheData(t *testing.T) {
	path := t.TempDir() + "/state.db"
	for _, step := range []struct {
		password string
		accepted bool
	}{{"first", true}, {"first", true}, {"second", false}} {
		store, err := openStore(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := store.bootstrap(step.password); (err == nil) != step.accepted {
			t.Errorf("bootstrap(%q): %v", step.password, err)
		}
	}
}

func TestDataAreBoundToANewPassword(t *testing.T) {
	path := t.TempDir() + "/state.db"
	store, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.bootstrap("first"); err != nil {
		t.Fatal(err)
	}
	if err := store.rebind("another", "second", object{}); err == nil || !strings.Contains(err.Error(), "encrypted with different token") {
		t.Errorf("rebind with a wrong password: %v", err)
	}
	if err := store.rebind("first", "second", object{}); err != nil {
		t.Fatal(err)
	}
	again, err := openStore(path)
	if err != nil {
		t.Fatal(err)
	}
	if again.bootstrap("first") == nil || again.bootstrap("second") != nil {
		t.Error("it still goes by the former password")
	}
}

func TestNoTokenInArguments(t *testing.T) {
	for _, word := range []string{"--token=x", "-t", "--new-token=x"} {
		if err := rotate([]string{"rotate", word}); err == nil || !strings.Contains(err.Error(), "shows a secret") {
			t.Errorf("%s: %v", word, err)
		}
	}
}

func TestAPasswordFileThatIsNewerThanTheDataIsRefused(t *testing.T) {
	s := &server{dir: t.TempDir(), agentPassword: "agents", written: "first"}
	if err := os.Mkdir(s.path("cred"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.writePasswords(); err != nil {
		t.Fatal(err)
	}
	file, err := s.fileOfPasswords()
	if err != nil {
		t.Fatal(err)
	}
	bound := object{"passwd": file}
	if err := s.reconcilePasswords(bound); err != nil {
		t.Errorf("the file as it was saved: %v", err)
	}
	s.agentPassword = "others"
	if err := s.writePasswords(); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(s.passwordsPath(), later, later); err != nil {
		t.Fatal(err)
	}
	if err := s.reconcilePasswords(bound); err == nil || !strings.Contains(err.Error(), "newer than datastore") {
		t.Errorf("a newer file: %v", err)
	}
	if err := os.Chtimes(s.passwordsPath(), later, time.Unix(946684800, 0)); err != nil {
		t.Fatal(err)
	}
	if err := s.reconcilePasswords(bound); err != nil || fileExists(s.passwordsPath()) {
		t.Errorf("an older file: %v", err)
	}
}
