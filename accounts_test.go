package jiratokens_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestAccountStateIsToldInOrder: whatever requests find out at the same time, the log and
// the audit trail have refusals and acceptances of an account in turns, at each Jira, and
// say at which.
func TestAccountStateIsToldInOrder(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	config, err := json.Marshal(object{
		"admin":   object{"disabled": true, "config": object{"persist": false}},
		"logging": object{"logs": object{"default": object{"writer": object{"output": "file", "filename": log}, "encoder": object{"format": "json"}}}},
		"apps": object{"jira_tokens": object{
			"store":    object{"module": "file", "path": filepath.Join(dir, "tokens.db")},
			"accounts": object{"default": object{"bearer": "a-secret"}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
	running, err := caddy.ActiveContext().AppIfConfigured("jira_tokens")
	if err != nil {
		t.Fatal(err)
	}
	app := running.(admin.App)
	account, err := app.JiraAccounts().Find(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	sites := []string{"https://one.example.com", "https://two.example.com/jira"}
	var requests sync.WaitGroup
	for range 8 {
		requests.Go(func() {
			for range 3 {
				for _, site := range sites {
					account.Refused(site, errors.New("no longer"), time.Now())
					account.Accepted(site)
				}
			}
		})
	}
	requests.Wait()
	logged := told(t, log)
	trail := recorded(t, app, len(logged))
	if err := caddy.Stop(); err != nil {
		t.Error(err)
	}
	for _, site := range sites {
		in, recorded := of(site, logged), of(site, trail)
		for i, s := range in {
			if s.refused != (i%2 == 0) {
				t.Errorf("%s: line %d says that the account is refused: %v", site, i+1, s.refused)
				break
			}
		}
		if len(in) == 0 || len(in)%2 != 0 || !slices.Equal(in, recorded) {
			t.Errorf("%s: %d lines in the log, %d events in the trail, want the same, from refused to accepted", site, len(in), len(recorded))
		}
	}
	if len(of(sites[0], logged))+len(of(sites[1], logged)) != len(logged) {
		t.Errorf("not all of %d lines say at which Jira", len(logged))
	}
}

// state is what a log line or an event says of an account at a Jira.
type state struct {
	jira    string
	refused bool
}

func of(jira string, states []state) (its []state) {
	for _, s := range states {
		if s.jira == jira {
			its = append(its, s)
		}
	}
	return its
}

// told returns the states that the log tells of, in order.
func told(t *testing.T, log string) (states []state) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var entry struct{ Level, Msg, Account, Jira, Error string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if entry.Account != "default" {
			continue
		}
		states = append(states, state{entry.Jira, entry.Level == "error"})
		if strings.Contains(line, "a-secret") || (entry.Error == "no longer") != (entry.Level == "error") {
			t.Errorf("log line %s", line)
		}
	}
	return states
}

// recorded returns the states in the audit trail, the oldest first, once it has as many
// as were told of: they are written in the background.
func recorded(t *testing.T, app admin.App, told int) (states []state) {
	t.Helper()
	for ; len(states) < told; time.Sleep(10 * time.Millisecond) {
		states = states[:0]
		for cursor, more := "", true; more; {
			page, err := app.Registry().Events(t.Context(), storage.EventQuery{Limit: storage.MaxPageSize, Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			for _, event := range page.Events {
				var jira string
				if err := json.Unmarshal(event.Changes[0].New, &jira); err != nil || event.Name != "default" {
					t.Fatalf("event %+v: %v", event, err)
				}
				states = append(states, state{jira, event.Action == registry.ActionAccountRefused})
			}
			cursor, more = page.Next, page.More
		}
	}
	return states
}
