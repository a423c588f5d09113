package redisstore

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// TestLossIsSaid restarts a store empty, then from an older snapshot, and then with
// changes by other nodes before this node is back. The node knows of its own changes
// and of those that were announced, and must report each loss.
func TestLossIsSaid(t *testing.T) {
	server := redistest.Start(t)
	logger, messages := logged()
	here := open(t, &Store{URL: server.URL()}, logger)
	there := open(t, &Store{URL: server.URL()}, zap.NewNop())
	heard, _ := storagetest.Watch(t, here)
	heard.Want(t, "restored") // with an empty store
	n := 0
	change := func(s storage.Store) {
		t.Helper()
		n++
		r := storagetest.NewRecord(n, "anna", "a")
		redistest.Eventually(t, "a change", func() error { return s.Apply(t.Context(), storagetest.Create(r)) })
		heard.Want(t, r.ID)
	}
	restart := func(more ...string) {
		t.Helper()
		server.Restart(more...)
		heard.Want(t, "lost")
		heard.Want(t, "restored")
	}
	change(here)
	restart()
	wantLoss(t, messages, 1)
	restart() // empty again, so nothing more is lost
	wantLoss(t, messages, 1)

	change(there)
	server.Do("save")
	change(there)
	restart()
	wantLoss(t, messages, 2)
	restart() // with all of its data
	wantLoss(t, messages, 2)

	// Another node is back before this one.
	change(here)
	server.Kill()
	heard.Want(t, "lost")
	server.Restart()
	server.Do("xadd", "{jira_tokens}:events", "*", "e", "{}")
	heard.Want(t, "restored")
	wantLoss(t, messages, 3)
	change(here)
	server.Do("client", "kill", "type", "pubsub")
	heard.Want(t, "lost")
	heard.Want(t, "restored")
	wantLoss(t, messages, 3)
}

// TestLossBeforeOwnChange checks that a change which this node makes after the store
// went back, but before its subscription is back, does not hide the loss.
func TestLossBeforeOwnChange(t *testing.T) {
	server := redistest.Start(t)
	logger, messages := logged()
	s := open(t, &Store{URL: server.URL()}, logger)
	n := 0
	change := func() {
		t.Helper()
		n++
		r := storagetest.NewRecord(n, "anna", "a")
		redistest.Eventually(t, "a change", func() error { return s.Apply(t.Context(), storagetest.Create(r)) })
	}
	watch := func() {
		t.Helper()
		heard, stop := storagetest.Watch(t, s)
		heard.Want(t, "restored")
		stop()
	}
	watch()
	change()
	watch()
	wantLoss(t, messages, 0)
	server.Restart() // without data
	change()
	watch()
	wantLoss(t, messages, 1)

	// A change that was made but never announced is missed too, whatever came after
	// it.
	change()
	server.Restart()
	change()
	watch()
	wantLoss(t, messages, 2)
	change()
	if err := s.AddEvents(t.Context(), storage.Event{Action: "account_refused", Name: "default"}); err != nil {
		t.Fatal(err)
	}
	watch()
	wantLoss(t, messages, 2)
}

// TestLossIsNotKnown checks that a user without the permission to read back events is
// still notified of changes.
func TestLossIsNotKnown(t *testing.T) {
	server := redistest.Start(t)
	server.Do("acl", "setuser", "gateway", "on", ">"+secret, "~*", "&*", "+@all", "-xrevrange")
	logger, messages := logged()
	s := open(t, &Store{Address: []string{server.Addr}, Username: "gateway", Password: secret}, logger)
	heard, _ := storagetest.Watch(t, s)
	heard.Want(t, "restored")
	r := storagetest.NewRecord(1, "anna", "a")
	if err := s.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	heard.Want(t, r.ID)
	server.Do("flushall")
	server.Do("client", "kill", "type", "pubsub")
	heard.Want(t, "lost")
	heard.Want(t, "restored")
	if got := messages(); len(got) != 0 {
		t.Errorf("logged %q", got)
	}
}

// TestChangeToldByAnOlderNode checks notifications from nodes that do not send the
// event.
func TestChangeToldByAnOlderNode(t *testing.T) {
	server := redistest.Start(t)
	heard, _ := storagetest.Watch(t, open(t, &Store{URL: server.URL()}, nil))
	heard.Want(t, "restored")
	server.Do("publish", "{jira_tokens}:changes", "0123456789")
	heard.Want(t, "0123456789")
}

// TestEventIsWrittenOnce sends one event twice.
func TestEventIsWrittenOnce(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil).(*store)
	var ids [2]string
	for i := range ids {
		var err error
		ids[i], err = s.write(t.Context(), "write", s.addEvents, s.addEventsKeys("x"), []any{time.Minute.Milliseconds(), s.channel, "{}", 1, "e!"})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Do("xlen", s.events); n != int64(1) || ids[0] != ids[1] || !strings.Contains(ids[0], "-") {
		t.Errorf("%d events, ids %q", n, ids)
	}
}
