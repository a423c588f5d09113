package manager

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// proxied is an Identity that believes two headers, as behind forward_auth.
type proxied struct{ identity.Placeholder }

func (*proxied) Recognize(r *http.Request) (*identity.Person, error) {
	name := r.Header.Get("Remote-User")
	if name == "" {
		return nil, nil
	}
	return &identity.Person{Name: name, Groups: strings.Split(r.Header.Get("Remote-Groups"), ",")}, nil
}

func (*proxied) TellsGroups() bool             { return true }
func (*proxied) Provider() string              { return "proxy" }
func (*proxied) CaddyModule() caddy.ModuleInfo { return identity.Placeholder{}.CaddyModule() }
func (*header) TellsGroups() bool              { return false }

// TestGroupsOfIdentities: the groups that an identity tells give rights on the page, and to
// tokens when they are used; somebody of that name at another identity gets none by them.
func TestGroupsOfIdentities(t *testing.T) {
	a := newApp(t)
	mirror := storage.NewMirror(a.store, facts.KindSignIn, options)
	a.App.(*parts).signIns = facts.NewSignIns(a.store, mirror, a.people, 24*time.Hour, zap.NewNop())
	server := serve(t, a, new(header), new(proxied))
	b := newBrowser(t, server, "")
	as := func(method, path, user, groups string, form url.Values) answer {
		t.Helper()
		h := http.Header{"Remote-User": {user}, "Remote-Groups": {groups}, "Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}}
		return b.do(method, path, strings.NewReader(form.Encode()), h)
	}
	as(http.MethodGet, "/tokens/all", "carol", "staff", nil).want(t, "no group that manages", http.StatusForbidden)
	as(http.MethodGet, "/tokens/all", "carol", "staff,admins", nil).want(t, "in the group", http.StatusOK, "carol")
	admin := token.Record{Owner: "carol", Name: "n", Scope: token.ScopeAdmin, Account: "default"}
	// At another identity, somebody else can be called carol.
	newBrowser(t, server, "carol").get("/tokens/all").want(t, "another carol", http.StatusForbidden)
	newBrowser(t, server, "carol").get("/tokens/api/v1/owners").want(t, "another carol, in the API", http.StatusForbidden)
	as(http.MethodGet, "/tokens/owner?name=carol", "carol", "staff,admins", nil).want(t, "what is known", http.StatusOK, "admins", "staff")
	as(http.MethodGet, "/tokens/trail?action=owner_signed_in", "carol", "staff,admins", nil).want(t, "the trail", http.StatusOK, "Groups told at the sign-in of", "staff")

	// bea may create for others by her group "bi", and so may whoever the proxy puts there.
	as(http.MethodPost, "/tokens/tokens/new", "dora", "bi", url.Values{"name": {"for ci"}, "kind": {"service"}, "owner": {"ci"}, "scope": {"read"}, "expires": {"7d"}}).want(t, "create on behalf", http.StatusCreated)
	as(http.MethodPost, "/tokens/tokens/new", "dora", "staff", url.Values{"name": {"for ci"}, "kind": {"service"}, "owner": {"ci"}, "scope": {"read"}, "expires": {"7d"}}).want(t, "no longer", http.StatusForbidden)
	if standing := a.people.Standing(&admin); standing.Rights == nil || !standing.Rights.Manage() {
		t.Error("at use, the groups do not count")
	}
}

// TestTokensHaveNoGroupsOfIdentities: whoever shows a token of carol's is not for that the
// carol whom an identity provider knows, so its groups give no right to sign in, nor to
// stay.
func TestTokensHaveNoGroupsOfIdentities(t *testing.T) {
	a := newApp(t)
	mirror := storage.NewMirror(a.store, facts.KindSignIn, options)
	signIns := facts.NewSignIns(a.store, mirror, a.people, 24*time.Hour, zap.NewNop())
	a.App.(*parts).signIns = signIns
	server := serve(t, a, new(identity.Token), new(proxied))
	if err := signIns.Record(t.Context(), registry.Actor{Kind: registry.ActorOwner, Name: "carol"}, "carol", "proxy", "", []string{"admins"}); err != nil {
		t.Fatal(err)
	}
	show := func(owner, secret string) (page, api answer) {
		t.Helper()
		b := newBrowser(t, server, "")
		r := http.Request{Header: http.Header{}}
		r.SetBasicAuth(owner, secret)
		return b.post("/tokens/signin", url.Values{"owner": {owner}, "token": {secret}}), b.do(http.MethodGet, "/tokens/api/v1/owners", nil, r.Header)
	}
	carol := a.create(t, map[string]any{"owner": "carol", "name": "n", "scope": "admin", "exempt": "for the test"})
	page, api := show("carol", carol.Token.Reveal())
	page.want(t, "carol's token", http.StatusForbidden, "Only people who manage tokens")
	api.want(t, "carol's token at the API", http.StatusUnauthorized, "Only people who manage tokens")

	// Groups in Jira and in the configuration do count, as long as one is in them.
	dora := a.create(t, map[string]any{"owner": "dora", "name": "n", "scope": "admin", "exempt": "for the test"})
	a.people.Learn(map[string]registry.Facts{"dora": {Name: "dora", Groups: []string{"admins"}}})
	b := newBrowser(t, server, "")
	b.post("/tokens/signin", url.Values{"owner": {"dora"}, "token": {dora.Token.Reveal()}}).want(t, "dora's token", http.StatusSeeOther)
	b.get("/tokens/all").want(t, "dora", http.StatusOK)
	a.people.Learn(map[string]registry.Facts{"dora": {Name: "dora"}})
	b.get("/tokens/tokens").want(t, "dora, who manages no longer", http.StatusSeeOther)
}
