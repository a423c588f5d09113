package jira

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
)

// TestIsCloud: a Cloud is known by its host or by what it says, whatever its host, and is asked
// once.
func TestIsCloud(t *testing.T) {
	var says atomic.Value
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if r.Header.Get("Authorization") != "" {
			t.Error("it is asked with a credential")
		}
		if said := says.Load().(string); said != "" {
			_, _ = w.Write([]byte(`{"deploymentType":"` + said + `"}`))
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer server.Close()
	for said, want := range map[string]bool{"Cloud": true, "Server": false, "Data Center": false} {
		var known Deployments
		says.Store("")
		if known.IsCloud(t.Context(), http.DefaultTransport, server.URL) {
			t.Error("a Jira that does not answer is Cloud")
		}
		says.Store(said)
		asked.Store(0)
		for range 3 {
			if is := known.IsCloud(t.Context(), http.DefaultTransport, server.URL); is != want {
				t.Errorf("%s: %t", said, is)
			}
		}
		if n := asked.Load(); n != 1 {
			t.Errorf("%s: asked %d times", said, n)
		}
	}
	says.Store("Server")
	asked.Store(0)
	var known Deployments
	if !known.IsCloud(t.Context(), http.DefaultTransport, "https://acme.ATLASSIAN.net") || asked.Load() != 0 {
		t.Error("below atlassian.net is Cloud, and is not asked")
	}
	if known.IsCloud(t.Context(), http.NewFileTransport(http.Dir(t.TempDir())), "https://acme.atlassian.net.evil.example") {
		t.Error("another host is Cloud")
	}
}
