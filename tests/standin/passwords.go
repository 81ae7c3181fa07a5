package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
)

// The passwords of both tokens lie in a file, and the data know that file and its age (facts: pkg/cluster/bootstrap.go,
// pkg/daemons/control/deps). A file that is newer than they are keeps a server from starting; an older one is made anew.

// timeSkew in seconds is how much newer a file may be.
const timeSkew = 3

func (s *server) passwordsPath() string { return s.path("cred", "passwd") }

func (s *server) passwordsText() string {
	return fmt.Sprintf("%s,node,node,k3s:agent\n%s,server,server,k3s:server\n", s.agentPassword, s.written)
}

// reconcilePasswords comes before the file is written from the configuration.
func (s *server) reconcilePasswords(bound object) error {
	known := objAt(bound, "passwd")
	content, err := os.ReadFile(s.passwordsPath())
	if errors.Is(err, os.ErrNotExist) || len(known) == 0 {
		return nil
	}
	if err != nil || caHash(content) == strAt(known, "sha256") {
		return err
	}
	info, err := os.Stat(s.passwordsPath())
	if err != nil {
		return err
	}
	saved, err := strconv.ParseInt(strAt(known, "time"), 10, 64)
	if err != nil {
		return err
	}
	if info.ModTime().Unix()-saved >= timeSkew {
		return fmt.Errorf("%s newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore.", s.passwordsPath())
	}
	logWarn("%s will be updated from the datastore.", s.passwordsPath())
	return os.Remove(s.passwordsPath())
}

func (s *server) writePasswords() error {
	if content, err := os.ReadFile(s.passwordsPath()); err == nil && string(content) == s.passwordsText() {
		return nil
	}
	return writeFileAtomic(s.passwordsPath(), []byte(s.passwordsText()), 0o600)
}

// fileOfPasswords is what data are to know of the file.
func (s *server) fileOfPasswords() (object, error) {
	info, err := os.Stat(s.passwordsPath())
	if err != nil {
		return nil, err
	}
	return object{"sha256": caHash([]byte(s.passwordsText())), "time": strconv.FormatInt(info.ModTime().Unix(), 10)}, nil
}

// savePasswords lets the data know the file, once: later changes of it are the cluster's only if it makes them itself.
func (s *server) savePasswords() error {
	bound := s.store.lookup(dataKey)
	if bound == nil || len(objAt(bound, "passwd")) > 0 {
		return nil
	}
	file, err := s.fileOfPasswords()
	if err != nil {
		return err
	}
	expected := strAt(bound, "metadata", "resourceVersion")
	setAt(bound, file, "passwd")
	if err := s.store.propose([]op{{Key: dataKey, Value: bound, Expect: expected}}, true); !errors.Is(err, errConflict) {
		return err
	}
	return nil // another server was faster
}
