package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Membership, as etcd guards it and K3s's controllers manage it (pkg/etcd/etcd.go, member_controller.go).

const (
	promotionCheck  = 3 * time.Second // K3s: 15 s
	learnerPatience = 5 * time.Minute // K3s: a learner without progress is taken out after that time
	etcdVoter       = "EtcdIsVoter"
)

var (
	errTooManyLearners  = errors.New("etcdserver: too many learner members in cluster")
	errUnhealthyCluster = errors.New("etcdserver: unhealthy cluster")
	errNotEnoughStarted = errors.New("etcdserver: re-configuration failed due to not enough started members")
)

// nodeOfMember is the node's name in a member's (NODE-HASH).
func nodeOfMember(name string) string {
	if at := strings.LastIndex(name, "-"); at > 1 {
		return name[:at]
	}
	return name
}

// addLearner takes a new member in, as a learner: the second at a time is refused, and so is any while a voter is down.
func (e *etcdNode) addLearner(address string) ([]member, error) {
	var after []member
	_, err := e.lead(nil, func(message *entry, members []member) error {
		for _, one := range members {
			if one.Address == address {
				return errors.New("etcdserver: Peer URLs already exists")
			}
			if one.Learner {
				return errTooManyLearners
			}
		}
		if e.connectedVoters(time.Now()) < len(voters(members)) {
			return errUnhealthyCluster
		}
		message.Members = append(members, member{ID: randomHex(8), Address: address, Learner: true})
		after = message.Members
		return nil
	})
	if err == nil {
		logInfo("etcd: added member %s as learner", address)
	}
	return after, err
}

// changeMember applies a change to one member of the list.
func (e *etcdNode) changeMember(id string, change func(*member) error) error {
	_, err := e.lead(nil, func(message *entry, members []member) error {
		for i := range members {
			if members[i].ID == id {
				message.Members = members
				return change(&members[i])
			}
		}
		return errors.New("etcdserver: member not found")
	})
	return err
}

func (e *etcdNode) publishName(id, name string) {
	_ = e.changeMember(id, func(one *member) error { one.Name = name; return nil })
}

// removeMember takes a member out, unless too few of those that stay are there to agree on anything.
func (e *etcdNode) removeMember(id string) error {
	var self bool
	_, err := e.lead(nil, func(message *entry, members []member) error {
		left := []member{}
		for _, one := range members {
			if one.ID != id {
				left = append(left, one)
			}
		}
		if len(left) == len(members) {
			return errors.New("etcdserver: member not found")
		}
		connected, now := 0, time.Now()
		for _, one := range voters(left) {
			if one.ID == e.hard.Self || now.Sub(e.acked[one.ID]) < 2*electionAfter {
				connected++
			}
		}
		if !isMajority(connected, len(voters(left))) {
			return errNotEnoughStarted
		}
		message.Members, message.Removed = left, id
		self = id == e.hard.Self
		return nil
	})
	if err == nil && self {
		e.bury()
	}
	return err
}

// bury makes this member one that has been removed: it stops, and its next start finds the stone.
func (e *etcdNode) bury() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return
	}
	e.gone, e.leader = true, ""
	if err := os.WriteFile(filepath.Join(e.dir, "tombstone"), nil, 0o600); err != nil {
		fatal("failed to write tombstone file: %v", err)
	}
	logInfo("this node has been removed from the cluster please restart k3s to rejoin the cluster")
}

// manageMembers promotes learners that have caught up, takes out those that do not, and tells the nodes what they are.
// Only the leader does.
func (s *server) manageMembers(ctx context.Context) {
	progress := map[string]time.Time{}
	for ctx.Err() == nil {
		time.Sleep(promotionCheck)
		if !s.etcd.leads() {
			continue
		}
		s.etcd.mu.Lock()
		index, members := s.etcd.state.Index, append([]member{}, s.etcd.state.Members...)
		caught, well := map[string]bool{}, map[string]bool{}
		for _, one := range members {
			caught[one.ID] = s.etcd.matched[one.ID] >= index-1 && time.Since(s.etcd.acked[one.ID]) < electionAfter
			well[one.ID] = one.ID == s.etcd.hard.Self || time.Since(s.etcd.acked[one.ID]) < 2*electionAfter
		}
		s.etcd.mu.Unlock()
		for i, one := range members {
			if one.Learner {
				members[i].Learner = !s.promoteOrDrop(one, caught[one.ID], progress)
			}
		}
		s.tellVoters(members, well)
	}
}

// promoteOrDrop says whether a learner is a voter now.
func (s *server) promoteOrDrop(one member, caught bool, progress map[string]time.Time) bool {
	if _, known := progress[one.ID]; !known {
		progress[one.ID] = time.Now()
		return false // a learner is seen as one at least once
	}
	if caught && one.Name != "" {
		err := s.etcd.changeMember(one.ID, func(m *member) error { m.Learner = false; return nil })
		if err == nil {
			logInfo("etcd: promoted learner %s", one.Name)
		}
		return err == nil
	}
	if time.Since(progress[one.ID]) > learnerPatience {
		logWarn("etcd: removing learner %s from the cluster: it made no progress", one.Name)
		_ = s.etcd.removeMember(one.ID)
	}
	return false
}

// tellVoters keeps the condition that an installer waits for.
func (s *server) tellVoters(members []member, well map[string]bool) {
	for _, one := range members {
		status, reason, message := "True", "MemberNotLearner", "Node is a voting member of the etcd cluster"
		if one.Learner {
			status, reason = "False", "MemberIsLearner"
			message = "Node has not been promoted to voting member of the etcd cluster"
		}
		if !well[one.ID] {
			status, reason, message = "False", "Unhealthy", "failed to check etcd member status: context deadline exceeded"
		}
		_, err := s.store.Update(mustKind("nodes"), "", nodeOfMember(one.Name), true, func(node object) (object, error) {
			conditions := listAt(node, "status", "conditions")
			for _, condition := range objects(conditions) {
				if condition["type"] == etcdVoter {
					if condition["status"] != status {
						condition["lastTransitionTime"] = timestamp(time.Now())
					}
					condition["status"], condition["reason"], condition["message"] = status, reason, message
					return node, nil
				}
			}
			now := timestamp(time.Now())
			setAt(node, append(conditions, object{"type": etcdVoter, "status": status, "reason": reason,
				"message": message, "lastHeartbeatTime": now, "lastTransitionTime": now}), "status", "conditions")
			return node, nil
		})
		if err != nil && !isNotFound(err) {
			logError("Failed to set etcd status condition of %s: %v", one.Name, err)
		}
	}
}

// forgetMember is what goes before the deletion of a server's Node: its member goes, or the Node stays.
func (s *server) forgetMember(node string) error {
	if s.etcd == nil {
		return nil
	}
	s.etcd.mu.Lock()
	id := ""
	for _, one := range s.etcd.state.Members {
		if one.Name != "" && nodeOfMember(one.Name) == node {
			id = one.ID
		}
	}
	leader := s.etcd.find(s.etcd.leader)
	self := s.etcd.hard.Self
	s.etcd.mu.Unlock()
	if id == "" {
		return nil
	}
	if leader == nil {
		return errNoLeader
	}
	logInfo("Removing etcd member %s of node %s from cluster", id, node)
	var err error
	if leader.ID == self {
		err = s.etcd.removeMember(id)
	} else {
		err = s.etcd.peers.remove(*leader, id)
	}
	if err != nil {
		return fmt.Errorf("failed to remove etcd member of node %s: %w", node, err)
	}
	return nil
}
