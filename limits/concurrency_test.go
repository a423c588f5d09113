package limits

import (
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestConcurrency(t *testing.T) {
	l := node(t, nil, nil)
	l.MaxConcurrent = 2
	l.Accounts = map[string]token.Concurrency{"default": 4}
	enter := func(id string, want Bound) Slot {
		t.Helper()
		slot, exceeded := l.Acquire(t.Context(), &token.Record{ID: id, Account: "default"})
		got := Bound(0)
		if exceeded != nil {
			got = exceeded.Bound
		}
		if got != want {
			t.Fatalf("%s: exceeds %d, want %d", id, got, want)
		}
		return slot
	}
	a1, a2 := enter("a", 0), enter("a", 0)
	enter("a", TokenConcurrency).Release() // the zero Slot: must free nothing
	enter("a", TokenConcurrency)
	b1, c1 := enter("b", 0), enter("c", 0)
	enter("d", AccountConcurrency)
	a1.Release()
	enter("a", 0).Release()
	for _, slot := range []Slot{a2, b1, c1} {
		slot.Release()
	}
	if n := len(l.tokens.inFlight) + len(l.accounts.inFlight); n != 0 {
		t.Errorf("%d counters left after all requests ended", n)
	}
	enter("d", 0)
}

// TestOffIsNoBound checks that off overrides the configuration's limit, and that a token
// without a limit gets the configuration's.
func TestOffIsNoBound(t *testing.T) {
	l := node(t, nil, nil)
	for _, test := range []struct {
		configured, own token.Concurrency
		want            int
	}{
		{0, 0, 0}, {token.Unbounded, 0, 0}, {2, 0, 2},
		{2, token.Unbounded, 0}, {2, 5, 5}, {token.Unbounded, 5, 5},
	} {
		l.MaxConcurrent = test.configured
		if got := l.ConcurrencyOf(&token.Record{MaxConcurrent: test.own}); got != test.want {
			t.Errorf("configured %q, own %q: %d, want %d", test.configured, test.own, got, test.want)
		}
	}
	l.Accounts = map[string]token.Concurrency{"default": token.Unbounded}
	if _, exceeded := l.Acquire(t.Context(), &token.Record{ID: "a", Account: "default"}); exceeded != nil {
		t.Errorf("an account without a bound: %+v", exceeded)
	}
}

// TestRefusedByRateHoldsNoPlace checks that a request which exceeds the rate limit does
// not count as in flight.
func TestRefusedByRateHoldsNoPlace(t *testing.T) {
	l := node(t, nil, nil)
	l.MaxConcurrent = 1
	r := record("1/h")
	slot, _ := l.Acquire(t.Context(), r)
	slot.Release()
	for range 3 {
		if _, exceeded := l.Acquire(t.Context(), r); exceeded == nil || exceeded.Bound != TokenRate {
			t.Fatalf("%+v", exceeded)
		}
	}
}
