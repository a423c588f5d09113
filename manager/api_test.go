package manager

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestAPI(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	send := func(b *browser, method, path, body string) answer {
		return b.do(method, "/tokens/api/v1/"+path, strings.NewReader(body), http.Header{"Content-Type": {"application/json"}})
	}
	created := send(alice, http.MethodPost, "tokens", `{"owner":"alice","name":"by the API"}`)
	created.want(t, "create", http.StatusCreated, `"token":"jt_`)
	var view struct{ ID string }
	if err := json.Unmarshal([]byte(created.body), &view); err != nil {
		t.Fatal(err)
	}
	send(alice, http.MethodPost, "tokens", `{"owner":"bob","name":"n"}`).want(t, "for another", http.StatusForbidden, "on_behalf")
	send(alice, http.MethodGet, "tokens/"+view.ID, "").want(t, "show", http.StatusOK, "by the API")
	send(alice, http.MethodDelete, "tokens/"+view.ID, "").want(t, "delete", http.StatusMethodNotAllowed)
	for _, path := range []string{"owners", "accounts", "health", "check", "audit"} {
		send(alice, http.MethodGet, path, "").want(t, path, http.StatusForbidden)
	}
	send(root, http.MethodGet, "audit", "").want(t, "the trail", http.StatusOK, `"name":"alice"`)
	for _, b := range []*browser{alice, root} {
		send(b, http.MethodGet, "export", "").want(t, "an export", http.StatusNotFound)
		send(b, http.MethodPost, "import", "").want(t, "an import", http.StatusNotFound)
	}
}

// TestDisabledByAdministratorToo: what an administrator disables although its owner has done
// so before, its owner cannot enable.
func TestDisabledByAdministratorToo(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	path := "/tokens/api/v1/tokens/" + a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	send := func(b *browser, do string) answer {
		return b.do(http.MethodPost, path+"/"+do, strings.NewReader("{}"), http.Header{"Content-Type": {"application/json"}})
	}
	send(alice, "disable").want(t, "the owner", http.StatusOK, `"disabled"`)
	send(root, "disable").want(t, "the administrator", http.StatusOK, `"disabled"`)
	send(alice, "disable").want(t, "the owner again", http.StatusOK, `"disabled"`)
	send(alice, "enable").want(t, "the owner enables it", http.StatusForbidden, "ask them to enable it")
	send(root, "enable").want(t, "the administrator enables it", http.StatusOK, `"active"`)
	send(alice, "disable").want(t, "the owner later", http.StatusOK, `"disabled"`)
	send(alice, "enable").want(t, "the owner's own doing", http.StatusOK, `"active"`)
}

// TestAPIForPrograms: programs send an owner and a token, and need no session.
func TestAPIForPrograms(t *testing.T) {
	a := newApp(t)
	a.limits.Failures = token.Limit{Requests: 3, Period: time.Minute, Burst: 3}
	server := serve(t, a, new(header), new(identity.Token))
	program := newBrowser(t, server, "")
	send := func(method, path, owner, secret string) answer {
		t.Helper()
		r := http.Request{Header: http.Header{"User-Agent": {"sync/1.0"}}}
		r.SetBasicAuth(owner, secret)
		return program.do(method, "/tokens/api/v1/"+path, strings.NewReader("{}"), r.Header)
	}
	writer := a.create(t, map[string]any{"owner": "root", "name": "writer", "scope": "admin", "exempt": "for the test"})
	reader := a.create(t, map[string]any{"owner": "root", "name": "reader", "limit": "4/m"})
	bounded := a.create(t, map[string]any{"owner": "root", "name": "bounded", "scope": "admin", "exempt": "for the test", "limit_writes": "1/d"})
	alice := a.create(t, map[string]any{"owner": "alice", "name": "no manager"})
	target := "tokens/" + alice.Record.ID

	listed := send(http.MethodGet, "tokens", "root", reader.Token.Reveal())
	listed.want(t, "looking", http.StatusOK, "no manager")
	if listed.header.Get("Set-Cookie") != "" {
		t.Error("a program gets a session")
	}
	if !slices.Contains(a.used, reader.Record.ID+" sync/1.0") {
		t.Errorf("used: %q", a.used)
	}
	send(http.MethodPost, target+"/disable", "root", reader.Token.Reveal()).want(t, "changing with a token that reads", http.StatusForbidden, "can only look")
	send(http.MethodPost, target+"/disable", "root", bounded.Token.Reveal()).want(t, "changing beyond the limit of writes", http.StatusForbidden, "can only look")
	send(http.MethodPost, target+"/disable", "root", writer.Token.Reveal()).want(t, "changing", http.StatusOK, `"disabled"`)
	send(http.MethodPost, target+"/disable", "root", alice.Token.Reveal()).want(t, "with somebody else's token", http.StatusUnauthorized, "not the name of an owner")
	refused := send(http.MethodGet, "tokens", "alice", alice.Token.Reveal())
	refused.want(t, "with a token that is disabled", http.StatusUnauthorized, "does not work now")
	if refused.header.Get("Www-Authenticate") == "" {
		t.Error("401 without WWW-Authenticate")
	}

	// What something in front of the manager has asked for is not a token.
	signedIn := newBrowser(t, server, "alice")
	signedIn.do(http.MethodGet, "/tokens/api/v1/tokens", nil, http.Header{"Authorization": {"Basic YWxpY2U6cGFzc3dvcmQ="}}).want(t, "a password of another handler", http.StatusOK)

	for range 3 {
		send(http.MethodGet, "tokens", "root", reader.Token.Reveal())
	}
	limited := send(http.MethodGet, "tokens", "root", reader.Token.Reveal())
	limited.want(t, "beyond the token's limit", http.StatusTooManyRequests, "as many requests as it may")
	if limited.header.Get("Retry-After") == "" {
		t.Error("429 without Retry-After")
	}
	// Guesses count, here and wherever else tokens are shown.
	for range 3 {
		send(http.MethodGet, "tokens", "eve", "a guess")
	}
	guessed := send(http.MethodGet, "tokens", "eve", "a guess")
	guessed.want(t, "guessing", http.StatusTooManyRequests, "too many attempts")
	if a.limits.Blocked(netip.MustParseAddr("127.0.0.1"), "eve") == nil {
		t.Error("guesses at the API do not count elsewhere")
	}
}

// TestPeopleSendAccountsNowhere: whoever says where an account's requests are sent, reads
// them.
func TestPeopleSendAccountsNowhere(t *testing.T) {
	root := newBrowser(t, serve(t, newApp(t), new(header)), "root")
	for _, path := range []string{"accounts", "accounts/bot/replace"} {
		for _, field := range []string{"api_url", "token_url"} {
			body := `{"name":"bot","cloud":"https://acme.atlassian.net","user":"x","secret":"y","scoped":true,"` + field + `":"https://evil.example.com"}`
			root.do(http.MethodPost, "/tokens/api/v1/"+path, strings.NewReader(body), http.Header{"Content-Type": {"application/json"}}).
				want(t, path+" "+field, http.StatusForbidden, field)
		}
	}
}
