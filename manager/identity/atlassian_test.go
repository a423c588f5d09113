package identity

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// atlassian is a stand-in for Atlassian, which knows one code.
type atlassian struct {
	*httptest.Server
	me     map[string]any
	status int
	form   url.Values
}

func newAtlassian(t *testing.T) (*atlassian, *Atlassian) {
	t.Helper()
	stand := &atlassian{status: http.StatusOK}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		if stand.form = r.PostForm; r.PostForm.Get("code") != "good" {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"s3cret"}`))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"access","token_type":"Bearer","expires_in":3600,"scope":"read:me"}`))
	})
	mux.HandleFunc("GET /me", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer access" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(stand.status)
		_ = json.NewEncoder(w).Encode(stand.me)
	})
	stand.Server = httptest.NewServer(mux)
	t.Cleanup(stand.Close)
	way := &Atlassian{ClientID: "id", ClientSecret: "s3cret"}
	if err := way.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	if err := way.Validate(); err != nil {
		t.Fatal(err)
	}
	way.endpoint.AuthURL, way.endpoint.TokenURL, way.meURL = stand.URL+"/authorize", stand.URL+"/oauth/token", stand.URL+"/me"
	return stand, way
}

func TestAtlassian(t *testing.T) {
	stand, way := newAtlassian(t)
	const callback = "https://jira.example.com/tokens/signin/0/callback"
	to, flow, err := way.Begin(t.Context(), callback)
	if err != nil {
		t.Fatal(err)
	}
	begun, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"audience": "api.atlassian.com", "scope": "read:me", "prompt": "consent", "response_type": "code", "client_id": "id", "redirect_uri": callback, "state": flow.State, "code_challenge_method": "S256",
	} {
		if got := begun.Query().Get(name); got != want || got == "" {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	finish := func(code string, flow Flow) (*Person, error) {
		return way.Finish(t.Context(), callback, url.Values{"code": {code}, "state": {begun.Query().Get("state")}}, flow)
	}
	mia := map[string]any{"account_id": "112233aa", "account_type": "atlassian", "account_status": "active", "email": "mia@example.com", "email_verified": true}
	stand.me = mia
	person, err := finish("good", flow)
	if err != nil || person.Name != "mia@example.com" || person.Subject != "112233aa" {
		t.Fatalf("%+v, %v", person, err)
	}
	if stand.form.Get("client_secret") != "s3cret" || stand.form.Get("code_verifier") != flow.Verifier || stand.form.Get("redirect_uri") != callback {
		t.Errorf("the code was exchanged with %v", stand.form)
	}
	way.User = "account_id"
	if person, err := finish("good", flow); err != nil || person.Name != "112233aa" {
		t.Errorf("by account ID: %+v, %v", person, err)
	}
	way.User = "email"

	denied := func(what string, changes map[string]any) {
		t.Helper()
		stand.me = make(map[string]any)
		for name, value := range mia {
			stand.me[name] = value
		}
		for name, value := range changes {
			stand.me[name] = value
		}
		if person, err := finish("good", flow); !errors.As(err, new(DeniedError)) {
			t.Errorf("%s: %+v, %v", what, person, err)
		}
	}
	denied("an address that is not verified", map[string]any{"email_verified": false})
	denied("an address of which nobody says that it is verified", map[string]any{"email_verified": nil})
	denied("no address", map[string]any{"email": ""})
	denied("an account that is closed", map[string]any{"account_status": "closed"})
	denied("a name that is none", map[string]any{"email": "a:b\n"})
	denied("no account", map[string]any{"account_id": ""})
	if _, err := way.Finish(t.Context(), callback, url.Values{"code": {"good"}, "state": {"another"}}, flow); !errors.As(err, new(DeniedError)) {
		t.Errorf("another's state: %v", err)
	}
	if _, err := finish("good", Flow{}); !errors.As(err, new(DeniedError)) {
		t.Errorf("no flow: %v", err)
	}
	if _, err := way.Finish(t.Context(), callback, url.Values{"error": {"access_denied"}, "state": {flow.State}}, flow); !errors.As(err, new(DeniedError)) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := finish("bad", flow); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a wrong code: %v", err)
	}
	stand.status = http.StatusServiceUnavailable
	if _, err := finish("good", flow); err == nil {
		t.Error("Atlassian is away, but somebody has signed in")
	}
}

func TestAtlassianConfiguration(t *testing.T) {
	for what, way := range map[string]*Atlassian{
		"no ID": {ClientSecret: "s"}, "no secret": {ClientID: "i"}, "no such user": {ClientID: "i", ClientSecret: "s", User: "name"},
	} {
		if err := way.Provision(caddy.Context{}); err != nil {
			continue
		}
		if way.Validate() == nil {
			t.Errorf("%s is accepted", what)
		}
	}
}

func TestOIDCGroups(t *testing.T) {
	way := &OIDC{Issuer: "https://acme.okta.com", UserClaim: "sub", GroupsClaim: "groups"}
	for what, test := range map[string]struct {
		claim any
		want  string
	}{"a list": {[]any{"a", "b c", 1, nil}, "a|b c"}, "one": {"a", "a"}, "none": {nil, ""}, "an object": {map[string]any{"a": 1}, ""}} {
		person, err := way.person(map[string]any{"sub": "alice", "groups": test.claim})
		if err != nil || strings.Join(person.Groups, "|") != test.want || person.Subject != "alice" {
			t.Errorf("%s: %+v, %v", what, person, err)
		}
	}
	way.GroupsClaim = ""
	if person, err := way.person(map[string]any{"sub": "alice", "groups": []any{"a"}}); err != nil || person.Groups != nil {
		t.Errorf("groups that nobody asked for: %+v, %v", person, err)
	}
}
