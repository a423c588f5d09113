package handler

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestTokenInURL: a token in the path or query reaches neither Jira nor our log.
func TestTokenInURL(t *testing.T) {
	app := newToken(token.New(), token.ScopeAdmin)
	whole := app.Reveal()
	secret := whole[strings.LastIndexByte(whole, '_')+1:]
	encoded := base64.RawURLEncoding.EncodeToString([]byte("alice:" + whole))
	for _, front := range []string{frontAPI, frontSite} {
		for _, target := range []string{
			"/rest/api/2/issue/" + whole, "/rest/api/2/issue/" + whole + "/comment", "/" + whole + "/rest/api/2/issue/A-1",
			"/rest/api/2/issue/" + strings.ReplaceAll(whole, "_", "%5F"), "/rest/api/2/issue/" + strings.ReplaceAll(whole, "_", "%255F"),
			"/rest/api/2/issue/" + encoded, "/secure/attachment/1/" + whole + ".txt", "/rest/api/2/search?jql=" + whole,
		} {
			core, lines := observer.New(zap.DebugLevel)
			h := newHandler(t, app, front, passwordsDeny)
			h.logger = zap.New(core)
			r := from("192.0.2.1", "alice", whole)
			r.Method = "GET"
			r.URL = httptest.NewRequest("GET", target, nil).URL
			w, passed := serve(t, h, r)
			if passed || w.Code != 400 || w.Header().Get(headerReason) != string(ReasonAmbiguousRequest) || !strings.Contains(w.Body.String(), "leaked") {
				t.Errorf("%s, front %s: passed %t, %d, %s", strings.ReplaceAll(target, secret, "…"), front, passed, w.Code, w.Body)
			}
			for _, line := range lines.TakeAll() {
				text, err := json.Marshal(line.ContextMap())
				if err != nil {
					t.Fatal(err)
				}
				if all := line.Message + string(text); strings.Contains(all, secret) || token.HeldBy(all) {
					t.Errorf("the log line contains the token: %s", all)
				}
			}
		}
	}
}

// TestLoggedRequest: what a client can put into the log line of a denial.
func TestLoggedRequest(t *testing.T) {
	app := newToken(token.New(), token.ScopeRead)
	whole := app.Reveal()
	core, lines := observer.New(zap.DebugLevel)
	h := newHandler(t, app, frontAPI, passwordsDeny)
	h.logger = zap.New(core)
	r := from("192.0.2.1", "", "")
	r.Host, r.Method = whole+".example.com", whole
	r.URL.Path = "/rest/api/2/" + strings.Repeat("x", maxLoggedPath-len("/rest/api/2/")-30) + "/" + whole
	serve(t, h, r)
	line := lines.TakeAll()
	if len(line) != 1 {
		t.Fatalf("%d lines", len(line))
	}
	secret := whole[strings.LastIndexByte(whole, '_')+1:]
	if text := fmt.Sprint(line[0].ContextMap()); strings.Contains(text, secret[:8]) || !strings.Contains(text, app.record.ID) {
		t.Errorf("the line contains a secret, or lacks the token's ID: %s", text)
	}
}
