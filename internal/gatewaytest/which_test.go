package gatewaytest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oneLine undoes the wrapping in tables.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// TestReloadWithAnotherStore: a typo in the store's path fails the reload, and changes
// nothing.
func TestReloadWithAnotherStore(t *testing.T) {
	g := startGateway(t, options{})
	g.loggedOnce(t, `"msg":"token store"`)
	tok := g.issue("alice", "read")
	typo := filepath.Join(g.dir, "token.db")
	g.configure(options{store: "store file " + typo})
	if r := g.reload(); r.code == 0 || !strings.Contains(r.err, typo) || !strings.Contains(r.err, "create") {
		t.Errorf("missing store: %s", r)
	}
	g.check(t, g.do("GET", issuePath, tok.basic()), passes)
	if _, err := os.Stat(typo); err == nil {
		t.Error("the rejected configuration created its store")
	}
	g.configure(options{store: "store file " + typo + " {\ncreate\n}"})
	if r := g.reload(); r.code != 0 {
		t.Errorf("with create: %s", r)
	}
	g.check(t, g.do("GET", issuePath, tok.basic()), refused(401, "invalid_token"))
	// Nor does a typo pass when Caddy starts.
	g.stop()
	g.configure(options{store: "store file " + filepath.Join(g.dir, "tokns.db")})
	g.launch()
	<-g.exited
	if g.code == 0 || !strings.Contains(g.log.String(), "tokns.db, but there is ") {
		t.Errorf("Caddy started with a misspelled store: exit status %d", g.code)
	}
}

// TestWhomTheCommandSpeaksTo: if the admin endpoint is not the intended gateway, that is an
// error, not an empty list or another gateway's.
func TestWhomTheCommandSpeaksTo(t *testing.T) {
	g := startGateway(t, options{})
	g.issue("alice", "read")
	with := func(config string) result {
		t.Helper()
		path := filepath.Join(g.dir, "other")
		if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		return g.run("", "jira-token", "list", "--config", path, "--adapter", "caddyfile")
	}
	if r := with(g.render(options{})); r.code != 0 || !strings.Contains(r.out, "alice") {
		t.Errorf("the configuration that runs: %s", r)
	}
	for name, test := range map[string]struct{ config, want string }{
		"admin off":     {strings.Replace(g.render(options{}), "admin "+g.admin, "admin off", 1), "admin off"},
		"another store": {g.render(options{store: "store file /nowhere/tokens.db"}), "does not run"},
		"no tokens":     {"{\nadmin " + g.admin + "\n}\n", "no jira_tokens"},
	} {
		if r := with(test.config); r.code == 0 || r.out != "" || !strings.Contains(r.err, test.want) {
			t.Errorf("%s: %s", name, r)
		}
	}
	stranger := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"tokens":[]}`))
	}))
	defer stranger.Close()
	r := g.run("", "jira-token", "list", "--address", strings.TrimPrefix(stranger.URL, "http://"))
	if r.code == 0 || !strings.Contains(r.err, "not the admin API of jira_tokens") {
		t.Errorf("a stranger: %s", r)
	}
}
