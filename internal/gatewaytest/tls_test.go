package gatewaytest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestUpstreamByHTTPS: Jira gets its own name in the handshake and as Host, over HTTP/2
// and persistent connections.
func TestUpstreamByHTTPS(t *testing.T) {
	var (
		mu          sync.Mutex
		names       []string
		connections = make(map[string]bool)
		requests    []*http.Request
	)
	jira := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		requests = append(requests, r)
		connections[r.RemoteAddr] = true
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"self":"https://` + r.Host + `/rest/api/2/x"}`))
	}))
	jira.EnableHTTP2 = true
	jira.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		names = append(names, hello.ServerName)
		return nil, nil
	}}
	jira.StartTLS()
	t.Cleanup(jira.Close)

	authority := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: jira.Certificate().Raw})
	if err := os.WriteFile(authority, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	// The test certificate is for example.com; the host resolves to loopback.
	host := "localhost:" + port(strings.TrimPrefix(jira.URL, "https://"))
	g := startGateway(t, options{instead: "jira_gateway https://" + host + ` {
		transport http {
			tls_trust_pool file ` + authority + `
			tls_server_name example.com
		}
	}`})
	tok := g.issue("alice", "read")
	for range 5 {
		a := g.send(get(myself, tok.basic()))
		if a.status != http.StatusOK || a.body != `{"self":"http://127.0.0.1/rest/api/2/x"}` {
			t.Fatalf("%s", a)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, r := range requests {
		if r.Host != host || r.ProtoMajor != 2 || r.Header.Get("Authorization") != "Basic "+accountBasic {
			t.Errorf("Jira got %s for %q, %q", r.Proto, r.Host, r.Header.Get("Authorization"))
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections for 5 consecutive requests", len(connections))
	}
	for _, name := range names {
		if name != "example.com" {
			t.Errorf("the handshake has the name %q", name)
		}
	}
}

// TestServerNameIsJiras: by default the handshake names the URL's host.
func TestServerNameIsJiras(t *testing.T) {
	named := make(chan string, 1)
	jira := httptest.NewUnstartedServer(http.NotFoundHandler())
	jira.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		select {
		case named <- hello.ServerName:
		default:
		}
		return nil, nil
	}}
	jira.StartTLS()
	t.Cleanup(jira.Close)
	g := startGateway(t, options{instead: "jira_gateway https://localhost:" + port(strings.TrimPrefix(jira.URL, "https://"))})
	tok := g.issue("alice", "read")
	// An untrusted certificate: fail closed.
	if a := g.send(get(myself, tok.basic())); a.status != http.StatusBadGateway || a.reason() != "jira_unreachable" {
		t.Errorf("%s", a)
	}
	if name := <-named; name != "localhost" {
		t.Errorf("the handshake has the name %q", name)
	}
}

// TestClientsByHTTP2: a client that uses HTTP/2 over TLS gets the same responses.
func TestClientsByHTTP2(t *testing.T) {
	g := newGateway(t, options{})
	secure := freeAddress(t)
	certificate, key := certificateFiles(t)
	g.configure(options{upstream: g.up, more: "https://localhost:" + port(secure) + " {\nbind 127.0.0.1\ntls " + certificate + " " + key + "\njira_gateway " + g.up.url() + "\n}"})
	g.start()
	tok := g.issue("alice", "read")
	client := &http.Client{Transport: &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // a test certificate, on loopback
	}}
	for path, want := range map[string]int{myself: http.StatusOK, "/rest/api/2/issue/../x": http.StatusBadRequest, "/rest/auth/1/session": http.StatusForbidden} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost:"+port(secure), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Opaque = "//localhost:" + port(secure) + path // unchanged
		request.SetBasicAuth(tok.Owner, tok.Token)
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != want || response.ProtoMajor != 2 {
			t.Errorf("%s: %s %d, want %d", path, response.Proto, response.StatusCode, want)
		}
	}
}

// certificateFiles writes httptest's certificate and key to files.
func certificateFiles(t *testing.T) (certificate, key string) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	der, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{
		certificate: {Type: "CERTIFICATE", Bytes: server.Certificate().Raw},
		key:         {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}
