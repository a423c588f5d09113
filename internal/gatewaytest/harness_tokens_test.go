package gatewaytest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// guard records a secret that only the client may see.
func (g *gateway) guard(owner, secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens = append(g.tokens, secret,
		base64.StdEncoding.EncodeToString([]byte(owner+":"+secret)),
		base64.StdEncoding.EncodeToString([]byte(secret)))
}

// issued is a token as its owner sees it.
type issued struct {
	ID      string `json:"id"`
	Token   string `json:"token"`
	Owner   string `json:"owner"`
	Name    string `json:"name"`
	Scope   string `json:"scope"`
	State   string `json:"state"`
	Account string `json:"account"`
	Version uint64 `json:"version"`
}

func (i issued) basic() string { return basic(i.Owner, i.Token) }

// wrong returns the token with another last character.
func (i issued) wrong() string {
	last := "0"
	if strings.HasSuffix(i.Token, last) {
		last = "1"
	}
	return i.Token[:len(i.Token)-1] + last
}

func (i issued) bearer() string { return "Authorization: Bearer " + i.Token + "\r\n" }

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
}

// issue creates a token through the admin API. fields are pairs of names and values.
func (g *gateway) issue(owner, scope string, fields ...any) issued {
	g.t.Helper()
	i := g.decoy(owner, scope, fields...)
	g.guard(i.Owner, i.Token)
	return i
}

// decoy issues a token that the test itself puts where no secret belongs.
func (g *gateway) decoy(owner, scope string, fields ...any) issued {
	g.t.Helper()
	body := map[string]any{"owner": owner, "name": "test", "scope": scope}
	for i := 0; i < len(fields); i += 2 {
		body[fields[i].(string)] = fields[i+1]
	}
	var made issued
	g.call("POST", "/jira_tokens/tokens", body, http.StatusCreated, &made)
	return made
}

// call sends a request to the admin API and checks the status.
func (g *gateway) call(method, path string, body any, status int, into any) {
	g.t.Helper()
	text := []byte{}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			g.t.Fatal(err)
		}
	}
	got, answer := g.adminCall(method, path, string(text))
	if got != status {
		g.t.Fatalf("%s %s: HTTP %d, want %d: %s", method, path, got, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			g.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// adminCall sends a request to the admin API.
func (g *gateway) adminCall(method, path, body string) (status int, answer string) {
	g.t.Helper()
	status, answer, err := g.tryAdmin(method, path, body)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, answer
}

func (g *gateway) tryAdmin(method, path, body string) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+g.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	// A reload closes idle connections, and a POST on one of them is not retried.
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		checkDocumented(g.t, response, text)
	}
	return response.StatusCode, string(text), err
}
