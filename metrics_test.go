package jiratokens_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/internal/freeport"

	_ "github.com/caddyserver/caddy/v2/modules/metrics"
)

func init() {
	caddy.RegisterModule(failingApp{})
}

// failingApp is another app of a configuration, which fails.
type failingApp struct {
	// At is "provision" or "start".
	At string `json:"at,omitempty"`
}

func (failingApp) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "test_fails", New: func() caddy.Module { return new(failingApp) }}
}

func (f *failingApp) failAt(where string) error {
	if f.At == where {
		return errors.New("this app always fails")
	}
	return nil
}

func (f *failingApp) Provision(caddy.Context) error { return f.failAt("provision") }
func (f *failingApp) Start() error                  { return f.failAt("start") }
func (*failingApp) Stop() error                     { return nil }

// object is a JSON object.
type object = map[string]any

// TestFailedReloadLeavesGauges: after a reload that fails, whether before or after the
// app has started, the admin endpoint's metrics are still those of the configuration in
// service.
func TestFailedReloadLeavesGauges(t *testing.T) {
	address, dir := "127.0.0.1:"+freeport.Find(t), t.TempDir()
	load := func(tokens, fails object) error {
		apps := make(object)
		for name, app := range map[string]object{"jira_tokens": tokens, "test_fails": fails} {
			if app != nil {
				apps[name] = app
			}
		}
		config, err := json.Marshal(object{
			"admin":   object{"listen": address, "config": object{"persist": false}},
			"logging": object{"logs": object{"default": object{"writer": object{"output": "discard"}}}},
			"apps":    apps,
		})
		if err != nil {
			t.Fatal(err)
		}
		return caddy.Load(config, true)
	}
	tokens := func(store string, accounts ...string) object {
		credentials := make(object)
		for _, name := range accounts {
			credentials[name] = object{"bearer": "a-secret-" + name}
		}
		return object{"store": object{"module": "file", "path": filepath.Join(dir, store), "create": true}, "accounts": credentials}
	}
	if err := load(tokens("a.db", "default"), nil); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
	}()
	app, err := caddy.ActiveContext().AppIfConfigured("jira_tokens")
	if err != nil {
		t.Fatal(err)
	}
	account, err := app.(admin.App).JiraAccounts().Find(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	account.Refused("https://jira.example.com", errors.New("no"), time.Now())
	const want = "jira_tokens_account_up{account=\"default\"} 0\njira_tokens_store_up 1\n"
	if got := gauges(t, address); got != want {
		t.Fatalf("before any reload:\n%s", got)
	}
	misnamed := tokens("a.db", "default")
	misnamed["accounts"] = object{"default": object{"bearer": "{env.NOT_SET_ANYWHERE}"}}
	for name, c := range map[string]struct{ tokens, fails object }{
		"another app fails to start":                 {tokens("a.db", "default"), object{"at": "start"}},
		"another app fails to start, other accounts": {tokens("a.db", "default", "other"), object{"at": "start"}},
		"another app fails to start, another store":  {tokens("b.db", "default"), object{"at": "start"}},
		"another app fails to provision":             {tokens("a.db", "other"), object{"at": "provision"}},
		"the app itself fails to start":              {tokens(".", "default"), nil},
		"the app itself fails to provision":          {misnamed, nil},
		"without tokens, another app fails to start": {nil, object{"at": "start"}},
	} {
		// Caddy starts apps in random order.
		for range 5 {
			err := load(c.tokens, c.fails)
			if err == nil {
				t.Fatalf("%s: loaded", name)
			}
			if got := gauges(t, address); got != want {
				t.Errorf("%s (%v):\n%s", name, err, got)
				break
			}
		}
	}
	if err := load(tokens("b.db", "other"), nil); err != nil {
		t.Fatal(err)
	}
	if got := gauges(t, address); got != "jira_tokens_account_up{account=\"other\"} 1\njira_tokens_store_up 1\n" {
		t.Errorf("after a reload with another store:\n%s", got)
	}
}

// gauges returns the lines of the gauges account_up and store_up.
func gauges(t *testing.T, address string) string {
	t.Helper()
	var found strings.Builder
	for line := range strings.Lines(fetch(t, "http://"+address+"/metrics")) {
		if strings.HasPrefix(line, "jira_tokens_account_up") || strings.HasPrefix(line, "jira_tokens_store_up") {
			found.WriteString(line)
		}
	}
	return found.String()
}

// fetch returns the body at a URL. It asks again if the connection breaks: a reload
// replaces the admin endpoint's listener, which can reset connections that are not
// accepted yet.
func fetch(t *testing.T, url string) string {
	t.Helper()
	var err error
	for range 100 {
		var text string
		if text, err = fetchOnce(t.Context(), url); err == nil {
			return text
		}
	}
	t.Fatal(err)
	return ""
}

func fetchOnce(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}
