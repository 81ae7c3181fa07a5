package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// joinToken is a cluster token taken apart: K10<ca-hash>::<user>:<password>, or only the password.
type joinToken struct {
	caHash   string
	user     string
	password string
}

var bootstrapToken = regexp.MustCompile(`^[a-z0-9]{6}\.[a-z0-9]{16}$`)

func parseToken(text string) (joinToken, error) {
	if text == "" {
		return joinToken{}, errors.New("token must not be empty")
	}
	if !strings.HasPrefix(text, "K10") {
		if bootstrapToken.MatchString(text) {
			return joinToken{}, errors.New("stand-in: bootstrap tokens are not played")
		}
		return joinToken{password: text}, nil
	}
	hash, creds, found := strings.Cut(strings.TrimPrefix(text, "K10"), "::")
	if !found {
		hash, creds = "", hash
	}
	if hash != "" && len(hash) != sha256.Size*2 {
		return joinToken{}, errors.New("invalid token CA hash length")
	}
	user, password, found := strings.Cut(creds, ":")
	if !found || password == "" {
		return joinToken{}, errors.New("invalid token format")
	}
	return joinToken{caHash: hash, user: user, password: password}, nil
}

// checkCA compares the token's hash with the CA file a server handed out.
func (t joinToken) checkCA(caPEM []byte) error {
	if actual := caHash(caPEM); t.caHash != "" && t.caHash != actual {
		return fmt.Errorf("token CA hash does not match the Cluster CA certificate hash: %s != %s", t.caHash, actual)
	}
	return nil
}

// caHash is the SHA-256 of the PEM file as it stands: the rule for a self-signed cluster CA.
func caHash(caPEM []byte) string {
	sum := sha256.Sum256(caPEM)
	return hex.EncodeToString(sum[:])
}

func fullToken(caPEM []byte, user, password string) string {
	return "K10" + caHash(caPEM) + "::" + user + ":" + password
}

// randomHex gives n random bytes as hex: 16 make a password as K3s generates it.
func randomHex(n int) string {
	raw := make([]byte, n)
	if _, err := rand.Read(raw); err != nil {
		fatal("no randomness: %v", err)
	}
	return hex.EncodeToString(raw)
}

// readSecretFile reads a token file, refusing one that others may read.
func readSecretFile(path string) (string, error) {
	if err := refuseLooseMode(path); err != nil {
		return "", err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(content)), nil
}

// refuseLooseMode is the stand-in's own strictness: a file with secrets must be closed to group and others.
func refuseLooseMode(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("stand-in: loose mode %04o on %s, it may hold secrets: want 0600", info.Mode().Perm(), path)
	}
	return nil
}
