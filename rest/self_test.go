package rest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestShowSelf: a holder sees what the token may do and when it ends, and nothing that
// only administrators may know.
func TestShowSelf(t *testing.T) {
	g := newGateway(t)
	issued := g.create(map[string]any{
		"scope": "write", "expires_at": "10d", "limit": "60/m", "limit_writes": "20/d", "max_concurrent": 4, "allow_ip": []string{"192.0.2.0/24"},
		"confine": map[string]any{"projects": []string{"ACME"}}, "exempt": "internal reason",
	})
	for range 3 {
		if _, exceeded := g.Limits.Acquire(t.Context(), issued.Record); exceeded != nil {
			t.Fatal(exceeded)
		}
	}
	w := g.call("GET", "1/self", "", issued.Token)
	var s map[string]json.RawMessage
	decodeInto(t, w, &s)
	for name, want := range map[string]string{
		"id": `"` + issued.Record.ID + `"`, "owner": `"alice"`, "name": `"report"`, "kind": `"user"`, "scope": `"write"`, "account": `"default"`, "state": `"active"`,
		"confine": `{"projects":[{"key":"ACME"}]}`, "address": `"192.0.2.7"`, "secret": `"current"`, "not_before": "null", "rotated_at": "null",
		"networks":   `{"allow_ip":["192.0.2.0/24"],"deny_ip":[],"policy_allow_ip":[],"gateway_allow_ip":[],"gateway_deny_ip":[]}`,
		"limits":     `{"rate":{"limit":"60/m","left":57},"writes":{"limit":"20/d","left":20},"in_flight":{"limit":4,"left":1}}`,
		"expires_at": `"` + issued.Record.ExpiresAt.Format(time.RFC3339) + `"`,
	} {
		if string(s[name]) != want {
			t.Errorf("%s: %s, want %s", name, s[name], want)
		}
	}
	if text := w.Body.String(); strings.Contains(text, "internal reason") || strings.Contains(text, "digest") || strings.Contains(text, issued.Token.Reveal()) {
		t.Errorf("tells too much: %s", text)
	}
	var expiry atExpiry
	if err := json.Unmarshal(s["at_expiry"], &expiry); err != nil || expiry.Rotate != "https://gateway.example/jira/rest/jira-tokens/1/self/rotate" || !strings.Contains(expiry.Message, "stops working") {
		t.Errorf("at_expiry: %s", s["at_expiry"])
	}
	g.PublicURL = "https://jira.example.com"
	if got := g.call("GET", "1/self", "", issued.Token).Body.String(); !strings.Contains(got, "https://jira.example.com/rest/jira-tokens/1/self/rotate") {
		t.Errorf("with a public URL: %s", got)
	}
}

// TestShowSelfWithPreviousSecret: whoever still uses the secret before the last rotation
// is told so.
func TestShowSelfWithPreviousSecret(t *testing.T) {
	g := newGateway(t)
	issued := g.create(nil)
	if _, err := g.Registry.Rotate(t.Context(), registry.Actor{}, issued.Record.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	var s self
	decodeInto(t, g.call("GET", "1/self", "", issued.Token), &s)
	if s.Secret != secretPrevious || s.SecretUntil == nil || !strings.Contains(s.AtExpiry.Message, "was replaced") || s.Scope != token.ScopeRead {
		t.Errorf("%+v", s)
	}
}
