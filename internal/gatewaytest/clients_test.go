package gatewaytest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/clienttest"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// TestClients has real clients read, write, and be denied, through a gateway in
// front of each kind of Jira.
func TestClients(t *testing.T) {
	for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
		for _, client := range clienttest.All() {
			if dress == fakejira.Cloud && !client.Cloud || dress == fakejira.DataCenter && !client.DataCenter {
				continue
			}
			t.Run(client.Name+" "+dress.String(), func(t *testing.T) {
				t.Parallel()
				client.Find(t) // skips before starting anything
				newClientSite(t, client, dress).work(t)
			})
			t.Run(client.Name+" "+dress.String()+" confined", func(t *testing.T) {
				t.Parallel()
				client.Find(t)
				// All that the clients do is in DEMO: they do not notice.
				newClientSite(t, client, dress, "confine", map[string]any{"projects": []string{"DEMO"}}).work(t)
			})
		}
	}
}

// clientSite is a gateway in front of a Jira, and a client that uses it.
type clientSite struct {
	client clienttest.Client
	g      *gateway
	jira   *fakejira.Server
	// elsewhere is where the links in Jira's responses point.
	elsewhere *elsewhere
	// context is Jira's context path. Clients omit it from their URL; links
	// include it.
	context string
	// read and write are the client with a token of that scope.
	read, write clienttest.Target
	tokens      []issued
}

// newClientSite starts a gateway and issues its tokens, with these fields.
func newClientSite(t *testing.T, client clienttest.Client, dress fakejira.Dress, fields ...any) *clientSite {
	t.Helper()
	s := &clientSite{client: client, elsewhere: newElsewhere(t)}
	if dress == fakejira.DataCenter {
		s.context = "/jira"
	}
	base := s.elsewhere.url + s.context
	s.g, s.jira = withJira(t, fakejira.Options{
		Dress: dress, BaseURL: base, ContextPath: s.context, Issues: 100, Accounts: takesAccount(),
		// Data Center has had no sessions since version 9; only go-jira asks for one.
		LegacyCreateMeta: client.Name == "go-jira",
	}, options{site: "jira_base_url " + base})
	target := func(scope string) clienttest.Target {
		token := s.g.issue("alice@example.com", scope, fields...)
		s.tokens = append(s.tokens, token)
		return clienttest.Target{
			BaseURL: "http://" + s.g.addr, User: token.Owner, Secret: token.Token, Home: t.TempDir(), Cloud: dress == fakejira.Cloud,
		}
	}
	s.read, s.write = target("read"), target("write")
	return s
}

// work does everything that the client can do.
func (s *clientSite) work(t *testing.T) {
	shows := func(result clienttest.Result, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(result.Output(), text) {
				t.Errorf("%s does not show %q:\n%s", result.Command, text, result.Output())
			}
		}
	}
	file := filepath.Join(t.TempDir(), "picture.bin")
	content := bytes.Repeat([]byte("some bytes\x00"), 20_000)
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}

	// Reads, with a read token.
	s.succeeds(t, s.read, clienttest.ServerInfo, clienttest.Arguments{})
	if s.client.Can(clienttest.Myself) {
		shows(s.succeeds(t, s.read, clienttest.Myself, clienttest.Arguments{}), accountUser)
	}
	shows(s.succeeds(t, s.read, clienttest.Search, clienttest.Arguments{}), "DEMO-1", "DEMO-6", "Order beans")
	shows(s.succeeds(t, s.read, clienttest.View, clienttest.Arguments{}), "Choose a coffee machine")

	// Its writes are denied, and its user sees why.
	for _, action := range []clienttest.Action{clienttest.Create, clienttest.Comment, clienttest.Upload, clienttest.Update, clienttest.Delete, clienttest.Follow} {
		if s.client.Can(action) {
			s.refused(t, action, clienttest.Arguments{Key: "DEMO-5", Text: "Not to be seen", File: file})
		}
	}
	if summary := s.summary(t, "DEMO-5"); summary != "Write down who likes milk" {
		t.Errorf("a read token changed DEMO-5 to %q", summary)
	}

	// Writes, with a write token; Jira itself must show each one.
	created := "DEMO-101"
	shows(s.succeeds(t, s.write, clienttest.Create, clienttest.Arguments{Text: "Made by a client"}), created)
	if summary := s.summary(t, created); summary != "Made by a client" {
		t.Errorf("created %q", summary)
	}
	s.succeeds(t, s.write, clienttest.Comment, clienttest.Arguments{Text: "Said by a client"})
	if _, comments := s.ask(t, "/rest/api/2/issue/DEMO-1/comment"); !strings.Contains(comments, "Said by a client") {
		t.Errorf("no comment in %s", comments)
	}
	s.succeeds(t, s.write, clienttest.Update, clienttest.Arguments{Key: created, Text: "Changed by a client"})
	if summary := s.summary(t, created); summary != "Changed by a client" {
		t.Errorf("changed to %q", summary)
	}
	s.succeeds(t, s.write, clienttest.Delete, clienttest.Arguments{Key: created})
	if status, text := s.ask(t, "/rest/api/2/issue/"+created); status != http.StatusNotFound {
		t.Errorf("still there after deletion: HTTP %d %s", status, text)
	}
	if s.client.Can(clienttest.Upload) {
		s.succeeds(t, s.write, clienttest.Upload, clienttest.Arguments{File: file})
		stored := s.jira.Attachments("DEMO-3")
		if len(stored) != 1 || stored[0].Size != int64(len(content)) {
			t.Fatalf("stored %v", stored)
		}
		back := filepath.Join(s.read.Home, "back.bin")
		s.succeeds(t, s.read, clienttest.Download, clienttest.Arguments{Attachment: fmt.Sprint(stored[0].ID), File: back})
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, content) {
			t.Errorf("downloaded %d bytes, want %d: %v", len(got), len(content), err)
		}
	}
	if s.client.Can(clienttest.Follow) {
		shows(s.succeeds(t, s.write, clienttest.Follow, clienttest.Arguments{Text: "Followed"}),
			"100 http://"+s.g.addr+"/rest/api/")
		if summary := s.summary(t, "DEMO-1"); summary != "Followed" {
			t.Errorf("the first issue is %q", summary)
		}
		if _, search := s.ask(t, "/rest/api/2/search?maxResults=100&fields=summary&jql=summary~Followed"); strings.Count(search, `"Followed"`) != 90 {
			t.Errorf("followed %d issues, want the 90 that were not deleted", strings.Count(search, `"Followed"`))
		}
	}

	// Operations that Jira has removed fail with Jira's own message.
	if s.read.Cloud {
		s.jira.SetFaults(fakejira.Faults{SearchRemoved: true})
		result, _ := s.run(t, s.read, clienttest.Search, clienttest.Arguments{})
		const gone = "The requested API has been removed."
		if failed := result.Err != nil && strings.Contains(result.Output(), gone); failed != s.client.OldSearch {
			t.Errorf("uses the old search operation: %t, but got %v\n%s", s.client.OldSearch, result.Err, result.Output())
		}
	}

	if seen := s.elsewhere.take(); len(seen) > 0 {
		t.Errorf("the client bypassed the gateway: %q", seen)
	}
	if seen := s.jira.Media().Requests(); len(seen) > 0 {
		t.Errorf("the client contacted the media host: %v", seen)
	}
}

// succeeds runs an action of the client that must succeed.
func (s *clientSite) succeeds(t *testing.T, as clienttest.Target, action clienttest.Action, with clienttest.Arguments) clienttest.Result {
	t.Helper()
	result, arrived := s.run(t, as, action, with)
	if result.Err != nil {
		t.Errorf("%s: %v\n%s", action, result.Err, result.Output())
	}
	if len(arrived) == 0 {
		t.Errorf("%s sent no request to Jira", action)
	}
	return result
}

// refused runs an action that must be denied to a read token.
func (s *clientSite) refused(t *testing.T, action clienttest.Action, with clienttest.Arguments) {
	t.Helper()
	result, arrived := s.run(t, s.read, action, with)
	if (result.Err == nil) != s.client.Blind[action] {
		t.Errorf("%s was denied, but the client reports success:\n%s", action, result.Output())
	}
	const why = "This API token has scope read, this request needs scope write."
	if !strings.Contains(result.Output(), why) {
		t.Errorf("%s was denied, but the client does not show why:\n%s", action, result.Output())
	}
	for _, r := range arrived {
		if r.Method != http.MethodGet && !strings.Contains(r.RequestURI, "/search") {
			t.Errorf("%s with a read token: %s %s reached Jira", action, r.Method, r.RequestURI)
		}
	}
	if len(arrived) > 20 {
		t.Errorf("%s was denied, but sent %d requests to Jira", action, len(arrived))
	}
}

// run runs the client, and checks its output and the requests that reached Jira.
func (s *clientSite) run(t *testing.T, as clienttest.Target, action clienttest.Action, with clienttest.Arguments) (clienttest.Result, []fakejira.Request) {
	t.Helper()
	s.jira.Take()
	result := s.client.Run(t, as, action, with)
	arrived := s.jira.Take()
	s.g.mu.Lock()
	s.g.answers.WriteString(result.Output())
	s.g.mu.Unlock()
	var lines []string
	for i, r := range arrived {
		if i < 20 {
			lines = append(lines, fmt.Sprintf("%s %s → %d", r.Method, r.RequestURI, r.Status))
		}
		s.check(t, r)
	}
	t.Logf("%s (%v)\n%s\n%s", result.Command, result.Err, abridged(result.Output()), strings.Join(lines, "\n"))
	// Links for people, and to images, may point to Jira; those that programs follow may not.
	for _, path := range []string{"/rest/", "/secure/attachment/", "/secure/thumbnail/"} {
		if strings.Contains(result.Output(), s.elsewhere.url+s.context+path) {
			t.Errorf("%s shows a link that bypasses the gateway:\n%s", action, result.Output())
		}
	}
	return result, arrived
}

// abridged returns the beginning and the end of a text, where messages often are.
func abridged(text string) string {
	if len(text) <= 1200 {
		return text
	}
	return text[:600] + " … " + text[len(text)-600:]
}

// check checks that a request arrived with the account's credential and without the
// client's.
func (s *clientSite) check(t *testing.T, r fakejira.Request) {
	t.Helper()
	what := r.Method + " " + r.RequestURI
	if r.Account != accountUser {
		t.Errorf("%s arrived as %q, want %s", what, r.Account, accountUser)
	}
	if got := r.Header("Authorization"); len(got) != 1 || got[0] != "Basic "+accountBasic {
		t.Errorf("%s arrived with Authorization %q", what, got)
	}
	if got := r.Header("Cookie"); len(got) > 0 {
		t.Errorf("%s arrived with cookies %q", what, got)
	}
	var all strings.Builder
	fmt.Fprintf(&all, "%s %s\n%q\n%s", r.RequestURI, r.Host, r.Headers, r.Body)
	for _, token := range s.tokens {
		for _, secret := range []string{token.Token, base64.StdEncoding.EncodeToString([]byte(token.Owner + ":" + token.Token))} {
			if strings.Contains(all.String(), secret) {
				t.Errorf("%s sent a client's token to Jira: %s", what, lineWith(all.String(), secret))
			}
		}
	}
}

// ask asks Jira directly, bypassing the gateway.
func (s *clientSite) ask(t *testing.T, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.jira.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth(accountUser, accountSecret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// summary returns an issue's summary, as stored in Jira.
func (s *clientSite) summary(t *testing.T, key string) string {
	t.Helper()
	status, text := s.ask(t, "/rest/api/2/issue/"+key)
	var issue struct{ Fields struct{ Summary string } }
	if err := json.Unmarshal([]byte(text), &issue); err != nil || status != http.StatusOK {
		t.Errorf("%s: HTTP %d, %v: %s", key, status, err, text)
	}
	return issue.Fields.Summary
}

// elsewhere is Jira's own host, where the links in its responses point. Clients of a
// gateway must never contact it, so it records what arrives and does not respond. It
// can be reached, unlike a name that does not exist, so that it also catches clients
// that do not report a failure.
type elsewhere struct {
	url string

	mu   sync.Mutex
	seen []string
}

func newElsewhere(t *testing.T) *elsewhere {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	// By name, so that it is not the gateway's host.
	e := &elsewhere{url: "http://localhost:" + port(listener.Addr().String())}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go e.keep(conn)
		}
	}()
	return e
}

// keep records a connection at once, and then the first data on it.
func (e *elsewhere) keep(conn net.Conn) {
	defer conn.Close()
	e.mu.Lock()
	n := len(e.seen)
	e.seen = append(e.seen, "a connection")
	e.mu.Unlock()
	_ = conn.SetDeadline(time.Now().Add(time.Second)) // cannot fail on a test connection
	said := make([]byte, 2000)
	length, _ := conn.Read(said) // sending nothing counts too
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seen[n] += ": " + string(said[:length])
}

func (e *elsewhere) take() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.seen...)
}
