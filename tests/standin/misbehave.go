package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Misbehaviour on demand: a file on the host says what a process of the stand-in shall use up, so that whoever measures
// hosts can be calibrated. Each line is "memory MIB", "cpu MILLICORES", "disk MIB", "files COUNT", "writes KIB-A-SECOND" or
// "delay MILLISECONDS" (of every API answer). What no line names any more is given back.

const misbehaviourInterval = 200 * time.Millisecond

func misbehaviourFile() string { return filepath.Join(runDir(), "standin-misbehave") }

var answerDelay atomic.Value // time.Duration

type hog struct {
	memory []byte
	files  []*os.File
	dir    string // where disk is filled
	disk   int
}

// misbehave follows the file until the process ends.
func misbehave(config *Config) {
	answerDelay.Store(time.Duration(0))
	h := &hog{dir: filepath.Join(config.dataDir(), "agent", "containerd")}
	for {
		began := time.Now()
		h.follow(wishes())
		time.Sleep(misbehaviourInterval - time.Since(began))
	}
}

// wishes are the numbers of the file, by what they are about.
func wishes() map[string]int {
	wanted := map[string]int{}
	content, err := os.ReadFile(misbehaviourFile())
	if err != nil {
		return wanted
	}
	for _, line := range strings.Split(string(content), "\n") {
		if what, number, found := strings.Cut(strings.TrimSpace(line), " "); found {
			if amount, err := strconv.Atoi(number); err == nil {
				wanted[what] = amount
			}
		}
	}
	return wanted
}

func (h *hog) follow(wanted map[string]int) {
	answerDelay.Store(time.Duration(wanted["delay"]) * time.Millisecond)
	if size := wanted["memory"] << 20; size != len(h.memory) {
		h.memory = make([]byte, size)
		for i := 0; i < size; i += 4096 {
			h.memory[i] = 1 // a page that nobody has touched costs nothing
		}
	}
	for len(h.files) < wanted["files"] {
		file, err := os.Open("/dev/null")
		if err != nil {
			break
		}
		h.files = append(h.files, file)
	}
	for len(h.files) > wanted["files"] {
		h.files[len(h.files)-1].Close()
		h.files = h.files[:len(h.files)-1]
	}
	if wanted["disk"] != h.disk {
		h.disk = wanted["disk"]
		h.report(fill(filepath.Join(h.dir, "standin-fill"), h.disk<<20))
	}
	if rate := wanted["writes"]; rate > 0 {
		h.report(fill(filepath.Join(h.dir, "standin-writes"), rate<<10*int(misbehaviourInterval)/int(time.Second)))
	}
	burn(time.Duration(wanted["cpu"]) * misbehaviourInterval / 1000)
}

func (h *hog) report(err error) {
	if err != nil {
		logError("stand-in: cannot misbehave: %v", err)
	}
}

// fill makes a file of a size whose blocks are really there; size 0 removes it.
func fill(path string, size int) error {
	if size == 0 {
		return os.RemoveAll(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o711); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	block := make([]byte, 64<<10)
	for i := range block {
		block[i] = byte(i*7 + 1)
	}
	for left := size; left > 0; left -= len(block) {
		if left < len(block) {
			block = block[:left]
		}
		if _, err := file.Write(block); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return file.Sync()
}

// burn keeps one core busy for a time.
func burn(how time.Duration) {
	for end := time.Now().Add(how); time.Now().Before(end); {
	}
}
