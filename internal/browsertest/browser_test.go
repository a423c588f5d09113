package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const simple = `<!doctype html><html lang="en"><head><title>t</title><link rel="icon" href="/icon"></head><body><main><h1>Hello</h1>
<form method="post"><label for="a">Your name</label><input id="a" name="a" autocomplete="off">
<label for="b">Choose</label><select id="b" name="b"><option value="1">one</option><option value="2">two</option></select>
<button>Send</button></form>%s</main></body></html>`

// serve serves a page with a policy, and its form.
func serve(t *testing.T, policy, more string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/icon":
			w.WriteHeader(http.StatusNoContent)
		case r.Method == http.MethodPost:
			w.WriteHeader(http.StatusAccepted)
			fmt.Fprintf(w, `<!doctype html><title>t</title><h1>Got %s and %s</h1>`, r.PostFormValue("a"), r.PostFormValue("b"))
		default:
			w.Header().Set("Content-Security-Policy", policy)
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, simple, more)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestForm(t *testing.T) {
	b := Start(t)
	for _, scripts := range []bool{true, false} {
		p := b.Open(t, serve(t, "default-src 'self'", ""))
		if !scripts {
			p.WithoutScripts()
		}
		p.Go("/")
		p.Fill("Your name", "Zoë")
		p.Fill("Your name", "Łukasz")
		p.Choose("Choose", "two")
		if status := p.Follow("button", "Send"); status != http.StatusAccepted {
			t.Errorf("status %d", status)
		}
		p.Wait("Got Łukasz and 2")
	}
}

// TestWatch: what the tests of the page rely on is noticed.
func TestWatch(t *testing.T) {
	b := Start(t)
	other := serve(t, "default-src 'self'", "")
	for what, c := range map[string]struct{ policy, more, want string }{
		"inline script": {"script-src 'self'", "<script>1</script>", "script"},
		"inline style":  {"style-src 'self'", `<p style="color:red">x</p>`, "style"},
		"another site":  {"img-src *", `<img alt="" src="` + other + `/icon">`, "another site"},
		"exception":     {"script-src 'unsafe-inline'", `<script>throw new Error("boom")</script>`, "boom"},
		"console":       {"script-src 'unsafe-inline'", `<script>console.error("trouble")</script>`, "trouble"},
	} {
		p := b.Open(t, serve(t, c.policy, c.more))
		p.Expect("")
		p.Go("/")
		p.waitUntil(what, func() error {
			p.mu.Lock()
			defer p.mu.Unlock()
			if !strings.Contains(strings.Join(p.problems, "\n"), c.want) {
				return fmt.Errorf("noticed only %q", p.problems)
			}
			return nil
		})
	}
}

func TestAxe(t *testing.T) {
	b, axe := Start(t), NewAxe(t)
	p := b.Open(t, serve(t, "default-src 'self'", ""))
	p.Go("/")
	axe.Check(p, "a good page")
	bad := &recorder{TB: t}
	p = b.Open(t, serve(t, "default-src 'self'", `<img src="/icon"><input>`))
	p.t = bad
	p.Expect("")
	p.Go("/")
	axe.Check(p, "a bad page")
	if found := strings.Join(bad.errors, "\n"); !strings.Contains(found, "image-alt") || !strings.Contains(found, "label") {
		t.Errorf("axe-core finds only %q", found)
	}
}

// recorder is a test that records its errors.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}
