package main

import (
	"context"
	"math/rand"
	"time"
)

// Elections: who leads, and who finds that it is no longer wanted.

// ballot asks for a vote.
type ballot struct {
	Term      int    `json:"term"`
	Candidate string `json:"candidate"`
	LastTerm  int    `json:"lastTerm"`
	LastIndex int    `json:"lastIndex"`
}

type verdict struct {
	Term    int  `json:"term"`
	Granted bool `json:"granted"`
	Removed bool `json:"removed"`
}

// run keeps a member alive: it beats as leader, and stands for election where no leader is heard.
func (e *etcdNode) run(ctx context.Context) {
	patience := electionAfter
	e.mu.Lock()
	e.heard = time.Now()
	if len(e.state.Members) == 1 {
		patience = 0 // nobody else to hear from
	}
	e.mu.Unlock()
	for ctx.Err() == nil {
		time.Sleep(leaderBeat / 3)
		e.mu.Lock()
		if e.gone {
			e.mu.Unlock()
			return
		}
		leading, silence := e.leader == e.hard.Self, time.Since(e.heard)
		self := e.find(e.hard.Self)
		mayStand := self != nil && !self.Learner
		e.mu.Unlock()
		switch {
		case leading:
			e.beat()
			time.Sleep(leaderBeat * 2 / 3)
		case mayStand && silence > patience:
			e.stand()
			patience = electionAfter + time.Duration(rand.Int63n(int64(electionAfter)))
		}
	}
}

func (e *etcdNode) beat() {
	e.mu.Lock()
	message := entry{Term: e.hard.Term, Leader: e.hard.Self, PrevTerm: e.state.Term, PrevIndex: e.state.Index}
	members := append([]member{}, e.state.Members...)
	e.mu.Unlock()
	for _, one := range members {
		if one.ID != message.Leader {
			go e.sendTo(one, message)
		}
	}
}

// stand asks all voters for their votes; a majority makes this member the leader of a new term.
func (e *etcdNode) stand() {
	e.mu.Lock()
	e.leader = ""
	e.hard.Term++
	e.hard.Vote = e.hard.Self
	e.heard = time.Now() // of this attempt: the next one waits as long
	if err := e.saveHard(); err != nil {
		fatal("etcd: %v", err)
	}
	asked := ballot{Term: e.hard.Term, Candidate: e.hard.Self, LastTerm: e.state.Term, LastIndex: e.state.Index}
	all := voters(e.state.Members)
	e.mu.Unlock()
	answers := make(chan verdict, len(all))
	for _, one := range all {
		if one.ID == asked.Candidate {
			answers <- verdict{Term: asked.Term, Granted: true}
			continue
		}
		go func(to member) { answers <- e.peers.vote(to, asked) }(one)
	}
	granted := 0
	for open := len(all); open > 0 && !isMajority(granted, len(all)); open-- {
		switch answer := <-answers; {
		case answer.Removed:
			e.bury()
			return
		case answer.Term > asked.Term:
			e.mu.Lock()
			e.follow("", answer.Term)
			e.mu.Unlock()
			return
		case answer.Granted:
			granted++
		}
	}
	if !isMajority(granted, len(all)) {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.hard.Term != asked.Term {
		return
	}
	e.leader = e.hard.Self
	e.acked, e.matched = map[string]time.Time{}, map[string]int{}
	for _, one := range all { // a new leader has just been voted for
		e.acked[one.ID] = time.Now()
	}
	logInfo("etcd: %s became leader at term %d", e.name, e.hard.Term)
}

// vote is a member's side of stand. Whoever hears a leader, or knows more, does not grant.
func (e *etcdNode) vote(asked ballot) verdict {
	e.mu.Lock()
	defer e.mu.Unlock()
	if contains(e.state.Removed, asked.Candidate) {
		return verdict{Term: e.hard.Term, Removed: true}
	}
	if e.leader == e.hard.Self && e.hasQuorum(time.Now()) || e.leader != "" && time.Since(e.heard) < electionAfter {
		return verdict{Term: asked.Term}
	}
	if asked.Term > e.hard.Term {
		e.follow("", asked.Term)
	}
	behind := asked.LastTerm < e.state.Term || asked.LastTerm == e.state.Term && asked.LastIndex < e.state.Index
	if asked.Term < e.hard.Term || behind || e.hard.Vote != "" && e.hard.Vote != asked.Candidate {
		return verdict{Term: e.hard.Term}
	}
	e.hard.Vote = asked.Candidate
	e.heard = time.Now()
	if err := e.saveHard(); err != nil {
		fatal("etcd: %v", err)
	}
	return verdict{Term: e.hard.Term, Granted: true}
}
