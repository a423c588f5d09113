package gatewaytest

import (
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
			g.check(t, g.do("GET", issuePath, tok.basic()+"User-Agent: BI tool/1.0\r\n"), passes)
			want := func(when string) {
				t.Helper()
				use := g.lastUse(tok.ID)
				if use == nil || use.Address != netip.MustParseAddr("127.0.0.1") || use.UserAgent != "BI tool/1.0" ||
					use.At.Before(before) || use.At.After(time.Now()) || use.At.Second() != 0 {
					t.Errorf("%s: last use %+v", when, use)
				}
			}
			want("at once")
			if use := g.lastUse(idle.ID); use != nil {
				t.Errorf("an unused token has a last use: %+v", use)
			}
			g.stop()
			g.start()
			want("after a restart")
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
		})
	}
}
