package rest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestPATs: a tool for personal access tokens creates, lists and revokes tokens.
func TestPATs(t *testing.T) {
	g := newGateway(t)
	issued := g.create(map[string]any{"scope": "write", "expires_at": "90d"})
	g.create(map[string]any{"owner": "bob", "scope": "read"})
	var created patToken
	w := g.call(http.MethodPost, handler.PATPath, `{"name":"tool","expirationDuration":30}`, issued.Token)
	decodeInto(t, w, &created)
	secret := parsed(t, created.RawToken)
	record, err := g.Registry.Lookup(t.Context(), secret)
	if err != nil || w.Code != http.StatusCreated || created.Name != "tool" || record.Owner != "alice" || record.Scope != token.ScopeWrite ||
		created.ID != patID(record.ID) || created.ID <= 0 || created.ID >= 1<<53 {
		t.Fatalf("HTTP %d %+v %+v %v", w.Code, created, record, err)
	}
	expires, err := time.Parse(time.RFC3339, created.ExpiringAt)
	if days := time.Until(expires).Hours() / 24; err != nil || days < 29.9 || days > 30 {
		t.Errorf("expires at %s, %v", created.ExpiringAt, err)
	}
	if events := g.eventsOfAll(record.ID); events[0].Actor.Kind != registry.ActorToken || events[0].Actor.Name != issued.Record.ID {
		t.Errorf("created by %+v", events[0].Actor)
	}
	var listed []patToken
	decodeInto(t, g.call(http.MethodGet, handler.PATPath, "", issued.Token), &listed)
	if len(listed) != 2 || listed[0].RawToken != "" || listed[0].CreatedAt == "" || !strings.HasSuffix(listed[0].CreatedAt, "Z") {
		t.Errorf("lists %+v", listed)
	}
	if w := g.call(http.MethodDelete, fmt.Sprintf("%s/%d", handler.PATPath, created.ID), "", issued.Token); w.Code != http.StatusNoContent {
		t.Errorf("revoke: HTTP %d %+v", w.Code, w.failed)
	}
	if record, err := g.Registry.Show(t.Context(), record.ID); err != nil || record.Status != token.StatusRevoked {
		t.Errorf("%+v, %v", record, err)
	}
	if w := g.call(http.MethodDelete, handler.PATPath+"/12345", "", issued.Token); w.reason() != handler.ReasonUnknownEndpoint {
		t.Errorf("an unknown one: %+v", w.failed)
	}
	// By the gateway's own ID, and itself.
	if w := g.call(http.MethodDelete, handler.PATPath+"/"+issued.Record.ID, "", issued.Token); w.Code != http.StatusNoContent {
		t.Errorf("itself: HTTP %d %+v", w.Code, w.failed)
	}
}

// eventsOfAll returns all audit events of a token.
func (g *gateway) eventsOfAll(id string) []registry.Event {
	g.t.Helper()
	page, err := g.Registry.Events(g.t.Context(), registry.EventQuery{TokenID: id})
	if err != nil || len(page.Events) == 0 {
		g.t.Fatal(len(page.Events), err)
	}
	return page.Events
}

// TestPATIsNotStronger: the new token has every restriction of the one that creates it,
// and ends no later.
func TestPATIsNotStronger(t *testing.T) {
	g := newGateway(t)
	issued := g.create(map[string]any{
		"scope": "write", "expires_at": "10d", "kind": "service", "purpose": "reports", "responsible": "bob",
		"confine":  map[string]any{"projects": []string{"SITE"}, "jql": "labels = x", "hide": []string{"internal-comments"}},
		"allow_ip": []string{"192.0.2.0/24"}, "deny_ip": []string{"192.0.2.66"},
	})
	for _, duration := range []string{"", `,"expirationDuration":null`, `,"expirationDuration":365`} {
		var created patToken
		decodeInto(t, g.call(http.MethodPost, handler.PATPath, `{"name":"tool"`+duration+`}`, issued.Token), &created)
		record, err := g.Registry.Lookup(t.Context(), parsed(t, created.RawToken))
		if err != nil {
			t.Fatal(err)
		}
		if record.ExpiresAt.IsZero() || record.ExpiresAt.After(issued.Record.ExpiresAt) {
			t.Errorf("%s: expires at %s, the other one at %s", duration, record.ExpiresAt, issued.Record.ExpiresAt)
		}
		for _, field := range token.Fields() {
			switch field.Name {
			case "name", "expires_at":
				continue
			}
			if got, want := fmt.Sprint(field.Value(record)), fmt.Sprint(field.Value(issued.Record)); got != want {
				t.Errorf("%s is %s, want %s", field.Name, got, want)
			}
		}
	}
}

// TestTokensThatMustNotCreate: those whose restrictions another token would get around.
func TestTokensThatMustNotCreate(t *testing.T) {
	g := newGateway(t)
	for name, c := range map[string]struct {
		fields map[string]any
		reason handler.Reason
	}{
		"read":           {map[string]any{"scope": "read"}, handler.ReasonScopeInsufficient},
		"read-all":       {map[string]any{"scope": "read-all"}, handler.ReasonScopeInsufficient},
		"limit":          {map[string]any{"scope": "write", "limit": "60/m"}, handler.ReasonPathDenied},
		"limit_writes":   {map[string]any{"scope": "write", "limit_writes": "20/d"}, handler.ReasonPathDenied},
		"max_concurrent": {map[string]any{"scope": "write", "max_concurrent": 2}, handler.ReasonPathDenied},
		"hold_writes":    {map[string]any{"scope": "write", "hold_writes": true}, handler.ReasonPathDenied},
		"external":       {map[string]any{"owner": "partner", "scope": "write", "kind": "external", "purpose": "x", "responsible": "bob", "confine": map[string]any{"projects": []string{"A"}}, "expires_at": "1d"}, handler.ReasonPathDenied},
	} {
		issued := g.create(c.fields)
		if w := g.call(http.MethodPost, handler.PATPath, `{"name":"x"}`, issued.Token); w.reason() != c.reason {
			t.Errorf("%s: HTTP %d %+v", name, w.Code, w.failed)
		}
	}
	rotated := g.create(map[string]any{"scope": "write"})
	if _, err := g.Registry.Rotate(t.Context(), registry.Actor{}, rotated.Record.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	if w := g.call(http.MethodPost, handler.PATPath, `{"name":"x"}`, rotated.Token); w.reason() != handler.ReasonPathDenied {
		t.Errorf("a replaced secret: %+v", w.failed)
	}
	edit, err := token.NewEdit(map[string]any{"owner": "ci", "name": "x", "scope": "write", "kind": "service"})
	if err != nil {
		t.Fatal(err)
	}
	exchanged, err := g.Registry.Exchange(t.Context(), registry.Origin{Issuer: "https://issuer.example", Until: time.Now().Add(time.Minute), Lifetime: time.Hour}, edit)
	if err != nil {
		t.Fatal(err)
	}
	if w := g.call(http.MethodPost, handler.PATPath, `{"name":"x"}`, exchanged.Token); w.reason() != handler.ReasonPathDenied {
		t.Errorf("an exchanged token: %+v", w.failed)
	}
	writer := g.create(map[string]any{"scope": "write"})
	for _, body := range []string{``, `{"name":""}`, `{"name":"x","expirationDuration":0}`, `{"name":"x","expirationDuration":-1}`, `{"name":"x","expirationDuration":1e9}`, `{"name":"x","expirationDuration":"30"}`, `{"name":"x","scope":"admin"}`, `[]`} {
		if w := g.call(http.MethodPost, handler.PATPath, body, writer.Token); w.reason() != handler.ReasonInvalidRequest {
			t.Errorf("%s: HTTP %d %+v", body, w.Code, w.failed)
		}
	}
}

// TestDefaultLimitsCountToo: limits that the gateway sets for all tokens would double as
// well, unless the token is exempt from them, as is then the other one.
func TestDefaultLimitsCountToo(t *testing.T) {
	for name, set := range map[string]func(l *limits.Limits){
		"limit":          func(l *limits.Limits) { l.Token = token.Limit{Requests: 60, Period: time.Minute, Burst: 60} },
		"limit_writes":   func(l *limits.Limits) { l.Writes = token.Limit{Requests: 20, Period: 24 * time.Hour, Burst: 20} },
		"max_concurrent": func(l *limits.Limits) { l.MaxConcurrent = 4 },
	} {
		g := newGateway(t)
		set(g.Limits)
		plain := g.create(map[string]any{"scope": "write"})
		if w := g.call(http.MethodPost, handler.PATPath, `{"name":"x"}`, plain.Token); w.reason() != handler.ReasonPathDenied || !strings.Contains(w.failed.Message, "("+name+")") {
			t.Errorf("%s: HTTP %d %+v", name, w.Code, w.failed)
		}
		exempt := g.create(map[string]any{"scope": "write", name: "off"})
		var created patToken
		decodeInto(t, g.call(http.MethodPost, handler.PATPath, `{"name":"x"}`, exempt.Token), &created)
		record, err := g.Registry.Lookup(t.Context(), parsed(t, created.RawToken))
		if err != nil || record.Limit != exempt.Record.Limit || record.LimitWrites != exempt.Record.LimitWrites || record.MaxConcurrent != exempt.Record.MaxConcurrent {
			t.Errorf("%s: %+v, %v", name, record, err)
		}
	}
}

// TestReplacedSecretRevokesNothing: whoever has the secret before the last rotation can end
// that secret (DELETE self), but no token.
func TestReplacedSecretRevokesNothing(t *testing.T) {
	g := newGateway(t)
	rotated := g.create(map[string]any{"scope": "write"})
	other := g.create(map[string]any{"scope": "read"})
	fresh, err := g.Registry.Rotate(t.Context(), registry.Actor{}, rotated.Record.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{rotated.Record.ID, other.Record.ID} {
		if w := g.call(http.MethodDelete, handler.PATPath+"/"+id, "", rotated.Token); w.reason() != handler.ReasonPathDenied || !strings.Contains(w.failed.Message, "use the new one") {
			t.Errorf("HTTP %d %+v", w.Code, w.failed)
		}
		if record, err := g.Registry.Show(t.Context(), id); err != nil || record.Status != token.StatusActive {
			t.Errorf("%+v, %v", record, err)
		}
	}
	if w := g.call(http.MethodDelete, handler.PATPath+"/"+other.Record.ID, "", fresh.Token); w.Code != http.StatusNoContent {
		t.Errorf("the new secret: HTTP %d %+v", w.Code, w.failed)
	}
}

// TestPATsOfStrongerTokens: a token neither sees nor ends those that may do more.
func TestPATsOfStrongerTokens(t *testing.T) {
	g := newGateway(t)
	confined := map[string]any{"projects": []string{"SITE"}}
	agent := g.create(map[string]any{"name": "agent", "scope": "write", "confine": confined})
	reader := g.create(map[string]any{"name": "reader", "scope": "read", "confine": confined})
	stronger := []registry.Issued{
		g.create(map[string]any{"name": "main", "scope": "write"}),
		g.create(map[string]any{"name": "root", "scope": "admin", "confine": confined}),
		g.create(map[string]any{"name": "other", "scope": "write", "confine": map[string]any{"projects": []string{"OPS"}}}),
		g.create(map[string]any{"owner": "bob", "name": "bob", "scope": "read", "confine": confined}),
	}
	var listed []patToken
	decodeInto(t, g.call(http.MethodGet, handler.PATPath, "", agent.Token), &listed)
	if len(listed) != 2 {
		t.Errorf("lists %+v", listed)
	}
	for _, other := range stronger {
		if w := g.call(http.MethodDelete, handler.PATPath+"/"+other.Record.ID, "", agent.Token); w.reason() != handler.ReasonUnknownEndpoint {
			t.Errorf("%s: HTTP %d %+v", other.Record.Name, w.Code, w.failed)
		}
	}
	if w := g.call(http.MethodDelete, handler.PATPath+"/"+agent.Record.ID, "", reader.Token); w.reason() != handler.ReasonUnknownEndpoint {
		t.Errorf("a stronger one: HTTP %d %+v", w.Code, w.failed)
	}
	held := g.create(map[string]any{"name": "held", "scope": "write", "confine": confined, "hold_writes": true})
	if w := g.call(http.MethodDelete, handler.PATPath+"/"+agent.Record.ID, "", held.Token); w.reason() != handler.ReasonUnknownEndpoint {
		t.Errorf("one whose writes are held ends one whose are not: HTTP %d %+v", w.Code, w.failed)
	}
	peer := g.create(map[string]any{"name": "peer", "scope": "read", "confine": confined})
	if w := g.call(http.MethodDelete, handler.PATPath+"/"+peer.Record.ID, "", reader.Token); w.reason() != handler.ReasonScopeInsufficient {
		t.Errorf("a reader ends another: HTTP %d %+v", w.Code, w.failed)
	}
	if w := g.call(http.MethodDelete, handler.PATPath+"/"+peer.Record.ID, "", agent.Token); w.Code != http.StatusNoContent {
		t.Errorf("HTTP %d %+v", w.Code, w.failed)
	}
}
