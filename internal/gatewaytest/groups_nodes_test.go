package gatewaytest

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// asker asks Jira for groups in the second of two gateways, so that the requests of the
// two can be told apart.
const asker = "asker"

// twoAskers returns two gateways on one Redis that both could ask a Jira for groups.
func twoAskers(t *testing.T, interval string) (a, b *gateway, jira *fakejira.Server) {
	t.Helper()
	redis := redistest.Start(t)
	accounts := append(takesAccount(), fakejira.Account{User: asker, Secret: "s3cret-of-asker"})
	groups := strings.ReplaceAll(groupsFromJira, "interval 1s", "interval "+interval)
	a, jira = withJira(t, fakejira.Options{Dress: fakejira.DataCenter, Accounts: accounts}, options{store: redisStore(redis), apps: groups})
	b = startGateway(t, options{
		store: redisStore(redis), instead: a.options.instead, upstream: a.up,
		apps: "account " + asker + " {\nbasic " + asker + " s3cret-of-asker\n}\n" + strings.Replace(groups, "keep 1h", "keep 1h\naccount "+asker, 1),
	})
	return a, b, jira
}

// reads checks how a gateway answers a request for an issue.
func (g *gateway) reads(tok issued, status int, reason string) error {
	if a := g.do("GET", "/rest/api/2/issue/DEMO-1", tok.basic()); a.status != status || a.reason() != reason {
		return fmt.Errorf("%s, want %d %s", a, status, reason)
	}
	return nil
}

// questions counts the questions about each owner in the requests that Jira got.
func questions(requests []fakejira.Request) map[string]int {
	asked := make(map[string]int)
	for _, request := range requests {
		if at, err := url.Parse(request.RequestURI); err == nil && strings.HasSuffix(at.Path, "/user") {
			asked[at.Query().Get("username")]++
		}
	}
	return asked
}

// refreshes returns when refreshes began.
func (g *gateway) refreshes() (begun []time.Time) {
	g.t.Helper()
	var page struct {
		Events []struct {
			At     time.Time
			Action string
		}
	}
	g.call("GET", "/jira_tokens/audit?limit=1000", nil, http.StatusOK, &page)
	for _, event := range page.Events {
		if event.Action == "owner_refresh_begun" {
			begun = append(begun, event.At)
		}
	}
	return begun
}

// TestOneGatewayAsksForBoth: of two gateways that share a store, one asks Jira about each
// owner once per interval, and both know the answers.
func TestOneGatewayAsksForBoth(t *testing.T) {
	a, b, jira := twoAskers(t, "3s")
	const owners = 5
	var tokens []issued
	for i := range owners {
		name := fmt.Sprint("owner", i)
		jira.SetUser(name, true, "writers")
		tokens = append(tokens, a.issue(name, "write"))
		b.guard(name, tokens[i].Token)
	}
	before := len(a.refreshes())
	jira.Take()
	eventually(t, "several refreshes", func() error {
		if begun := len(a.refreshes()); begun < before+4 {
			return fmt.Errorf("%d refreshes", begun-before)
		}
		return nil
	})
	asked, begun := questions(jira.Take()), a.refreshes()
	if len(asked) != owners {
		t.Errorf("Jira was asked about %v", asked)
	}
	for name, times := range asked {
		// One refresh may have been under way at either end.
		if refreshes := len(begun) - before; times > refreshes+1 || times < refreshes-1 {
			t.Errorf("Jira was asked %d times about %s in %d refreshes", times, name, refreshes)
		}
	}
	for i := range begun[1:] {
		// The beginning of a refresh is kept in whole seconds.
		if between := begun[i+1].Sub(begun[i]); between < 2*time.Second {
			t.Errorf("a refresh began %s after the one before", between)
		}
	}
	for _, g := range []*gateway{a, b} {
		for _, tok := range tokens {
			eventually(t, "the groups to be known", func() error { return g.reads(tok, http.StatusOK, "") })
		}
	}
	jira.SetUser("owner0", false)
	jira.SetUser("owner1", true)
	for _, g := range []*gateway{a, b} {
		eventually(t, "a user who has left to be suspended", func() error { return g.reads(tokens[0], http.StatusUnauthorized, "owner_suspended") })
		eventually(t, "a user who has left the group to be suspended", func() error { return g.reads(tokens[1], http.StatusUnauthorized, "policy_suspended") })
	}
}

// TestTheOtherGatewayTakesOver: a gateway that is killed while it asks Jira about owners
// does not keep the other one from doing that, and what is known is kept.
func TestTheOtherGatewayTakesOver(t *testing.T) {
	a, b, jira := twoAskers(t, "1s")
	for _, name := range []string{"stays", "leaves"} {
		jira.SetUser(name, true, "writers")
	}
	stays, leaves := a.issue("stays", "write"), a.issue("leaves", "write")
	for _, tok := range []issued{stays, leaves} {
		b.guard(tok.Owner, tok.Token)
		for _, g := range []*gateway{a, b} {
			eventually(t, "the groups to be known", func() error { return g.reads(tok, http.StatusOK, "") })
		}
	}
	// The gateway that asks next gets no answer.
	var holding atomic.Bool
	held := make(chan string, 100)
	holding.Store(true)
	jira.SetFaults(fakejira.Faults{Intercept: func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/user") || !holding.Load() {
			return false
		}
		user, _, _ := r.BasicAuth()
		held <- user
		<-r.Context().Done()
		return true
	}})
	dies, survives := a, b
	if user := <-held; user == asker {
		dies, survives = b, a
	}
	if err := dies.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-dies.exited
	holding.Store(false)
	begun := len(survives.refreshes())
	for _, tok := range []issued{stays, leaves} {
		if err := survives.reads(tok, http.StatusOK, ""); err != nil {
			t.Errorf("what is known is forgotten: %v", err)
		}
	}
	jira.SetUser("leaves", false)
	eventually(t, "the other gateway to take over", func() error { return survives.reads(leaves, http.StatusUnauthorized, "owner_suspended") })
	if len(survives.refreshes()) == begun {
		t.Error("there was no other refresh")
	}
	if err := survives.reads(stays, http.StatusOK, ""); err != nil {
		t.Error(err)
	}
	// The one that was killed knows the same when it is back.
	dies.start()
	if err := dies.reads(leaves, http.StatusUnauthorized, "owner_suspended"); err != nil {
		t.Error(err)
	}
	if err := dies.reads(stays, http.StatusOK, ""); err != nil {
		t.Error(err)
	}
}
