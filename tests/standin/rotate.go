package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// k3s token rotate (facts: pkg/cli/token/token.go, pkg/server/handlers/token.go, pkg/cluster/storage.go). The server makes
// the new password, writes it down, then binds its data to it. Whom it lets in changes with its next start.

func tokenMain(args []string) int {
	if err := rotate(args); err != nil {
		fmt.Fprintf(os.Stderr, "level=fatal msg=%q\n", "Error: "+err.Error())
		return 1
	}
	return 0
}

func rotate(args []string) error {
	if len(args) == 0 || args[0] != "rotate" {
		return errors.New("stand-in: of `token` only `rotate` is played")
	}
	base, dataDir := os.Getenv("K3S_URL"), "/var/lib/rancher/k3s"
	for i := 1; i < len(args); i++ {
		name, value, inline := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		if !inline && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch name {
		case "server", "s":
			base = value
		case "data-dir", "d":
			dataDir = value
		case "token", "t", "new-token":
			return fmt.Errorf("stand-in: --%s shows a secret to everybody on this host: K3S_TOKEN, or none", name)
		default:
			return fmt.Errorf("flag provided but not defined: -%s", name)
		}
	}
	if base == "" {
		base = "https://127.0.0.1:6443"
	}
	text := os.Getenv("K3S_TOKEN")
	if text == "" {
		content, err := os.ReadFile(filepath.Join(dataDir, "server", "token"))
		if err != nil {
			return err
		}
		text = strings.TrimSpace(string(content))
	}
	return askForRotation(base, text)
}

func askForRotation(base, text string) error {
	token, err := parseToken(text)
	if err != nil {
		return err
	}
	caPEM, err := newClient(base, trusting(nil)).raw(http.MethodGet, "/cacerts", nil)
	if err != nil {
		return fmt.Errorf("failed to get CA certs: %w", err)
	}
	if err := token.checkCA(caPEM); err != nil {
		return err
	}
	client := newClient(base, trusting(caPEM))
	client.user, client.password = "server", token.password
	fmt.Println("\033[33mWARNING\033[0m: Recommended to keep a record of the old token. If restoring from a snapshot, you must use the token associated with that snapshot.")
	if _, err := client.raw(http.MethodPut, "/v1-k3s/token", object{"newToken": ""}); err != nil {
		return err
	}
	fmt.Println("Token rotated, restart k3s nodes with new token")
	return nil
}

// serveRotation is asked with the password this server was started with.
func (s *server) serveRotation(w http.ResponseWriter, r *http.Request) {
	var asked struct{ NewToken string }
	switch err := json.NewDecoder(r.Body).Decode(&asked); {
	case r.Method != http.MethodPut:
		writeStatus(w, &apiError{405, "MethodNotAllowed", "method not allowed"})
	case err != nil:
		writeStatus(w, &apiError{400, "BadRequest", err.Error()})
	case asked.NewToken != "":
		writeStatus(w, &apiError{400, "BadRequest", "stand-in: the server makes the token itself"})
	default:
		if err := s.rotate(); err != nil {
			logError("token rotation: %v", err)
			writeStatus(w, errors.New("see server logs for details: token"))
		}
	}
}

func (s *server) rotate() error {
	s.rotating.Lock()
	defer s.rotating.Unlock()
	old := s.written
	s.written = randomHex(16)
	if err := s.writePasswords(); err != nil {
		return err
	}
	file, err := s.fileOfPasswords()
	if err != nil {
		return err
	}
	full := fullToken(s.serverCA.certPEM, "server", s.written)
	if err := writeFileAtomic(s.path("token"), []byte(full+"\n"), 0o600); err != nil {
		return err
	}
	return s.store.rebind(old, s.written, file)
}
