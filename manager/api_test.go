package manager

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
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
