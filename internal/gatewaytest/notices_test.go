package gatewaytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

func init() { caddy.RegisterModule(printer{}) }

// printer is a handler of Caddy events that logs them, as caddy-events-exec runs a program.
type printer struct{}

// CaddyModule returns the Caddy module information.
func (printer) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.print", New: func() caddy.Module { return new(printer) }}
}

// UnmarshalCaddyfile implements caddyfile.Unmarshaler.
func (*printer) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	return nil
}

// Handle logs an event.
func (*printer) Handle(ctx context.Context, event caddy.Event) error {
	repl := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	caddy.Log().Named("printer").Info("event", zap.String("said", repl.ReplaceAll("{event.name} of {event.module}: {event.data.token_id} of {event.data.owner} within {event.data.within}", "?")))
	return nil
}

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// hookReceiver is a webhook that counts what it gets, by the token.
type hookReceiver struct {
	*httptest.Server
	mu  sync.Mutex
	got map[string]int
	bad []string
	// checkpoint is the newest notice with a checkpoint of the audit trail, as it came.
	checkpoint []byte
}

func newHookReceiver(t *testing.T) *hookReceiver {
	h := &hookReceiver{got: make(map[string]int)}
	verifier, err := standardwebhooks.NewWebhook(hookSecret)
	if err != nil {
		t.Fatal(err)
	}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var event struct {
			Type, Source string
			Data         struct {
				ID string `json:"token_id"`
			}
		}
		err := verifier.Verify(body, r.Header)
		if err == nil {
			err = json.Unmarshal(body, &event)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if err != nil || event.Source != "https://jira.example.com" {
			h.bad = append(h.bad, fmt.Sprint(err, string(body)))
		}
		h.got[event.Type+" "+event.Data.ID]++
		if event.Type == "jira_tokens.trail.checkpoint" {
			h.checkpoint = body
		}
	}))
	t.Cleanup(h.Close)
	return h
}

// count returns how often a notice about a token has arrived.
func (h *hookReceiver) count(about string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got["jira_tokens.token.expiring "+about]
}

// TestNoticesOfTwoGateways runs two gateways on one Redis: each notice arrives once, as an
// event on one of them and at the webhook, and at least once if one of them is killed.
func TestNoticesOfTwoGateways(t *testing.T) {
	redis := redistest.Start(t)
	hook := newHookReceiver(t)
	signing, _, err := tree.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	o := options{
		store:  redisStore(redis),
		global: "events {\non jira_tokens.token.expiring print\n}",
		apps:   fmt.Sprintf("audit {\nkey %s\n}\npublic_url https://jira.example.com\nnotify before 1h 10s\nnotify webhook %s/hunter2 {\nname ops\nsecret %s\n}", signing, hook.URL, hookSecret),
	}
	a, b := startGateway(t, o), startGateway(t, o)
	for _, g := range []*gateway{a, b} {
		g.account = append(g.account, "hunter2", strings.TrimPrefix(hookSecret, "whsec_"))
	}
	var tested struct{ Receivers []struct{ Answer string } }
	a.call("POST", "/jira_tokens/notices/test", map[string]any{"url": "ops"}, http.StatusOK, &tested)
	if len(tested.Receivers) != 1 || tested.Receivers[0].Answer != "200 OK" || hook.got["jira_tokens.test "] != 1 {
		t.Fatalf("test: %+v, %v", tested, hook.got)
	}
	if r := b.token("notify", "list"); r.code != 0 || !strings.Contains(r.out, "ops") {
		t.Errorf("notify list: %s", r)
	}
	// issue creates tokens about which a notice is due after 5 seconds.
	issue := func(g *gateway, n int) (ids []string) {
		t.Helper()
		for range n {
			ids = append(ids, g.issue("alice", "read", "expires_at", "3605s").ID)
		}
		return ids
	}
	arrived := func(ids []string) {
		t.Helper()
		eventually(t, "the notices", func() error {
			for _, id := range ids {
				if hook.count(id) == 0 {
					return fmt.Errorf("nothing about %s", id)
				}
			}
			return nil
		})
	}
	quiet := append(issue(a, 3), issue(b, 3)...)
	arrived(quiet)
	for _, id := range quiet {
		said := fmt.Sprintf("jira_tokens.token.expiring of jira_tokens: %s of alice within 1h", id)
		eventually(t, "the event", func() error {
			if n := strings.Count(a.log.String(), said) + strings.Count(b.log.String(), said); n != 1 {
				return fmt.Errorf("%d events %q", n, said)
			}
			return nil
		})
		if n := hook.count(id); n != 1 {
			t.Errorf("%d notices about %s", n, id)
		}
	}
	// The checkpoint of the day, once, which can be kept as it came.
	var checkpoint []byte
	eventually(t, "the checkpoint", func() error {
		hook.mu.Lock()
		defer hook.mu.Unlock()
		if checkpoint = hook.checkpoint; checkpoint == nil {
			return errors.New("there is none")
		}
		return nil
	})
	kept := filepath.Join(b.dir, "checkpoint.json")
	if err := os.WriteFile(kept, checkpoint, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := b.token("audit", "verify", "--checkpoint", kept); r.code != 0 || !strings.Contains(r.out, "It continues the checkpoint in "+kept) {
		t.Errorf("audit verify: %s", r)
	}
	late := issue(b, 3)
	_ = a.cmd.Process.Kill()
	<-a.exited
	a.exited = nil
	arrived(late)
	if n := hook.got["jira_tokens.trail.checkpoint "]; n != 1 {
		t.Errorf("%d notices with a checkpoint", n)
	}
	if len(hook.bad) > 0 {
		t.Errorf("bad requests: %q", hook.bad)
	}
}
