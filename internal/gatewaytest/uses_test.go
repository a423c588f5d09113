package gatewaytest

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// lastUse is a token's last use, as shown by the admin API.
type lastUse struct {
	At        time.Time  `json:"at"`
	Address   netip.Addr `json:"address"`
	UserAgent string     `json:"user_agent"`
}

func (g *gateway) lastUse(id string) *lastUse {
	g.t.Helper()
	var view struct {
		LastUsed *lastUse `json:"last_used"`
	}
	g.call("GET", "/jira_tokens/tokens/"+id, nil, 200, &view)
	return view.LastUsed
}

// activity is how much a token was used on one day.
type activity struct {
	Day                      string `json:"day"`
	Requests, Denials, Bytes int
}

// wasActive returns an error unless the activity of the last days adds up to want.
func (g *gateway) wasActive(id string, want activity) error {
	g.t.Helper()
	var days []activity
	g.call("GET", "/jira_tokens/tokens/"+id+"/activity", nil, 200, &days)
	today := time.Now().UTC()
	if last := days[len(days)-1].Day; len(days) != 30 || last != today.Format(time.DateOnly) && last != today.AddDate(0, 0, -1).Format(time.DateOnly) {
		return fmt.Errorf("%d days until %s", len(days), last)
	}
	var sum activity
	for _, day := range days {
		sum.Requests, sum.Denials, sum.Bytes = sum.Requests+day.Requests, sum.Denials+day.Denials, sum.Bytes+day.Bytes
	}
	if sum != want {
		return fmt.Errorf("activity %+v, want %+v", sum, want)
	}
	return nil
}

// TestLastUsed: show and list say when, from where and by what a token was used; denied
// requests do not count; and a graceful shutdown loses nothing.
func TestLastUsed(t *testing.T) {
	redis := redistest.Start(t)
	for name, store := range map[string]string{"file": "", "redis": redisStore(redis)} {
		t.Run(name, func(t *testing.T) {
			g := startGateway(t, options{store: store})
			tok, idle := g.issue("alice", "read"), g.issue("bob", "read")
			g.check(t, g.do("POST", "/rest/api/3/issue", tok.basic(), "{}"), refused(403, "scope_insufficient"))
			if use := g.lastUse(tok.ID); use != nil {
				t.Errorf("a denied token has a last use: %+v", use)
			}
			before := time.Now().UTC().Truncate(time.Minute)
			answer := g.do("GET", issuePath, tok.basic()+"User-Agent: BI tool/1.0\r\n")
			g.check(t, answer, passes)
			want := func(when string) {
				t.Helper()
				use := g.lastUse(tok.ID)
				if use == nil || use.Address != netip.MustParseAddr("127.0.0.1") || use.UserAgent != "BI tool/1.0" ||
					use.At.Before(before) || use.At.After(time.Now()) || use.At.Second() != 0 {
					t.Errorf("%s: last use %+v", when, use)
				}
			}
			want("at once")
			active := func(when string) {
				t.Helper()
				eventually(t, when, func() error { return g.wasActive(tok.ID, activity{Requests: 2, Denials: 1, Bytes: len(answer.body)}) })
			}
			active("at once")
			if err := g.wasActive(idle.ID, activity{}); err != nil {
				t.Error(err)
			}
			if use := g.lastUse(idle.ID); use != nil {
				t.Errorf("an unused token has a last use: %+v", use)
			}
			g.stop()
			g.start()
			want("after a restart")
			active("after a restart")
			if r := g.token("show", tok.ID); !strings.Contains(r.out, "from 127.0.0.1 by BI tool/1.0") {
				t.Errorf("show: %s", r)
			}
			if r := g.token("list", "--output", "json"); !strings.Contains(r.out, "BI tool/1.0") {
				t.Errorf("list: %s", r)
			}
			if r := g.token("list"); !strings.Contains(r.out, "LAST USED") || strings.Count(r.out, "never") < 1 {
				t.Errorf("list: %s", r)
			}
			g.call("DELETE", "/jira_tokens/tokens/"+tok.ID, nil, 204, nil)
			g.call("GET", "/jira_tokens/tokens/"+tok.ID+"/activity", nil, 404, nil)
		})
	}
}
