package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

// manager is the owner who may use the page to manage all tokens.
const manager = owner

// signInLifetime is the lifetime of the token for the page, which can do everything.
const signInLifetime = "12h"

// createSignIn creates a token with which one can sign in to the page.
func (g *gateway) createSignIn(ctx context.Context) (string, error) {
	return g.create(ctx, map[string]any{
		"owner": manager, "name": "quickstart, the page", "scope": "admin", "expires_at": signInLifetime, "allow_ip": []string{"127.0.0.1"},
	})
}

// create creates a token and returns it.
func (g *gateway) create(ctx context.Context, fields map[string]any) (string, error) {
	var created struct {
		Token string `json:"token"`
	}
	if err := g.manage(ctx, http.MethodPost, "tokens", fields, &created); err != nil {
		return "", fmt.Errorf("creating the token %q: %w", fields["name"], err)
	}
	return created.Token, nil
}

// sampleToken is a token of the sample, and what becomes of it.
type sampleToken struct {
	fields map[string]any
	// then is what an administrator does with it: disable, revoke or nothing.
	then string
	// uses are requests with it, as method and path.
	uses [][2]string
}

// The owners of most tokens of the sample, and of the one whose changes wait for somebody.
const (
	alice = "alice@example.com"
	agent = "triage-agent"
)

// sample shows what there can be: on the page, everything has an example.
var sample = []sampleToken{
	{
		fields: map[string]any{"owner": "bob@example.com", "name": "script on the old laptop", "expires_at": "30d"},
		then:   "revoke",
	},
	{
		fields: map[string]any{"owner": alice, "name": "Grafana", "purpose": "issues per week", "expires_at": "60d"},
		then:   "disable",
	},
	{
		fields: map[string]any{
			"owner": "release-notes", "kind": "service", "name": "release notes", "purpose": "publishes what was fixed", "responsible": alice,
			"expires_at": "80d", "limit": "60/m",
		},
		uses: [][2]string{{http.MethodGet, "/rest/api/2/issue/DEMO-2"}},
	},
	{
		fields: map[string]any{
			"owner": "eve@partner.example", "kind": "external", "name": "partner desk", "purpose": "sees the tickets of the partner", "responsible": alice,
			"expires_at": "10d", "confine": map[string]any{"projects": []string{"OPS"}},
		},
		uses: [][2]string{{http.MethodGet, "/rest/api/2/issue/DEMO-1"}}, // does not exist for it
	},
	{
		fields: map[string]any{
			"owner": alice, "name": "Power BI, support dashboard", "expires_at": "75d",
			"confine": map[string]any{"projects": []string{"DEMO"}, "hide": []string{"internal-comments"}},
		},
		uses: [][2]string{
			{http.MethodGet, "/rest/api/2/issue/DEMO-1"},
			{http.MethodGet, "/rest/api/2/issue/DEMO-2"},
			{http.MethodGet, "/rest/api/2/issue/DEMO-3"},
			{http.MethodDelete, "/rest/api/2/issue/DEMO-1"}, // denied: it only reads
		},
	},
	// The policy wants it approved.
	{fields: map[string]any{"owner": alice, "name": "nightly sync", "scope": "write", "purpose": "closes what was deployed", "expires_at": "90d"}},
	// Each of its changes waits for somebody. It belongs to somebody else than whoever looks at
	// the page, since nobody approves their own changes.
	{
		fields: map[string]any{
			"owner": agent, "kind": "service", "name": "AI agent", "responsible": alice, "scope": "write", "hold_writes": true, "expires_at": "30d", "limit": "60/m",
			"confine": map[string]any{"projects": []string{"DEMO"}},
		},
		uses: [][2]string{{http.MethodPut, "/rest/api/2/issue/DEMO-1"}},
	},
}

// sampleChange is the body of the sample's requests that change something.
const sampleChange = `{"fields": {"summary": "Give everybody a coffee machine, and a grinder"}}`

// createSample creates the sample in front of the stand-in, unless the store has it from an
// earlier run.
func (g *gateway) createSample(ctx context.Context) error {
	var found struct {
		Tokens []struct{} `json:"tokens"`
	}
	if err := g.manage(ctx, http.MethodGet, "tokens?limit=1&owner="+alice, nil, &found); err != nil {
		return fmt.Errorf("looking for the sample: %w", err)
	}
	if len(found.Tokens) > 0 {
		return nil
	}
	for _, s := range sample {
		if err := g.createSampleToken(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (g *gateway) createSampleToken(ctx context.Context, s sampleToken) error {
	token, err := g.create(ctx, s.fields)
	if err != nil {
		return err
	}
	for _, use := range s.uses {
		request, err := http.NewRequestWithContext(ctx, use[0], "http://"+g.address+use[1], strings.NewReader(sampleChange))
		if err != nil {
			return err
		}
		if use[0] == http.MethodGet {
			request.Body, request.ContentLength = http.NoBody, 0
		}
		request.Header.Set("Content-Type", "application/json")
		request.SetBasicAuth(s.fields["owner"].(string), token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return fmt.Errorf("using the token %q: %w", s.fields["name"], err)
		}
		_ = response.Body.Close() // some are denied: that is part of the sample
	}
	if s.then == "" {
		return nil
	}
	id := strings.Split(token, "_")[1]
	return g.manage(ctx, http.MethodPost, "tokens/"+id+"/"+s.then, nil, nil)
}
