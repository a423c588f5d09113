package handler

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// oneToken is an app with a single token.
type oneToken struct {
	token.Token
	record  *token.Record
	account *jira.Account
	limits  *limits.Limits
	rights  *policy.Rights
	// noAccount is why there is no account.
	noAccount error
	held      *approvalsInMemory
}

func newToken(secret token.Token, scope token.Scope) oneToken {
	return newOneToken(secret, &token.Record{
		ID: secret.ID(), Owner: "alice", Scope: scope, Account: "default",
		Status: token.StatusActive, Digest: secret.Digest(),
	})
}

func newOneToken(secret token.Token, record *token.Record) oneToken {
	return oneToken{secret, record, jira.NewAccount("default", jira.Bearer("secret"), jira.AccountOptions{ProbeInterval: time.Minute}), new(limits.Limits), new(policy.Policy).Rights(nil), nil, &approvalsInMemory{known: make(map[string]*Approval)}}
}

// ownAccountJira is the only Jira with an own account.
const ownAccountJira = "https://jira.example.com"

func (oneToken) OwnAccount(context.Context, string, string) (*jira.Account, error) {
	return nil, jira.ErrUnknownAccount
}

// ownerApp is an app with the own account of an owner at ownAccountJira.
type ownerApp struct {
	oneToken
	owner string
}

func (o ownerApp) OwnAccount(_ context.Context, owner, url string) (*jira.Account, error) {
	if owner != o.owner || url != ownAccountJira {
		return nil, jira.ErrUnknownAccount
	}
	return jira.NewAccount("own (alice)", jira.Bearer("own-secret"), jira.AccountOptions{Site: ownAccountJira, ProbeInterval: time.Minute}), nil
}

func (o oneToken) withAccount(account *jira.Account) oneToken {
	o.account = account
	return o
}

func (o oneToken) Standing(*token.Record) policy.Standing { return policy.Standing{Rights: o.rights} }

func (o oneToken) Lookup(_ context.Context, presented token.Token) (*token.Record, error) {
	if presented != o.Token {
		return nil, storage.ErrNotFound
	}
	return o.record, nil
}

// cachedToken is an app with a single token, in a real registry and cache.
type cachedToken struct {
	oneToken
	registry *registry.Registry
}

func newCachedToken(t testing.TB, scope token.Scope) cachedToken {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { store.Close() })
	cache := storage.NewCache(t.Context(), store, storage.CacheOptions{Size: 100, TTL: time.Hour, ReadTimeout: time.Second})
	r := registry.New(store, cache, storage.NewUseLog(store, func(int, error) {}), nil, func() []string { return []string{"default"} })
	edit, err := token.NewEdit(map[string]any{"owner": "alice", "name": "test", "scope": scope})
	if err != nil {
		t.Fatal(err)
	}
	issued, err := r.Create(t.Context(), storage.Actor{}, edit)
	if err != nil {
		t.Fatal(err)
	}
	return cachedToken{newOneToken(issued.Token, issued.Record), r}
}

func (o oneToken) Known(presented token.Token) bool { return presented == o.Token }

func (c cachedToken) Known(presented token.Token) bool { return c.registry.Known(presented) }

func (c cachedToken) Lookup(ctx context.Context, presented token.Token) (*token.Record, error) {
	return c.registry.Lookup(ctx, presented)
}

func (oneToken) Configured(name string) bool { return name != token.OwnAccount }
func (o oneToken) Account(context.Context, string) (*jira.Account, error) {
	if o.noAccount != nil {
		return nil, o.noAccount
	}
	return o.account, nil
}
func (o oneToken) Approvals() Approvals   { return o.held }
func (o oneToken) Limits() *limits.Limits { return o.limits }

func (oneToken) Used(string, netip.Addr, string) {}
func (oneToken) Decided(Outcome)                 {}
func (oneToken) Trail() Trail                    { return noTrail{} }
func (oneToken) TokenManager() string            { return "https://jira.example.com/tokens" }
func (oneToken) AddJira(Jira) error              { return nil }
func (oneToken) AddGateway(*Handler)             {}
func (oneToken) Endpoints() Endpoints            { return testEndpoints{} }

// noTrail records nothing.
type noTrail struct{}

func (noTrail) Denied(context.Context, DenialKind, time.Time, func() Recorded) error { return nil }
func (noTrail) WriteBegins(context.Context, func() Recorded) error                   { return nil }
func (noTrail) Wrote(context.Context, Recorded)                                      {}

func newHandler(t testing.TB, app App, front, passwords string) *Handler {
	t.Helper()
	operations, err := jira.DefaultOperations()
	if err != nil {
		t.Fatal(err)
	}
	headers, err := newHeaderLists(nil)
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{
		headers: headers,
		Front:   front, Passwords: passwords, app: app, operations: operations,
		reachable: jira.DefaultPaths(), now: time.Now, logger: zap.NewNop(), denials: newDenialSampler(),
	}
	h.setDefaults()
	return h
}

func basicOf(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// FuzzCredentials checks that an Authorization value is accepted only if it contains
// the token byte for byte, with its owner, and that no value with one of our tokens
// reaches Jira. The oracle shares no code with the handler: it splits the value at
// white space and decodes the second part.
func FuzzCredentials(f *testing.F) {
	// Always the same token: the fuzzer's workers are separate processes, and must
	// know the token in the inputs.
	known, err := token.Parse("jt_6i0Wt7L3ZJ_dpLXxutzC8RpDL0uSDFWlhArNg13nYkh2foiTa")
	if err != nil {
		f.Fatal(err)
	}
	app := newToken(known, token.ScopeRead)
	secret := app.Reveal()
	passing := []string{
		basicOf("alice", secret), basicOf("ALICE", secret), "basic " + basicOf("alice", secret)[len("Basic "):],
		"Bearer " + secret, "bearer  " + secret + " ",
	}
	for _, value := range append(passing,
		basicOf("bob", secret), basicOf("", secret), basicOf("alice", secret+"x"), basicOf("alice", "x"+secret), basicOf("alice:", secret),
		basicOf(secret, ""), "Basic", "Basic "+secret, "Bearer x"+secret, "Bearer "+secret+"x", "Bearer "+secret+" x", "x Bearer "+secret,
		basicOf("alice", "jt_nonsense"), basicOf("alice", "password"), "Negotiate abc", "", "\t",
		"Basic\n"+basicOf("alice", secret)[len("Basic "):], "Basic\u0085"+basicOf("alice", secret)[len("Basic "):],
		"Basic "+base64.RawStdEncoding.EncodeToString([]byte("alice:"+secret)),
	) {
		f.Add(value)
	}
	api := newHandler(f, app, frontAPI, passwordsDeny)
	site := newHandler(f, app, frontSite, passwordsPass)
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/rest/api/2/myself", nil)
		r.Header["Authorization"] = []string{value}
		d := &Decision{now: time.Now(), Address: netip.MustParseAddr("127.0.0.1")}
		denied := api.decide(r, d)
		if denied == nil && !holds(value, "alice", secret) {
			t.Errorf("%q passes", value)
		}
		if denied != nil && slices.Contains(passing, value) {
			t.Errorf("%q is refused: %s", value, denied.reason)
		}
		if d.passThrough {
			t.Errorf("%q passes through front api", value)
		}
		d = &Decision{now: time.Now(), Address: netip.MustParseAddr("127.0.0.1")}
		if _ = site.decide(r, d); d.passThrough && holdsSome(value) {
			t.Errorf("%q is handed to Jira", value)
		}
	})
}

// holds reports whether an Authorization value is a Bearer credential that is
// the secret, or a Basic one that is the owner, a colon and the secret.
func holds(value, owner, secret string) bool {
	parts := strings.Fields(value)
	if len(parts) != 2 {
		return false
	}
	switch strings.ToLower(parts[0]) {
	case "bearer":
		return parts[1] == secret
	case "basic":
		decoded, err := base64.StdEncoding.DecodeString(parts[1])
		user, found := strings.CutSuffix(strings.TrimRight(string(decoded), "\r\n"), ":"+secret)
		return err == nil && found && strings.EqualFold(user, owner)
	}
	return false
}

// holdsSome reports whether a Basic value has a password that begins as tokens
// of the gateway do.
func holdsSome(value string) bool {
	parts := strings.Fields(value)
	if len(parts) != 2 || !strings.EqualFold(parts[0], "basic") {
		return false
	}
	decoded, err := base64.StdEncoding.DecodeString(parts[1])
	return err == nil && strings.Contains(string(decoded), ":jt_")
}

func TestWithoutRedirect(t *testing.T) {
	for query, want := range map[string]string{
		"":                           "redirect=false",
		"redirect=true":              "redirect=false",
		"Redirect=true&a=b":          "a=b&redirect=false",
		"a=b&redirect=false&c=%20%2": "a=b&c=%20%2&redirect=false",
	} {
		if got := withoutRedirect(query); got != want {
			t.Errorf("%q becomes %q, want %q", query, got, want)
		}
	}
}

// BenchmarkDecide is the decision alone: from credentials to allowed, with the
// token known.
func BenchmarkDecide(b *testing.B) {
	app := newCachedToken(b, token.ScopeRead)
	h := newHandler(b, app, frontAPI, passwordsDeny)
	r := httptest.NewRequest(http.MethodGet, "/rest/api/2/search?jql=project=DEMO", nil)
	r.Header.Set("Authorization", basicOf("alice", app.Reveal()))
	address, now := netip.MustParseAddr("127.0.0.1"), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		d := &Decision{now: now, Address: address}
		if denied := h.decide(r, d); denied != nil {
			b.Fatal(denied.message)
		}
	}
}
