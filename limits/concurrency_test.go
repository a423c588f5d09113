package limits

import (
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestConcurrency(t *testing.T) {
	l := node(t, nil, nil)
	l.MaxConcurrent = 2
	l.Accounts = map[string]int{"default": 4}
	enter := func(id string, want What) Use {
		t.Helper()
		use, excess := l.Begin(t.Context(), &token.Record{ID: id, Account: "default"})
		got := What("")
		if excess != nil {
			got = excess.What
		}
		if got != want {
			t.Fatalf("%s: exceeds %q, want %q", id, got, want)
		}
		return use
	}
	a1, a2 := enter("a", ""), enter("a", "")
	enter("a", TokenConcurrency).End() // of nothing: must free nothing
	enter("a", TokenConcurrency)
	b1, c1 := enter("b", ""), enter("c", "")
	enter("d", AccountConcurrency)
	a1.End()
	enter("a", "").End()
	for _, use := range []Use{a2, b1, c1} {
		use.End()
	}
	if n := len(l.tokens.underWay) + len(l.accounts.underWay); n != 0 {
		t.Errorf("%d counters are left after all ended", n)
	}
	enter("d", "")
}

// TestRefusedByRateHoldsNoPlace: a request that its rate forbids is not under
// way.
func TestRefusedByRateHoldsNoPlace(t *testing.T) {
	l := node(t, nil, nil)
	l.MaxConcurrent = 1
	r := record("1/h")
	use, _ := l.Begin(t.Context(), r)
	use.End()
	for range 3 {
		if _, excess := l.Begin(t.Context(), r); excess == nil || excess.What != TokenRate {
			t.Fatalf("%+v", excess)
		}
	}
}
