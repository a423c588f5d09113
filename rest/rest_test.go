package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// gateway is a set of endpoints over a file store.
type gateway struct {
	*API
	t     *testing.T
	store storage.Store
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { store.Close() })
	cache := storage.NewCache(t.Context(), store, storage.CacheOptions{Size: 100, TTL: time.Hour, ReadTimeout: time.Second})
	r := registry.New(store, cache, storage.NewUseLog(store, func(int, error) {}), nil, func() []string { return []string{"default"} })
	return &gateway{New(Options{Registry: r, Limits: &limits.Limits{Counters: limits.NewCounters(nil, nil, nil)}, IsCloud: func(context.Context, string) bool { return false }, Logger: zap.NewNop()}), t, store}
}

// create creates a token of alice with more fields.
func (g *gateway) create(fields map[string]any) registry.Issued {
	g.t.Helper()
	all := map[string]any{"owner": "alice", "name": "report"}
	for name, value := range fields {
		all[name] = value
	}
	edit, err := token.NewEdit(all)
	if err != nil {
		g.t.Fatal(err)
	}
	issued, err := g.Registry.Create(g.t.Context(), registry.Actor{Kind: registry.ActorAdmin, Name: "root"}, edit)
	if err != nil {
		g.t.Fatal(err)
	}
	return issued
}

// answer is what an endpoint answers.
type answer struct {
	*httptest.ResponseRecorder
	failed *handler.EndpointError
}

// status returns "200", or the reason of an error.
func (a answer) reason() handler.Reason {
	if a.failed == nil {
		return ""
	}
	return a.failed.Reason
}

// call calls an endpoint with what the handler would pass to it.
func (g *gateway) call(method, path, body string, secret token.Token, headers ...string) answer {
	g.t.Helper()
	match := g.Find(method, path)
	if match.Endpoint == nil {
		g.t.Fatalf("no endpoint %s %s", method, path)
	}
	call := handler.Call{
		Parameter: match.Parameter, Presented: secret, Address: netip.MustParseAddr("192.0.2.7"), At: time.Now(), BaseURL: "https://gateway.example/jira",
	}
	if match.Endpoint.Needs != handler.NeedsNothing {
		record, err := g.Registry.Lookup(g.t.Context(), secret)
		if err != nil {
			g.t.Fatal(err)
		}
		call.Record = record
	}
	r := httptest.NewRequest(method, handler.EndpointsPath+path, strings.NewReader(body))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	w := answer{ResponseRecorder: httptest.NewRecorder()}
	if err := match.Endpoint.Serve(w, r, call); err != nil && !errors.As(err, &w.failed) {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	return w
}

func decodeInto(t *testing.T, w answer, into any) {
	t.Helper()
	if w.failed != nil {
		t.Fatal(w.failed.Reason, w.failed.Message)
	}
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, path, parameter string
		ok                       bool
	}{
		{"1/self", "1/self", "", true},
		{"1/self", "1/self/", "", false},
		{"1/self", "1/selfish", "", false},
		{"1/handover/{link}", "1/handover/abc", "abc", true},
		{"1/handover/{link}", "1/handover/", "", false},
		{"1/handover/{link}", "1/handover/a/b", "", false},
		{"1/{x}/open", "1/a/open", "a", true},
		{"1/{x}/open", "1/open", "", false},
		{"1/{x}/open", "1//open", "", false},
	} {
		if parameter, ok := matches(c.pattern, c.path); ok != c.ok || ok && parameter != c.parameter {
			t.Errorf("%s matches %s: %q, %v", c.pattern, c.path, parameter, ok)
		}
	}
}

func TestFind(t *testing.T) {
	a := New(Options{})
	if match := a.Find("HEAD", "1/self"); match.Endpoint == nil {
		t.Error("HEAD finds nothing")
	}
	if match := a.Find("PUT", "1/self"); match.Endpoint != nil || !slices.Contains(match.Methods, "HEAD") {
		t.Errorf("PUT finds %+v", match)
	}
	if match := a.Find("GET", "1/other"); match.Endpoint != nil || match.Methods != nil {
		t.Errorf("another path finds %+v", match)
	}
	for _, e := range a.endpoints {
		if e.Does == "" || e.Serve == nil || !strings.HasPrefix(e.Path, version) && !strings.HasPrefix(e.Path, "/") {
			t.Errorf("incomplete endpoint %+v", e)
		}
	}
}

// TestDecode: errors say what is wrong with a body without quoting it.
func TestDecode(t *testing.T) {
	for body, want := range map[string]string{
		"": "", " \n": "", "{}": "", `{"a":"x"}`: "",
		`{"a":1}`: "the field a has the wrong type", `[]`: "expected a JSON object", `{"secret":1}`: "unknown field",
		`{} {}`: "malformed at byte 3", `{`: "ends too early", `{"a":secret}`: "malformed", `{"a":"x","a":"secret"}`: "twice", `{"A":"secret"}`: "unknown field",
	} {
		var into struct {
			A string `json:"a"`
		}
		err := decode(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), &into)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}     "))
	r.Body = http.MaxBytesReader(nil, r.Body, 3)
	var failed *handler.EndpointError
	if err := decode(r, new(struct{})); !errors.As(err, &failed) || failed.Reason != handler.ReasonBodyTooLarge {
		t.Errorf("a large body: %v", err)
	}
}
