package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// wires connects members without a network; a member that is down neither hears nor says anything.
type wires struct {
	mu    sync.Mutex
	nodes map[string]*etcdNode
	down  map[string]bool
}

type wire struct {
	all  *wires
	from string
}

var errCut = errors.New("connection refused")

func (w wire) to(address string) (*etcdNode, error) {
	w.all.mu.Lock()
	defer w.all.mu.Unlock()
	node := w.all.nodes[address]
	if node == nil || w.all.down[address] || w.all.down[w.from] {
		return nil, errCut
	}
	return node, nil
}

func (w wire) append(to member, message entry) (ack, error) {
	node, err := w.to(to.Address)
	if err != nil {
		return ack{}, err
	}
	return node.receive(copied(message))
}

func (w wire) vote(to member, asked ballot) verdict {
	node, err := w.to(to.Address)
	if err != nil {
		return verdict{}
	}
	return node.vote(asked)
}

func (w wire) txn(to member, ops []op) (int, error) {
	node, err := w.to(to.Address)
	if err != nil {
		return 0, errNoQuorum
	}
	return node.lead(ops, nil)
}

func (w wire) add(address, newcomer string) ([]member, error) {
	node, err := w.to(address)
	if err != nil {
		return nil, err
	}
	return node.addLearner(newcomer)
}

func (w wire) remove(leader member, id string) error {
	node, err := w.to(leader.Address)
	if err != nil {
		return err
	}
	return node.removeMember(id)
}

// copied is what a network does to a value: nobody shares memory.
func copied(message entry) entry {
	var out entry
	if err := convert(object{"entry": message}, &struct {
		Entry *entry `json:"entry"`
	}{&out}); err != nil {
		panic(err)
	}
	return out
}

type cluster struct {
	t     *testing.T
	wires *wires
	ctx   context.Context
	dir   string
}

func newCluster(t *testing.T) *cluster {
	dir := t.TempDir() // before the members are ended, since what is registered last is cleaned up first
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(func() { stop(); time.Sleep(leaderBeat) })
	c := &cluster{t, &wires{nodes: map[string]*etcdNode{}, down: map[string]bool{}}, ctx, dir}
	first := member{ID: "id-1", Name: "server-1-aa", Address: "1"}
	c.start("1", "id-1", etcdState{Members: []member{first}, Objects: map[string]object{}})
	c.leader("1")
	return c
}

func (c *cluster) start(address, id string, state etcdState) *etcdNode {
	node, err := createEtcd(filepath.Join(c.dir, address), "server-"+address+"-aa", id, state)
	if err != nil {
		c.t.Fatal(err)
	}
	c.run(address, node)
	return node
}

func (c *cluster) run(address string, node *etcdNode) {
	node.peers = wire{c.wires, address}
	c.wires.mu.Lock()
	c.wires.nodes[address] = node
	c.wires.mu.Unlock()
	go node.run(c.ctx)
}

func (c *cluster) cut(addresses ...string) {
	c.wires.mu.Lock()
	defer c.wires.mu.Unlock()
	c.wires.down = map[string]bool{}
	for _, address := range addresses {
		c.wires.down[address] = true
	}
}

// leader waits until one of the members leads.
func (c *cluster) leader(addresses ...string) *etcdNode {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, address := range addresses {
			if node := c.wires.nodes[address]; node != nil && node.leads() {
				return node
			}
		}
	}
	c.t.Fatalf("none of %v leads", addresses)
	return nil
}

func (c *cluster) eventually(what string, holds func() bool) {
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	c.t.Fatal(what)
}

// join makes a learner and promotes it when it has everything.
func (c *cluster) join(leader *etcdNode, address string) *etcdNode {
	members, err := leader.addLearner(address)
	if err != nil {
		c.t.Fatal(err)
	}
	id := members[len(members)-1].ID
	node := c.start(address, id, etcdState{Members: members, Objects: map[string]object{}})
	c.eventually("the learner got no data", func() bool {
		leader.mu.Lock()
		defer leader.mu.Unlock()
		one := leader.find(id)
		return leader.matched[id] == leader.state.Index && one.Name != ""
	})
	if err := leader.changeMember(id, func(m *member) error { m.Learner = false; return nil }); err != nil {
		c.t.Fatal(err)
	}
	c.eventually("the new voter does not work", func() bool { return node.healthy() == nil })
	return node
}

func put(node *etcdNode, key, value string) error {
	expect := ""
	node.view(func(objects map[string]object) { expect = strAt(objects[key], "metadata", "resourceVersion") })
	return node.propose([]op{{Key: key, Value: object{"value": value}, Expect: expect}}, true)
}

func valueAt(node *etcdNode, key string) (value string) {
	node.view(func(objects map[string]object) { value = strAt(objects[key], "value") })
	return value
}

func TestOnlyOneLearnerAtOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first := c.leader("1")
	if _, err := first.addLearner("2"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.addLearner("3"); !errors.Is(err, errTooManyLearners) {
		t.Errorf("a second learner: %v", err)
	}
	if first.healthy() != nil || put(first, "a", "1") != nil {
		t.Error("a learner that never came cost the quorum")
	}
}

func TestALearnerMayNotServe(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	members, err := c.leader("1").addLearner("2")
	if err != nil {
		t.Fatal(err)
	}
	node := c.start("2", members[1].ID, etcdState{Members: members, Objects: map[string]object{}})
	c.eventually("the learner never heard its leader", func() bool {
		node.mu.Lock()
		defer node.mu.Unlock()
		return node.leader != ""
	})
	if node.healthy() == nil || put(node, "a", "1") == nil {
		t.Error("a learner serves")
	}
}

func TestWritesSurviveTheLeader(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first := c.leader("1")
	second := c.join(first, "2")
	c.join(first, "3")
	for i := 0; i < 20; i++ {
		if err := put(second, fmt.Sprint(i), "kept"); err != nil {
			t.Fatal(err)
		}
	}
	c.cut("1")
	next := c.leader("2", "3")
	for i := 0; i < 20; i++ {
		if valueAt(next, fmt.Sprint(i)) != "kept" {
			t.Errorf("%d is lost", i)
		}
	}
	if err := put(next, "after", "kept"); err != nil {
		t.Error(err)
	}
	if put(first, "lost", "x") == nil {
		t.Error("a leader without a quorum accepted a write")
	}
	c.cut()
	c.eventually("the former leader did not catch up", func() bool { return valueAt(first, "after") == "kept" })
	if valueAt(first, "lost") != "" {
		t.Error("what was never agreed on is there")
	}
}

func TestNoQuorumNoService(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first := c.leader("1")
	second := c.join(first, "2")
	c.cut("2")
	c.eventually("one of two serves alone", func() bool { return first.healthy() != nil && second.healthy() != nil })
	if put(first, "a", "1") == nil || put(second, "a", "1") == nil {
		t.Error("a write without quorum")
	}
	c.cut()
	c.eventually("it did not come back", func() bool { return first.healthy() == nil && second.healthy() == nil })
}

func TestMembersChangeOnlyWhileAllIsWell(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first := c.leader("1")
	c.join(first, "2")
	c.join(first, "3")
	c.cut("3")
	leader := c.leader("1", "2")
	c.eventually("nobody noticed", func() bool {
		leader.mu.Lock()
		defer leader.mu.Unlock()
		return leader.connectedVoters(time.Now()) == 2
	})
	if _, err := leader.addLearner("4"); !errors.Is(err, errUnhealthyCluster) {
		t.Errorf("a learner while a voter is down: %v", err)
	}
	idOf := func(address string) string {
		for _, one := range leader.state.Members {
			if one.Address == address {
				return one.ID
			}
		}
		return ""
	}
	other := map[string]string{"id-1": "2"}[leader.hard.Self]
	if other == "" {
		other = "1"
	}
	if err := leader.removeMember(idOf(other)); !errors.Is(err, errNotEnoughStarted) {
		t.Errorf("removing one of two that are there: %v", err)
	}
	if err := leader.removeMember(idOf("3")); err != nil {
		t.Errorf("removing the one that is away: %v", err)
	}
	c.cut()
	third := c.wires.nodes["3"]
	c.eventually("the removed member does not know", func() bool { return fileExists(filepath.Join(third.dir, "tombstone")) })
	if put(leader, "a", "1") != nil {
		t.Error("a removed member stops the rest")
	}
}

func TestAMemberStartsAgainFromItsDisk(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first := c.leader("1")
	c.join(first, "2")
	c.join(first, "3")
	if err := put(first, "a", "old"); err != nil {
		t.Fatal(err)
	}
	c.cut("3")
	if err := put(c.leader("1", "2"), "a", "new"); err != nil {
		t.Fatal(err)
	}
	again, err := openEtcd(filepath.Join(c.dir, "3"), "server-3-aa")
	if err != nil {
		t.Fatal(err)
	}
	former := c.wires.nodes["3"]
	former.mu.Lock()
	former.gone = true // as a process that has ended
	former.mu.Unlock()
	c.run("3", again)
	c.cut()
	c.eventually("it did not catch up", func() bool { return again.healthy() == nil && valueAt(again, "a") == "new" })
}

func TestTwoServersDoNotOverwriteEachOther(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first := c.leader("1")
	second := c.join(first, "2")
	store := map[string]*Store{"1": {first}, "2": {second}}
	if _, err := store["1"].Create(mustKind("namespaces"), "", object{"metadata": object{"name": "n"}}); err != nil {
		t.Fatal(err)
	}
	var done sync.WaitGroup
	for name := range store {
		done.Add(1)
		go func(name string) {
			defer done.Done()
			for i := 0; i < 10; i++ {
				label := fmt.Sprintf("%s-%d", name, i)
				_, err := store[name].Update(mustKind("namespaces"), "", "n", true, func(old object) (object, error) {
					setAt(old, "x", "metadata", "labels", label)
					return old, nil
				})
				if err != nil {
					t.Errorf("%s: %v", label, err)
				}
			}
		}(name)
	}
	done.Wait()
	found, err := store["2"].Get(mustKind("namespaces"), "", "n")
	if err != nil || len(objAt(found, "metadata", "labels")) != 20 {
		t.Errorf("%v: %d labels of 20", err, len(objAt(found, "metadata", "labels")))
	}
}
