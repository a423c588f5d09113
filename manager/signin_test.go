package manager

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestSignInWithToken(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token))
	root := a.create(t, map[string]any{"owner": "root", "name": "sign in", "scope": "admin", "exempt": "for the test"})
	alice := a.create(t, map[string]any{"owner": "alice", "name": "no manager"})
	b := newBrowser(t, server, "")
	for what, form := range map[string]url.Values{
		"no manager":  {"owner": {"alice"}, "token": {alice.Token.Reveal()}},
		"wrong owner": {"owner": {"eve"}, "token": {root.Token.Reveal()}},
		"no token":    {"owner": {"root"}, "token": {"password"}},
		"nothing":     {},
	} {
		answer := b.post("/tokens/signin", form)
		answer.want(t, what, http.StatusForbidden)
		if answer.header.Get("Set-Cookie") != "" || strings.Contains(answer.body, root.Token.Reveal()) {
			t.Errorf("%s: a session, or the token is shown", what)
		}
	}
	answer := b.post("/tokens/signin", url.Values{"owner": {"root"}, "token": {root.Token.Reveal()}, "next": {"all?state=active"}})
	answer.want(t, "sign in", http.StatusSeeOther)
	cookie := answer.header.Get("Set-Cookie")
	if answer.header.Get("Location") != "/tokens/all?state=active" || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") ||
		!strings.Contains(cookie, "Path=/tokens/") || strings.Contains(cookie, "Domain") {
		t.Errorf("leads to %q with %q", answer.header.Get("Location"), cookie)
	}
	b.get("/tokens/all").want(t, "signed in", http.StatusOK, "no manager")
	b.get("/tokens/api/v1/tokens").want(t, "the API", http.StatusOK, `"tokens":[`)

	// What is in the cookie is still good for nothing after signing out.
	stolen := http.Header{"Cookie": {strings.Split(cookie, ";")[0]}}
	thief := newBrowser(t, server, "")
	thief.do(http.MethodGet, "/tokens/all", nil, stolen).want(t, "before signing out", http.StatusOK)
	b.post("/tokens/signout", nil).want(t, "sign out", http.StatusSeeOther)
	b.get("/tokens/all").want(t, "signed out", http.StatusSeeOther)
	thief.do(http.MethodGet, "/tokens/all", nil, stolen).want(t, "after signing out", http.StatusSeeOther)
	for what, value := range map[string]string{"forged": cookie[:len(session.CookieName)+20] + "x.y.z", "none": session.CookieName + "=", "unsigned": session.CookieName + "=eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0."} {
		thief.do(http.MethodGet, "/tokens/all", nil, http.Header{"Cookie": {value}}).want(t, what, http.StatusSeeOther)
	}
}

func TestSafeNext(t *testing.T) {
	for text, want := range map[string]string{
		"all?state=active": "all?state=active", "tokens/0123456789": "tokens/0123456789", "": "",
		"https://evil.example.com/": "", "//evil.example.com/": "", "/etc": "", `\\evil.example.com`: "", "../../admin": "admin", "signin/0": "", "javascript:alert(1)": "", "signout": "",
	} {
		if got := safeNext(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestWhereSigningInLeads: what is not a page, or is too long for one, becomes the first page.
func TestWhereSigningInLeads(t *testing.T) {
	a := newApp(t)
	root := a.create(t, map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"})
	server := serve(t, a, new(identity.Token), new(otherSite))
	long := "all?q=" + strings.Repeat("a", 1900)
	for next, want := range map[string]string{
		"all?state=active": "all?state=active", long: long, "tokens/0123456789/revoke": "tokens/0123456789/revoke", "own/": "own",
		"signout": "", "signin": "", "nothing": "", "all/nothing": "", "api/v1/tokens": "", "assets/x": "",
		"all?q=" + strings.Repeat("a", 2000): "", strings.Repeat("ü", 400): "", "all?" + strings.Repeat("<", 300_000): "",
	} {
		for what, owner := range map[string]string{"root": root.Token.Reveal(), " root\t": "\u00a0" + root.Token.Reveal() + "\r\n"} {
			answer := newBrowser(t, server, "").post("/tokens/signin", url.Values{"owner": {what}, "token": {owner}, "next": {next}})
			answer.want(t, next[:min(len(next), 30)], http.StatusSeeOther)
			if got := answer.header.Get("Location"); got != "/tokens/"+want {
				t.Errorf("%.30q leads to %.60q", next, got)
			}
		}
	}
	// A browser drops a cookie of more than 4 kB, and nobody could sign in.
	for _, next := range []string{long, "all?q=" + strings.Repeat("b", 100_000), "all?" + strings.Repeat("a&", 900)} {
		begun := newBrowser(t, server, "").get("/tokens/signin/1?next=" + url.QueryEscape(next))
		begun.want(t, "begin", http.StatusSeeOther)
		if cookie := begun.header.Get("Set-Cookie"); len(cookie) > 4096 || cookie == "" {
			t.Errorf("the cookie for %.10s has %d bytes", next, len(cookie))
		}
	}
	to := newBrowser(t, server, "").get("/tokens/all?q=" + strings.Repeat("c", 100_000))
	to.want(t, "a long address", http.StatusSeeOther)
	if got := to.header.Get("Location"); got != "/tokens/signin?next=" {
		t.Errorf("leads to %.60s", got)
	}
}

func TestSignInWithLimitedTokens(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(identity.Token))
	signIn := func(secret string) (*browser, answer) {
		t.Helper()
		b := newBrowser(t, server, "")
		return b, b.post("/tokens/signin", url.Values{"owner": {"root"}, "token": {secret}})
	}
	for what, fields := range map[string]map[string]any{
		"confined": {"confine": map[string]any{"hide": []string{"summary"}}},
		"held":     {"hold_writes": true},
	} {
		limited := map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"}
		maps.Copy(limited, fields)
		_, answer := signIn(a.create(t, limited).Token.Reveal())
		answer.want(t, what, http.StatusForbidden, "limited to a part")
	}

	// A token that only reads is good for looking.
	reader := a.create(t, map[string]any{"owner": "root", "name": "reader"})
	b, answer := signIn(reader.Token.Reveal())
	answer.want(t, "a token that reads", http.StatusSeeOther)
	b.get("/tokens/all").want(t, "looking", http.StatusOK, "reader")
	b.post("/tokens/tokens/"+reader.Record.ID+"/revoke", nil).want(t, "changing", http.StatusForbidden, "change nothing")
	b.post("/tokens/api/v1/tokens/"+reader.Record.ID+"/revoke", nil).want(t, "changing by the API", http.StatusForbidden, "can only look")

	// The session ends with the token, or with its secret.
	ends := map[string]func(id string) error{
		"revoked": func(id string) error {
			_, err := a.registry.Revoke(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id)
			return err
		},
		"disabled": func(id string) error {
			_, err := a.registry.Disable(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id)
			return err
		},
		"deleted": func(id string) error {
			return a.registry.Delete(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id)
		},
	}
	for what, end := range ends {
		issued := a.create(t, map[string]any{"owner": "root", "name": "n"})
		b, _ := signIn(issued.Token.Reveal())
		b.get("/tokens/all").want(t, "before it is "+what, http.StatusOK)
		if err := end(issued.Record.ID); err != nil {
			t.Fatal(err)
		}
		b.get("/tokens/all").want(t, what, http.StatusSeeOther)
	}

	// Nor does it outlive what the token may do.
	for what, change := range map[string]map[string]any{
		"confined":       {"confine": map[string]any{"hide": []string{"summary"}}},
		"held":           {"hold_writes": true},
		"used elsewhere": {"allow_ip": []string{"192.0.2.1"}},
		"only reads":     {"scope": "read"},
	} {
		issued := a.create(t, map[string]any{"owner": "root", "name": "n", "scope": "admin", "exempt": "for the test"})
		b, _ := signIn(issued.Token.Reveal())
		b.get("/tokens/all").want(t, "before it is "+what, http.StatusOK)
		edit, err := token.NewEdit(change)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.registry.Update(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, issued.Record.ID, edit); err != nil {
			t.Fatal(err)
		}
		b.get("/tokens/all").want(t, what, http.StatusSeeOther)
	}
	rotated := a.create(t, map[string]any{"owner": "root", "name": "n"})
	if _, err := a.registry.Rotate(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, rotated.Record.ID, time.Hour); err != nil {
		t.Fatal(err)
	}
	_, answer = signIn(rotated.Token.Reveal())
	answer.want(t, "a secret in its overlap", http.StatusForbidden, "replaced by a rotation")
}
