package manager

import (
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var secretPattern = regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`)

func TestTokenOnThePage(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	alice.get("/tokens/").want(t, "no tokens", http.StatusOK, "No tokens yet")
	alice.get("/tokens/tokens/new").want(t, "the form", http.StatusOK, "What it may do", "The policy does not allow it for you: ask somebody who manages tokens.")

	form := url.Values{"name": {"Power BI"}, "scope": {"read"}, "expires": {"30d"}, "projects": {"ACME, OPS"}, "hide_comments": {"true"}, "allow_ip": {"203.0.113.0/24"}}
	refused := alice.post("/tokens/tokens/new", form)
	// There is no Jira to ask about the projects: what was typed stays.
	refused.want(t, "projects without a Jira", http.StatusConflict, "ACME, OPS", "203.0.113.0/24", "Power BI")
	form.Del("projects")
	form.Del("hide_comments")
	created := alice.post("/tokens/tokens/new", form)
	created.want(t, "create", http.StatusCreated, "shown only this once", "curl", "GitHub Actions")
	secret := secretPattern.FindString(created.body)
	presented, err := token.Parse(secret)
	if err != nil {
		t.Fatalf("no token on the page: %v", err)
	}
	record, err := a.registry.Lookup(t.Context(), presented)
	if err != nil || record.Owner != "alice" || record.Name != "Power BI" {
		t.Fatalf("the token: %+v, %v", record, err)
	}
	for _, path := range []string{"/tokens/", "/tokens/tokens/" + record.ID} {
		page := alice.get(path)
		page.want(t, path, http.StatusOK, "Power BI", "from 203.0.113.0/24")
		if strings.Contains(page.body, secret) {
			t.Errorf("%s shows the token again", path)
		}
	}

	path := "/tokens/tokens/" + record.ID
	alice.post(path+"/edit", url.Values{"name": {"Tableau"}, "scope": {"read"}, "version": {"1"}}).want(t, "change", http.StatusSeeOther)
	alice.post(path+"/edit", url.Values{"name": {"Excel"}, "scope": {"read"}, "version": {"1"}}).want(t, "a stale form", http.StatusConflict, "Excel")
	alice.get(path).want(t, "changed", http.StatusOK, "Tableau")
	alice.get(path+"/rotate").want(t, "the question", http.StatusOK, "Replace the token")
	rotated := alice.post(path+"/rotate", url.Values{"overlap": {"1h"}})
	rotated.want(t, "rotate", http.StatusCreated, "still works until")
	if next := secretPattern.FindString(rotated.body); next == "" || next == secret {
		t.Errorf("rotating shows %q", next)
	}
	alice.post(path+"/disable", nil).want(t, "disable", http.StatusSeeOther)
	alice.post(path+"/disable", nil).want(t, "disable again", http.StatusConflict)
	alice.post(path+"/enable", nil).want(t, "enable", http.StatusSeeOther)
	alice.post(path+"/revoke", nil).want(t, "revoke", http.StatusSeeOther)
	if _, err := a.registry.Lookup(t.Context(), presented); err == nil {
		if record, _ := a.registry.Show(t.Context(), record.ID); record.Status != token.StatusRevoked {
			t.Error("the token still works")
		}
	}
}

func TestAddressOfTheActor(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	alice.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"7d"}}).want(t, "create", http.StatusCreated)
	page, err := a.registry.Events(t.Context(), registry.EventQuery{})
	if err != nil || len(page.Events) == 0 {
		t.Fatalf("%v, %v", page, err)
	}
	last := page.Events[len(page.Events)-1]
	if _, err := netip.ParseAddr(last.Actor.Address); err != nil || last.Actor.Name != "alice" || last.Actor.Kind != registry.ActorOwner {
		t.Errorf("the actor is %+v", last.Actor)
	}
}

// TestEndedToken: the page of a revoked or disabled token says first who ended it, and no
// list says that it ends in 30 days.
func TestEndedToken(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	active := a.create(t, map[string]any{"owner": "bob", "name": "active", "expires_at": "30d"}).Record.ID
	root.get("/tokens/tokens/"+active).want(t, "active", http.StatusOK, "Ends", "in 30 days")
	for action, word := range map[string]string{"revoke": "Revoked", "disable": "Disabled"} {
		id := a.create(t, map[string]any{"owner": action + "d", "name": "n", "expires_at": "30d"}).Record.ID
		root.post("/tokens/tokens/"+id+"/"+action, url.Values{}).want(t, action, http.StatusSeeOther)
		page, list := root.get("/tokens/tokens/"+id), root.get("/tokens/all?owner="+action+"d")
		page.wantText(t, word, word+" by root from 127.0.0.1, just now (")
		if revoked := action == "revoke"; revoked == strings.Contains(page.body+list.body, "in 30 days") || revoked == strings.Contains(list.body, "once it is enabled") {
			t.Errorf("%s: %s", word, list.text())
		}
	}
}
