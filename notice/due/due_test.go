package due

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestEachNoticeOnce follows tokens to their end, with two nodes of which one is replaced
// now and then.
func TestEachNoticeOnce(t *testing.T) {
	w := newWorld(t)
	a, b := w.node(), w.node()
	w.turns(time.Hour, time.Hour, a, b)
	w.token("long", 90*day)
	w.token("never", 0)
	w.token("short", 5*day)
	w.token("month", 30*day)
	revoked := w.token("revoked", 20*day)
	disabled := w.token("disabled", 20*day)
	w.turns(3*day, 6*time.Hour, a, b)
	w.apply(storagetest.Update(revoked, func(r *token.Record) { r.Status = token.StatusRevoked }))
	w.apply(storagetest.Update(disabled, func(r *token.Record) { r.Status = token.StatusDisabled }))
	w.want()
	w.turns(time.Hour, time.Hour, a)
	if w.counts[30*day] != 2 || w.counts[7*day] != 1 || w.counts[day] != 0 {
		t.Errorf("counts: %v", w.counts)
	}
	w.turns(2*day, 6*time.Hour, a, b)
	w.want("short 1d")
	w.turns(10*day, 6*time.Hour, b, w.node()) // a is replaced
	w.want()
	w.turns(15*day, 6*time.Hour, w.node(), b)
	w.want("month 14d", "month 7d", "month 1d")
	w.turns(30*day, 6*time.Hour, w.node(), w.node())
	w.want("long 30d")
	w.turns(35*day, 6*time.Hour, w.node(), w.node())
	w.want("long 14d", "long 7d", "long 1d")
}

// TestNoticeSaysWhatHappens checks the content of a notice.
func TestNoticeSaysWhatHappens(t *testing.T) {
	w := newWorld(t)
	w.options = func(o *Options) { o.PublicURL = "https://jira.example.com" }
	node := w.node()
	w.turns(time.Minute, time.Minute, node)
	r := w.token("BI", 8*day)
	w.apply(storagetest.Update(r, func(r *token.Record) { r.Responsible = "bob" }))
	w.turns(day, day, node)
	if len(w.told) != 1 {
		t.Fatalf("published: %+v", w.told)
	}
	n := w.told[0]
	for key, want := range map[string]string{
		"token_id": r.ID, "owner": "anna", "name": "BI", "scope": "read", "responsible": "bob", "within": "7d",
		"expires_at": r.ExpiresAt.Format(time.RFC3339), "public_url": "https://jira.example.com",
	} {
		if n.Data[key] != want {
			t.Errorf("%s is %v, want %s", key, n.Data[key], want)
		}
	}
	if n.Subject != "tokens/"+r.ID || !strings.Contains(n.Sentence, `"BI"`) || !strings.Contains(n.Sentence, "in 7 days") {
		t.Errorf("notice: %+v", n)
	}
}

// TestExtendedTokenStartsAnew checks that an extension makes all notices due again that
// have not come by then.
func TestExtendedTokenStartsAnew(t *testing.T) {
	w := newWorld(t)
	node := w.node()
	w.turns(time.Minute, time.Minute, node)
	r := w.token("a", 31*day)
	w.turns(20*day, day, node)
	w.want("a 30d", "a 14d")
	r = w.apply(storagetest.Update(r, func(r *token.Record) { r.ExpiresAt, r.ExpirySetAt = w.now().Add(30*day), w.now() }))
	w.turns(5*day, time.Hour, node)
	w.want() // it was known when it was extended
	r = w.apply(storagetest.Update(r, func(r *token.Record) { r.ExpiresAt, r.ExpirySetAt = w.now().Add(10*day), w.now() }))
	w.turns(3*day, 6*time.Hour, node)
	w.want("a 7d")
	w.apply(storagetest.Update(r, func(r *token.Record) { r.Name = "b" }))
	w.turns(8*day, 6*time.Hour, node)
	w.want("b 1d")
}

// TestClockJumps checks that nothing is lost, and nothing told twice, when the clock is
// wrong for a while.
func TestClockJumps(t *testing.T) {
	w := newWorld(t)
	node, other := w.node(), w.node()
	w.turns(time.Minute, time.Minute, node)
	w.token("month", 31*day)
	w.token("week", 10*day)
	w.turns(2*day, 6*time.Hour, node, other)
	w.want("month 30d")

	w.pass(22 * day) // forward: week has expired, and month is within 7 days
	w.turns(6*time.Hour, time.Hour, other, node)
	w.want("month 7d")
	w.pass(-22*day - 6*time.Hour)
	w.turns(9*day, 3*time.Hour, w.node(), other)
	w.want("week 7d", "week 1d")
	w.token("new", 40*day)
	w.turns(40*day, 6*time.Hour, node, other)
	w.want("month 14d", "month 1d", "new 30d", "new 14d", "new 7d", "new 1d")

	w.token("last", 35*day)
	w.turns(6*day, 6*time.Hour, node)
	w.want("last 30d")
	w.pass(-20 * day)
	w.turns(20*day, 6*time.Hour, node, other)
	w.want()
	w.turns(30*day, 6*time.Hour, node, other)
	w.want("last 14d", "last 7d", "last 1d")
}

// TestDownForWeeks checks that of the notices that came due while no gateway ran, only
// the most urgent is published.
func TestDownForWeeks(t *testing.T) {
	w := newWorld(t)
	w.turns(time.Minute, time.Minute, w.node())
	w.token("a", 31*day)
	w.token("b", 20*day)
	w.pass(25 * day)
	w.turns(time.Hour, time.Hour, w.node())
	w.want("a 7d")
}

// TestFirstScan checks that a gateway that is new to a store says once what is due.
func TestFirstScan(t *testing.T) {
	w := newWorld(t)
	w.token("month", 45*day)
	w.token("week", 20*day)
	w.pass(16 * day)
	w.turns(time.Hour, time.Hour, w.node(), w.node())
	w.want("month 30d", "week 7d")
}

// TestFailureInTheMiddle checks that a scan that fails goes on later, on another node too,
// without a notice being lost or told twice.
func TestFailureInTheMiddle(t *testing.T) {
	w := newWorld(t)
	w.turns(time.Minute, time.Minute, w.node())
	const n = 450 // more than two pages
	var want []string
	for i := range n {
		name := fmt.Sprint("t", i)
		w.token(name, 8*day)
		want = append(want, name+" 7d")
	}
	w.pass(2 * day)
	calls := 0
	w.failing = func(int) error {
		if calls++; calls == 250 {
			return errAway
		}
		return nil
	}
	if err := w.node().turn(t.Context()); err == nil {
		t.Fatal("the failure is not reported")
	}
	if published := len(w.told); published == 0 || published == n {
		t.Fatalf("%d notices before the failure", published)
	}
	w.turns(time.Hour, time.Hour, w.node(), w.node())
	w.want(want...)
}

// TestNodesAtOnce lets many nodes scan at the same moment.
func TestNodesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.turns(time.Minute, time.Minute, w.node())
	var want []string
	for i := range 60 {
		name := fmt.Sprint("t", i)
		w.token(name, 8*day)
		want = append(want, name+" 7d")
	}
	w.pass(2 * day)
	var running sync.WaitGroup
	for range 6 {
		node := w.node()
		running.Go(func() {
			if err := node.turn(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	w.turns(time.Hour, time.Hour, w.node())
	w.want(want...)
}

// TestHolderIsWaitedFor checks that a node that gives signs of life keeps its scan to
// itself, and that one that does not is replaced only after a while.
func TestHolderIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	node := w.node()
	if err := node.write(t.Context(), 0, progress{Holder: storage.Holder{Node: "another", Beat: 7}}); err != nil {
		t.Fatal(err)
	}
	w.token("a", 31*day)
	w.pass(2 * day)
	if err := node.turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want()
	var claim storage.Claim
	if claim.MayTake(storage.Holder{Node: "another", Beat: 7}, "me") || !claim.MayTake(storage.Holder{}, "me") || !claim.MayTake(storage.Holder{Node: "me", Beat: 9}, "me") {
		t.Error("a claim")
	}
}

// TestAccountsExpire checks notices about accounts.
func TestAccountsExpire(t *testing.T) {
	w := newWorld(t)
	node := w.node()
	w.turns(time.Minute, time.Minute, node)
	w.accounts = []Account{
		{ID: "bi", Name: "bi", Jira: "https://jira.example.com", ExpiresAt: w.now().Add(31 * day), Since: w.now()},
		{ID: "gone", Name: "gone", ExpiresAt: w.now().Add(-day), Since: w.now().Add(-9 * day)},
	}
	w.turns(20*day, 6*time.Hour, node, w.node())
	w.want("bi 30d", "bi 14d")
	w.accounts[0].ExpiresAt, w.accounts[0].Since = w.now().Add(10*day), w.now()
	w.turns(12*day, 6*time.Hour, node, w.node())
	w.want("bi 7d", "bi 1d")
}

// TestUnusedTokens checks which tokens are reported, and that each is once.
func TestUnusedTokens(t *testing.T) {
	w := newWorld(t)
	w.options = func(o *Options) { o.UnusedAfter = 9 * day }
	node := w.node()
	w.turns(2*time.Hour, time.Hour, node)
	w.token("never", 0)
	used := w.token("used", 0)
	revoked := w.token("revoked", 0)
	waits := w.token("waits", 0)
	w.apply(storagetest.Update(revoked, func(r *token.Record) { r.Status = token.StatusRevoked }))
	w.apply(storagetest.Update(waits, func(r *token.Record) { r.NotBefore = w.now().Add(5 * day) }))
	w.turns(3*day, 3*time.Hour, node)
	w.token("young", 0)
	w.use(used)
	w.turns(141*time.Hour, 3*time.Hour, node, w.node())
	w.want()
	w.turns(6*time.Hour, 3*time.Hour, node, w.node())
	w.want("never unused")
	w.turns(66*time.Hour, 3*time.Hour, node)
	w.want()
	w.turns(6*time.Hour, 3*time.Hour, node)
	w.want("used unused", "young unused")
	w.use(used)
	w.turns(9*day+6*time.Hour, 3*time.Hour, w.node(), node)
	w.want("used unused", "waits unused")
	if r, err := w.store.Get(t.Context(), used.ID); err != nil || r.Status != token.StatusActive {
		t.Errorf("it was disabled: %+v, %v", r, err)
	}
}

// TestDisableUnused checks that unused tokens are disabled with the reason, that one which
// somebody enables again is left alone, and that a clock that jumps does no harm.
func TestDisableUnused(t *testing.T) {
	w := newWorld(t)
	w.options = func(o *Options) { o.UnusedAfter, o.DisableUnused = 9*day, true }
	node := w.node()
	w.turns(2*time.Hour, time.Hour, node)
	r := w.token("a", 0)
	busy := w.token("busy", 0)

	w.pass(365 * day) // for a moment, the clock is wrong
	w.turns(30*time.Minute, 30*time.Minute, node)
	w.pass(-365*day - 30*time.Minute)
	w.turns(2*time.Hour, time.Hour, node)
	w.want()

	for range 8 {
		w.use(busy)
		w.turns(29*time.Hour, 3*time.Hour, node)
	}
	w.want("a unused")
	r, err := w.store.Get(t.Context(), r.ID)
	if err != nil || r.Status != token.StatusDisabled || r.StatusReason != "unused for 9d" {
		t.Fatalf("after 9 days: %+v, %v", r, err)
	}
	r = w.apply(storagetest.Update(r, func(r *token.Record) { r.Status, r.StatusReason = token.StatusActive, "" }))
	w.turns(day, 3*time.Hour, node, w.node())
	if r, err = w.store.Get(t.Context(), r.ID); err != nil || r.Status != token.StatusActive {
		t.Errorf("it was disabled again: %+v, %v", r, err)
	}
	w.want()
	if r, err = w.store.Get(t.Context(), busy.ID); err != nil || r.Status != token.StatusActive {
		t.Errorf("a token in use: %+v, %v", r, err)
	}
}

// TestWords checks the texts for people.
func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{30*day - time.Minute: "in 30 days", 47 * time.Hour: "in 47 hours", 90 * time.Minute: "in 90 minutes", time.Minute: "in a moment"} {
		if got := in(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
	if len(notice.Types()) == 0 {
		t.Error("no types")
	}
}
