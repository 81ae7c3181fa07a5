package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// One member of embedded etcd. It plays what an installer can see of etcd: members and learners, promotion, quorum,
// and that what was acknowledged survives as long as a majority of the voters does. Underneath is Raft with a log of
// one entry: an entry changes the whole state, and a member that lacks the one before gets the whole state instead.

const (
	leaderBeat    = 300 * time.Millisecond // K3s: 500 ms
	electionAfter = 2 * time.Second        // and up to twice that; K3s: 5 s
	peerTimeout   = 1500 * time.Millisecond
)

var (
	errNoQuorum = &apiError{500, "InternalError", "etcdserver: request timed out"}
	errNoLeader = &apiError{500, "InternalError", "etcdserver: no leader"}
	errRemoved  = errors.New("the member has been permanently removed from the cluster")
)

// member is one entry of etcd's list. A member has no name until its server has started.
type member struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Learner bool   `json:"learner"`
}

// etcdState is all of it: what the entry before the next one left behind.
type etcdState struct {
	Cluster  string            `json:"cluster"`
	Term     int               `json:"term"` // in which this state was made
	Index    int               `json:"index"`
	Revision int               `json:"revision"`
	Members  []member          `json:"members"`
	Removed  []string          `json:"removed"` // ids of former members
	Objects  map[string]object `json:"objects"`
}

// hardState must be on disk before a vote is given.
type hardState struct {
	Self string `json:"self"` // this member's id
	Term int    `json:"term"`
	Vote string `json:"vote"`
}

type etcdNode struct {
	dir   string // $D/server/db/etcd
	name  string
	peers peers

	proposing sync.Mutex // one entry at a time, also while it is on its way
	mu        sync.Mutex
	hard      hardState
	state     etcdState
	leader    string               // id of the leader this member follows; its own where it leads
	heard     time.Time            // from the leader
	acked     map[string]time.Time // as leader: when each member last agreed
	matched   map[string]int       // as leader: the index each member has
	gone      bool                 // this member has found that it is one no longer
}

func (e *etcdNode) statePath() string { return filepath.Join(e.dir, "member", "state.json") }
func (e *etcdNode) hardPath() string  { return filepath.Join(e.dir, "member", "hardstate.json") }

// openEtcd reads a member from its directory.
func openEtcd(dir, name string) (*etcdNode, error) {
	e := &etcdNode{dir: dir, name: name, acked: map[string]time.Time{}, matched: map[string]int{}}
	for path, into := range map[string]interface{}{e.statePath(): &e.state, e.hardPath(): &e.hard} {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(raw, into); err != nil {
			return nil, fmt.Errorf("%s: wal: crc mismatch: %w", path, err)
		}
	}
	return e, nil
}

// createEtcd writes a member's first state. The state comes last: with it the member counts as initialised.
func createEtcd(dir, name, self string, state etcdState) (*etcdNode, error) {
	e := &etcdNode{dir: dir, name: name, acked: map[string]time.Time{}, matched: map[string]int{}}
	e.hard, e.state = hardState{Self: self}, state
	for _, path := range []string{dir, filepath.Join(dir, "member")} {
		if err := makePrivateDir(path); err != nil {
			return nil, err
		}
	}
	if err := e.saveHard(); err != nil {
		return nil, err
	}
	return e, e.saveState()
}

func etcdInitialized(dir string) bool { return fileExists(filepath.Join(dir, "member", "state.json")) }

func (e *etcdNode) saveHard() error  { return writeFileAtomic(e.hardPath(), mustJSON(e.hard), 0o600) }
func (e *etcdNode) saveState() error { return writeFileAtomic(e.statePath(), mustJSON(e.state), 0o600) }

func (e *etcdNode) view(look func(map[string]object)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	look(e.state.Objects)
}

func (e *etcdNode) flush() {}

func (e *etcdNode) leads() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.leader == e.hard.Self && e.hasQuorum(time.Now())
}

// healthy wants a vote of its own and a leader with a quorum behind it.
func (e *etcdNode) healthy() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	self := e.find(e.hard.Self)
	switch now := time.Now(); {
	case self == nil || e.gone:
		return errRemoved
	case self.Learner:
		return errors.New("this server has not yet been promoted from learner to voting member")
	case e.leader == "":
		return errNoLeader
	case e.leader == e.hard.Self && !e.hasQuorum(now), e.leader != e.hard.Self && now.Sub(e.heard) > 2*electionAfter:
		return errNoQuorum
	}
	return nil
}

func (e *etcdNode) find(id string) *member {
	for i := range e.state.Members {
		if e.state.Members[i].ID == id {
			return &e.state.Members[i]
		}
	}
	return nil
}

func voters(members []member) []member {
	var out []member
	for _, one := range members {
		if !one.Learner {
			out = append(out, one)
		}
	}
	return out
}

func isMajority(some, all int) bool { return some > all/2 }

// hasQuorum: a leader counts the voters that agreed lately. mu is held.
func (e *etcdNode) hasQuorum(now time.Time) bool {
	return isMajority(e.connectedVoters(now), len(voters(e.state.Members)))
}

func (e *etcdNode) connectedVoters(now time.Time) int {
	count := 0
	for _, one := range voters(e.state.Members) {
		if one.ID == e.hard.Self || now.Sub(e.acked[one.ID]) < 2*electionAfter {
			count++
		}
	}
	return count
}

// propose changes objects: here where this member leads, else by way of the leader.
func (e *etcdNode) propose(ops []op, _ bool) error {
	if err := e.healthy(); err != nil {
		return err
	}
	e.mu.Lock()
	leader := e.find(e.leader)
	self := e.hard.Self
	e.mu.Unlock()
	if leader == nil {
		return errNoLeader
	}
	if leader.ID == self {
		_, err := e.lead(ops, nil)
		return err
	}
	index, err := e.peers.txn(*leader, ops)
	if err != nil {
		return err
	}
	return e.waitFor(index)
}

// waitFor returns when this member has an entry that the cluster has agreed on.
func (e *etcdNode) waitFor(index int) error {
	for deadline := time.Now().Add(peerTimeout); ; time.Sleep(5 * time.Millisecond) {
		e.mu.Lock()
		there := e.state.Index >= index
		e.mu.Unlock()
		if there {
			return nil
		}
		if time.Now().After(deadline) {
			return errNoQuorum
		}
	}
}

// entry is what a leader sends: what follows on (PrevTerm, PrevIndex), the whole state, or a mere beat.
type entry struct {
	Term      int        `json:"term"` // the leader's
	Leader    string     `json:"leader"`
	PrevTerm  int        `json:"prevTerm"`
	PrevIndex int        `json:"prevIndex"`
	Ops       []op       `json:"ops,omitempty"`
	Members   []member   `json:"members,omitempty"`
	Removed   string     `json:"removed,omitempty"` // the id of the member that is no longer among them
	Full      *etcdState `json:"full,omitempty"`
}

// ack is what a member answers. Index is what it has now; NeedsFull asks for the whole state.
type ack struct {
	Term      int    `json:"term"`
	Index     int    `json:"index"`
	NeedsFull bool   `json:"needsFull"`
	Name      string `json:"name"`
}

// lead makes one entry and returns its index once a majority of the voters has it. change, if given, puts the new list
// of members into it.
func (e *etcdNode) lead(ops []op, change func(message *entry, members []member) error) (int, error) {
	e.proposing.Lock()
	defer e.proposing.Unlock()
	e.mu.Lock()
	if e.leader != e.hard.Self {
		e.mu.Unlock()
		return 0, errNoLeader
	}
	message := entry{Term: e.hard.Term, Leader: e.hard.Self, PrevTerm: e.state.Term, PrevIndex: e.state.Index, Ops: ops}
	if change != nil {
		if err := change(&message, append([]member{}, e.state.Members...)); err != nil {
			e.mu.Unlock()
			return 0, err
		}
	}
	if err := e.take(message); err != nil {
		e.mu.Unlock()
		return 0, err
	}
	index := e.state.Index
	members := append([]member{}, e.state.Members...)
	e.mu.Unlock()
	if !e.send(members, message) {
		return 0, errNoQuorum
	}
	return index, nil
}

// take makes an entry part of this member's state. mu is held.
func (e *etcdNode) take(message entry) error {
	revision, err := applyOps(e.state.Objects, e.state.Revision, message.Ops)
	if err != nil {
		return err
	}
	e.state.Revision, e.state.Term = revision, message.Term
	e.state.Index++
	if message.Members != nil {
		e.state.Members = message.Members
	}
	if message.Removed != "" {
		e.state.Removed = append(e.state.Removed, message.Removed)
	}
	return e.saveState()
}

// send gives an entry to all others and says whether a majority of the voters has it. It waits no longer than needed.
func (e *etcdNode) send(members []member, message entry) bool {
	answers := make(chan bool, len(members))
	agreed, open, needed := 0, 0, len(voters(members))
	for _, one := range members {
		if one.ID == message.Leader {
			if !one.Learner {
				agreed++
			}
			continue
		}
		if !one.Learner {
			open++
		}
		go func(to member) {
			took := e.sendTo(to, message)
			if !to.Learner {
				answers <- took
			}
		}(one)
	}
	for ; open > 0 && !isMajority(agreed, needed); open-- {
		if <-answers {
			agreed++
		}
	}
	return isMajority(agreed, needed)
}

// sendTo gives one member an entry, or the whole state where that does not fit.
func (e *etcdNode) sendTo(to member, message entry) bool {
	answer, err := e.peers.append(to, message)
	if err == nil && answer.NeedsFull {
		e.mu.Lock()
		full := e.copyState()
		term := e.hard.Term
		e.mu.Unlock()
		answer, err = e.peers.append(to, entry{Term: term, Leader: message.Leader, Full: &full})
	}
	if err != nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if answer.Term > e.hard.Term {
		e.follow("", answer.Term)
		return false
	}
	e.acked[to.ID] = time.Now()
	e.matched[to.ID] = answer.Index
	if self := e.find(to.ID); self != nil && self.Name == "" && answer.Name != "" {
		go e.publishName(to.ID, answer.Name)
	}
	return !answer.NeedsFull
}

func (e *etcdNode) copyState() etcdState {
	var out etcdState
	if err := json.Unmarshal(mustJSON(e.state), &out); err != nil {
		panic(err) // what was marshalled a moment ago parses
	}
	return out
}

// receive is a member's side of sendTo.
func (e *etcdNode) receive(message entry) (ack, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	answer := func(needsFull bool) (ack, error) {
		return ack{Term: e.hard.Term, Index: e.state.Index, NeedsFull: needsFull, Name: e.name}, nil
	}
	if message.Term < e.hard.Term {
		return answer(false)
	}
	if message.Term > e.hard.Term || e.leader != message.Leader {
		e.follow(message.Leader, message.Term)
	}
	e.heard = time.Now()
	switch {
	case message.Full != nil:
		if message.Full.Term == e.state.Term && message.Full.Index <= e.state.Index {
			return answer(false)
		}
		e.state = *message.Full
		if err := e.saveState(); err != nil {
			return ack{}, err
		}
	case message.PrevTerm != e.state.Term || message.PrevIndex != e.state.Index:
		return answer(true)
	case message.Ops != nil || message.Members != nil:
		if err := e.take(message); err != nil {
			return answer(true)
		}
	}
	return answer(false)
}

// follow gives up whatever this member was for a leader ("": not known yet) and a term. mu is held.
func (e *etcdNode) follow(leader string, term int) {
	if term > e.hard.Term {
		e.hard.Term, e.hard.Vote = term, ""
		if err := e.saveHard(); err != nil {
			fatal("etcd: %v", err)
		}
	}
	e.leader = leader
}
