package identity

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/handler"
)

// app is an app with one Jira.
type app struct {
	App
	url, other string
}

func (a *app) Jiras() []handler.Jira {
	if a.url == "" {
		return nil
	}
	jiras := []handler.Jira{{URL: a.url, Transport: http.DefaultTransport}}
	if a.other != "" {
		jiras = append(jiras, handler.Jira{URL: a.other, Transport: http.DefaultTransport})
	}
	return jiras
}

func TestJiraSession(t *testing.T) {
	var asked atomic.Int64
	status, body := http.StatusOK, `{"name":"alice","active":true}`
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.URL.Path != "/rest/api/2/myself" || r.Header.Get("Authorization") != "" {
			t.Errorf("Jira is asked for %s with %v", r.URL, r.Header)
		}
		if r.Header.Get("Cookie") != "JSESSIONID=good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	defer site.Close()
	recognize := func(j *Jira, cookie string) (string, error) {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Basic anything")
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		person, err := j.Recognize(r)
		if person == nil {
			return "", err
		}
		return person.Name, err
	}
	asking := func() *Jira { // one that remembers nothing
		j := new(Jira)
		j.Use(&app{url: site.URL})
		return j
	}
	j := asking()
	for range 3 {
		if name, err := recognize(j, "JSESSIONID=good"); name != "alice" || err != nil {
			t.Fatalf("a session: %q, %v", name, err)
		}
	}
	if name, err := recognize(asking(), "jira_tokens_session=secret; JSESSIONID=good"); name != "alice" || err != nil {
		t.Errorf("the page's own cookie went to Jira: %q, %v", name, err)
	}
	if asked.Load() != 2 {
		t.Errorf("Jira was asked %d times about one session", asked.Load())
	}
	// Before a change, Jira is always asked, and who has signed out there is forgotten here.
	change := httptest.NewRequest(http.MethodPost, "/", nil)
	change.Header.Set("Cookie", "JSESSIONID=good")
	status = http.StatusUnauthorized
	if person, err := j.Recognize(change); person != nil || err != nil {
		t.Errorf("a change after signing out: %v, %v", person, err)
	}
	if name, err := recognize(j, "JSESSIONID=good"); name != "" || err != nil {
		t.Errorf("a page after that: %q, %v", name, err)
	}
	status = http.StatusOK
	if name, err := recognize(j, "JSESSIONID=good"); name != "alice" || err != nil {
		t.Errorf("signed in again: %q, %v", name, err)
	}
	before := asked.Load()
	for _, cookie := range []string{"theme=dark", "JSESSIONID=", "jira_tokens_session=JSESSIONID"} {
		if name, err := recognize(asking(), cookie); name != "" || err != nil {
			t.Errorf("%q: %q, %v", cookie, name, err)
		}
	}
	if asked.Load() != before {
		t.Error("Jira was asked about cookies that cannot be of a session")
	}
	renamed := asking()
	renamed.Cookies = []string{"JIRA_ID"}
	if _, err := recognize(renamed, "JIRA_ID=x"); err != nil || asked.Load() != before+1 {
		t.Errorf("a cookie by another name: asked %d times, %v", asked.Load()-before, err)
	}
	for _, cookie := range []string{"JSESSIONID=bad", "JSESSIONID=good; other=1", ""} {
		if name, err := recognize(j, cookie); name != "" || err != nil {
			t.Errorf("%q: %q, %v", cookie, name, err)
		}
	}
	for what, answer := range map[string]string{"inactive": `{"name":"alice","active":false}`, "nameless": `{}`, "strange": `{"name":"a\u0000b"}`} {
		body = answer
		if name, err := recognize(asking(), "JSESSIONID=good"); name != "" || err != nil {
			t.Errorf("%s: %q, %v", what, name, err)
		}
	}
	for what, answer := range map[string]string{"a page": `<html>`, "an empty answer": ``} {
		body = answer
		if name, err := recognize(asking(), "JSESSIONID=good"); name != "" || !errors.As(err, new(AskError)) {
			t.Errorf("%s: %q, %v", what, name, err)
		}
	}
	status = http.StatusServiceUnavailable
	if name, err := recognize(asking(), "JSESSIONID=good"); name != "" || !errors.As(err, new(AskError)) {
		t.Errorf("a Jira in trouble: %q, %v", name, err)
	}
	several := new(Jira)
	several.Use(&app{url: site.URL, other: "https://other.example.com"})
	if name, err := recognize(several, "JSESSIONID=good"); name != "" || err == nil {
		t.Errorf("several Jiras: %q, %v", name, err)
	}
	nowhere := new(Jira)
	nowhere.Use(&app{})
	if name, err := recognize(nowhere, "JSESSIONID=good"); name != "" || err == nil {
		t.Errorf("no Jira: %q, %v", name, err)
	}
}

func TestPlaceholder(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	replacer := caddy.NewReplacer()
	r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, replacer))
	p := &Placeholder{User: "{http.auth.user.id}"}
	if person, err := p.Recognize(r); person != nil || err != nil {
		t.Errorf("not set: %v, %v", person, err)
	}
	replacer.Set("http.auth.user.id", "alice")
	if person, err := p.Recognize(r); err != nil || person.Name != "alice" {
		t.Errorf("set: %v, %v", person, err)
	}
	replacer.Set("http.auth.user.id", "a:b")
	if person, err := p.Recognize(r); person != nil || !errors.As(err, new(DeniedError)) {
		t.Errorf("no owner: %v, %v", person, err)
	}
}

func TestIdentityMistakes(t *testing.T) {
	for text, says := range map[string]string{
		"placeholder":             "expected one placeholder",
		"placeholder {a} {b}":     "expected one placeholder",
		"oidc":                    "missing the issuer",
		"oidc https://a b":        "too many arguments",
		"oidc https://a {\n x\n}": "unknown option \"x\" of identity oidc: expected name, client_id",
		"token x":                 "no arguments",
		"jira x":                  "no arguments",
	} {
		d := caddyfile.NewTestDispenser(text)
		d.Next()
		module, err := caddy.GetModule(Namespace + "." + d.Val())
		if err != nil {
			t.Fatal(err)
		}
		d.Reset()
		if err := module.New().(Identity).UnmarshalCaddyfile(d); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for what, module := range map[string]caddy.Validator{
		"no placeholder":        &Placeholder{User: "alice"},
		"half a placeholder":    &Placeholder{User: "{a"},
		"several placeholders":  &Placeholder{User: "{a}{b}"},
		"an issuer without URL": &OIDC{Issuer: "acme", ClientID: "x"},
		"no client":             &OIDC{Issuer: "https://acme.okta.com"},
	} {
		if module.Validate() == nil {
			t.Errorf("%s: no error", what)
		}
	}
}
