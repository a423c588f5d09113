package admin

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/user"
	"runtime"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// TestActorIsWhatIsKnown: what a client calls itself is a claim; its name is what the
// machine or its certificate says.
func TestActorIsWhatIsKnown(t *testing.T) {
	var got registry.Actor
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = (&call{Request: r}).actor()
	}))
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("User-Agent", "the chief\u202e of everything")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	want := registry.Actor{Kind: registry.ActorAdmin, Address: "127.0.0.1", Claim: got.Claim}
	if me, err := user.Current(); err == nil && runtime.GOOS == "linux" {
		want.Name = "local user " + me.Username
	}
	if got != want || !strings.HasPrefix(got.Claim, "the chief") || strings.Contains(got.Claim, "\u202e") {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, test := range []struct {
		remote string
		state  *tls.ConnectionState
		want   registry.Actor
	}{
		{"@", nil, registry.Actor{Address: "unix socket"}},
		{"192.0.2.7:1234", nil, registry.Actor{Address: "192.0.2.7"}},
		{"192.0.2.7:1234", &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Subject: pkix.Name{CommonName: "ops"}}}}, registry.Actor{Name: "CN=ops", Address: "192.0.2.7"}},
	} {
		test.want.Kind = registry.ActorAdmin
		if got := (&call{Request: &http.Request{RemoteAddr: test.remote, TLS: test.state}}).actor(); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.remote, got, test.want)
		}
	}
}

func TestConnectionTable(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:07E3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0
   1: 0100007F:C350 0100007F:07E3 01 00000000:00000000 00:00000000 00000000  1000        0 12 1 0
   2: short
`
	if procAddress(netip.MustParseAddrPort("127.0.0.1:50000")) != "0100007F:C350" {
		return // the table is that of a little-endian machine
	}
	for client, want := range map[string]string{"127.0.0.1:50000": "1000", "127.0.0.1:50001": "", "127.0.0.2:50000": ""} {
		uid, _ := ownerIn(strings.NewReader(table), procAddress(netip.MustParseAddrPort(client)))
		if uid != want {
			t.Errorf("%s: %q, want %q", client, uid, want)
		}
	}
	if got := procAddress(netip.MustParseAddrPort("[::1]:80")); got != "00000000000000000000000001000000:0050" {
		t.Errorf("IPv6: %s", got)
	}
}
