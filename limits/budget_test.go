package limits

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// exchanged returns the record of a token that an owner has got for a JWT.
func exchanged(id, issuer, owner string) *token.Record {
	return &token.Record{
		ID: id, Owner: owner, Issuer: issuer, Account: "default",
		Limit: token.Limit{Requests: 1, Period: time.Hour, Burst: 5}, LimitWrites: token.Limit{Requests: 1, Period: time.Hour, Burst: 3}, MaxConcurrent: 2,
	}
}

const ci = "https://issuer.example"

// TestAnotherJWTIsNoOtherBudget checks that tokens which an owner has got for JWTs of one
// issuer share their limits, on all nodes, and that those of other owners, issuers and
// limits do not.
func TestAnotherJWTIsNoOtherBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := new(sharedBuckets)
		nodes := []*Limits{node(t, shared, nil), node(t, shared, nil)}
		passed, writes := 0, 0
		for n := range 20 {
			l, r := nodes[n%2], exchanged(fmt.Sprint("job", n), ci, []string{"ci-site", "CI-Site"}[n/10])
			slot, exceeded := l.Acquire(t.Context(), r)
			if slot.Release(); exceeded == nil {
				passed++
			}
			if l.TakeWrite(t.Context(), r) == nil {
				writes++
			}
		}
		if passed != 5 || writes != 3 {
			t.Errorf("%d requests and %d changes of 20 JWTs passed, want 5 and 3", passed, writes)
		}
		for name, other := range map[string]*token.Record{
			"owner": exchanged("job", ci, "ci-other"), "issuer": exchanged("job", "https://other.example", "ci-site"),
			"created": {ID: "job0", Owner: "ci-site", Limit: exchanged("", "", "").Limit, LimitWrites: exchanged("", "", "").LimitWrites},
		} {
			slot, exceeded := nodes[0].Acquire(t.Context(), other)
			if slot.Release(); exceeded != nil || nodes[0].TakeWrite(t.Context(), other) != nil {
				t.Errorf("%s: %+v", name, exceeded)
			}
		}
	})
}

// TestJWTsInFlight checks the limit on requests in flight, and what is left of limits.
func TestJWTsInFlight(t *testing.T) {
	l := node(t, nil, nil)
	var slots []Slot
	for n := range 2 {
		slot, exceeded := l.Acquire(context.Background(), exchanged(fmt.Sprint("job", n), ci, "ci-site"))
		if exceeded != nil {
			t.Fatalf("%+v", exceeded)
		}
		slots = append(slots, slot)
	}
	another := exchanged("another", ci, "ci-site")
	if _, exceeded := l.Acquire(t.Context(), another); exceeded == nil || exceeded.Bound != TokenConcurrency {
		t.Errorf("got %+v", exceeded)
	}
	l.TakeWrite(t.Context(), exchanged("job", ci, "ci-site"))
	if l.InFlight(another) != 2 || l.Left(another) != 3 || l.WritesLeft(another) != 2 {
		t.Errorf("%d in flight, %d requests and %d changes left", l.InFlight(another), l.Left(another), l.WritesLeft(another))
	}
	for _, slot := range slots {
		slot.Release()
	}
	if n := l.InFlight(another); n != 0 {
		t.Errorf("%d in flight at the end", n)
	}
}
