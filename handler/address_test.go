package handler

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// behind returns a server of a Caddy that trusts 10.1.0.0/24 and fd00::/16.
func behind(t testing.TB, options string) *caddyhttp.Server {
	t.Helper()
	config := `{"apps": {"http": {"servers": {"s": {"listen": ["127.0.0.1:0"], "trusted_proxies":
		{"source": "static", "ranges": ["10.1.0.0/24", "fd00::/16"]}` + options + `}}}}}`
	var c caddy.Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&c)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("http")
	if err != nil {
		t.Fatal(err)
	}
	return app.(*caddyhttp.App).Servers["s"]
}

// prepared returns a request as Caddy passes it to handlers.
func prepared(server *caddyhttp.Server, peer string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, issuePath, nil)
	r.RemoteAddr = peer
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return caddyhttp.PrepareRequest(r, caddy.NewReplacer(), httptest.NewRecorder(), server)
}

func TestClientAddress(t *testing.T) {
	const unread = "unread"
	plainServer, strictServer := behind(t, ""), behind(t, `, "trusted_proxies_strict": 1`)
	for xff, want := range map[string]string{
		// The forms that proxies write.
		"203.0.113.7":                               "203.0.113.7",
		"  203.0.113.7\t":                           "203.0.113.7",
		"203.0.113.7:4711":                          "203.0.113.7",
		"2001:db8::66":                              "2001:db8::66",
		"[2001:db8::66]":                            "2001:db8::66",
		"[2001:db8::66]:4711":                       "2001:db8::66",
		"2001:db8:0:0:0:0:0:66:4711":                "2001:db8::66",
		"fe80::1%eth0":                              "fe80::1",
		"[fe80::1%25eth0]:80":                       "fe80::1",
		"::ffff:203.0.113.7":                        "203.0.113.7",
		"[::ffff:203.0.113.7]:80":                   "203.0.113.7",
		"::ffff:203.0.113.7:80":                     "203.0.113.7",
		"64:ff9b::203.0.113.7":                      "203.0.113.7",
		"[64:ff9b::cb00:7107]:4711":                 "203.0.113.7",
		`for="[64:ff9b::cb00:7107%25eth0]:4711"`:    "203.0.113.7",
		"64:ff9b:1::cb00:7107":                      "64:ff9b:1::cb00:7107",
		`"203.0.113.7"`:                             "203.0.113.7",
		`"[2001:db8::66]:4711"`:                     "2001:db8::66",
		"for=203.0.113.7":                           "203.0.113.7",
		`For="[2001:db8::66]:4711"; proto=https`:    "2001:db8::66",
		"proto=https;for=203.0.113.7:_x;by=_hidden": "203.0.113.7",
		// The choice of the entry.
		"198.51.100.1, 203.0.113.7":                      "203.0.113.7",
		"unknown, 203.0.113.7":                           "203.0.113.7",
		"203.0.113.7, 10.1.0.9":                          "203.0.113.7",
		"203.0.113.7, [fd00::1]:99, 10.1.0.9":            "203.0.113.7",
		"203.0.113.7, ::ffff:10.1.0.9":                   "203.0.113.7",
		"203.0.113.7, 64:ff9b::10.1.0.9":                 "203.0.113.7",
		"203.0.113.7, 64:ff9b::198.51.100.9":             "198.51.100.9",
		"203.0.113.7, [2001:db8::66]:4711":               "2001:db8::66",
		"203.0.113.7, 198.51.100.9:80":                   "198.51.100.9",
		"10.1.0.7, 10.1.0.9":                             "10.1.0.7",
		`for=203.0.113.7, for="198.51.100.9";host="a,b"`: unread,
		// Entries that do not parse.
		"":                                                 unread,
		"203.0.113.7,":                                     unread,
		"203.0.113.7, unknown":                             unread,
		"203.0.113.7, _hidden":                             unread,
		"203.0.113.7, unknown, 10.1.0.9":                   unread,
		"203.0.113.7, 198.51.100.9:port":                   unread,
		"203.0.113.7, 198.51.100.9:123456":                 unread,
		"203.0.113.7, [2001:db8::66":                       unread,
		"203.0.113.7, [2001:db8::66]4711":                  unread,
		"203.0.113.7, 198.51.100.009":                      unread,
		"203.0.113.7, 198.51.100.9/32":                     unread,
		"203.0.113.7, 198.51.100.9 198.51.100.8":           unread,
		`203.0.113.7, "198.51.100.9`:                       unread,
		"203.0.113.7, proto=https":                         unread,
		"203.0.113.7, for=198.51.100.9;for=1.2.3.4":        unread,
		`for=198.51.100.9;host="x, for=203.0.113.7;y=\"z"`: unread,
		strings.Repeat("10.1.0.9, ", 99) + "10.1.0.9":      unread,
	} {
		for name, server := range map[string]*caddyhttp.Server{"": plainServer, "strict": strictServer} {
			got, entry := clientAddress(prepared(server, "10.1.0.1:1234", "X-Forwarded-For", xff))
			if want == unread {
				if entry == nil || got.IsValid() || entry.peer != netip.MustParseAddr("10.1.0.1") {
					t.Errorf("%s %q: %s (%v), want it to be unreadable", name, xff, got, entry)
				}
			} else if got.String() != want || entry != nil {
				t.Errorf("%s %q: %s (%v), want %s", name, xff, got, entry, want)
			}
		}
	}
}

func TestClientAddressOfOtherPeers(t *testing.T) {
	two := behind(t, `, "client_ip_headers": ["X-Real-Client", "X-Forwarded-For"]`)
	unix := behind(t, `, "trusted_proxies_unix": true`)
	one := behind(t, "")
	for name, test := range map[string]struct {
		server  *caddyhttp.Server
		peer    string
		headers []string
		want    string
	}{
		"no proxy":                  {one, "198.51.100.9:1", []string{"X-Forwarded-For", "203.0.113.7"}, "198.51.100.9"},
		"no proxy, unreadable":      {one, "198.51.100.9:1", []string{"X-Forwarded-For", "unknown"}, "198.51.100.9"},
		"mapped":                    {one, "[::ffff:198.51.100.9]:1", nil, "198.51.100.9"},
		"translated":                {one, "[64:ff9b::198.51.100.9]:1", nil, "198.51.100.9"},
		"translated, no proxy":      {one, "[64:ff9b::10.1.0.1]:1", []string{"X-Forwarded-For", "203.0.113.7"}, "10.1.0.1"},
		"the proxy itself":          {one, "10.1.0.1:1", nil, "10.1.0.1"},
		"another header":            {one, "10.1.0.1:1", []string{"X-Real-Ip", "203.0.113.7"}, "10.1.0.1"},
		"lines":                     {one, "10.1.0.1:1", []string{"X-Forwarded-For", "203.0.113.7", "X-Forwarded-For", "198.51.100.9"}, "198.51.100.9"},
		"lines, a proxy":            {one, "10.1.0.1:1", []string{"X-Forwarded-For", "203.0.113.7", "X-Forwarded-For", "10.1.0.9"}, "203.0.113.7"},
		"lines, the last is empty":  {one, "10.1.0.1:1", []string{"X-Forwarded-For", "203.0.113.7", "X-Forwarded-For", ""}, "invalid IP"},
		"first of two headers":      {two, "10.1.0.1:1", []string{"X-Forwarded-For", "203.0.113.7", "X-Real-Client", "198.51.100.9"}, "198.51.100.9"},
		"second of two headers":     {two, "10.1.0.1:1", []string{"X-Forwarded-For", "203.0.113.7"}, "203.0.113.7"},
		"first of two, unreadable":  {two, "10.1.0.1:1", []string{"X-Forwarded-For", "203.0.113.7", "X-Real-Client", "unknown"}, "invalid IP"},
		"socket":                    {one, "@", []string{"X-Forwarded-For", "203.0.113.7"}, "invalid IP"},
		"trusted socket":            {unix, "@", []string{"X-Forwarded-For", "198.51.100.9, 203.0.113.7"}, "203.0.113.7"},
		"trusted socket, no header": {unix, "@", nil, "invalid IP"},
		"trusted socket, a proxy":   {unix, "@", []string{"X-Forwarded-For", "203.0.113.7, 10.1.0.1"}, "203.0.113.7"},
	} {
		if got, _ := clientAddress(prepared(test.server, test.peer, test.headers...)); got.String() != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	if got, _ := clientAddress(httptest.NewRequest(http.MethodGet, "/", nil)); got.IsValid() {
		t.Errorf("without a server: %s", got)
	}
}

// TestUnreadableAddress: tokens without networks still work. Other tokens, and all of
// them at gateways with networks, are denied with the entry that did not parse.
func TestUnreadableAddress(t *testing.T) {
	server := behind(t, "")
	for _, test := range []struct {
		xff, site, token, want string
	}{
		{"203.0.113.7, unknown", "", "", ""},
		{"203.0.113.7, unknown", "0.0.0.0/0", "", `X-Forwarded-For has "unknown"`},
		{"203.0.113.7, unknown", "", "203.0.113.0/24", `X-Forwarded-For has "unknown"`},
		{"203.0.113.7, ", "", "203.0.113.0/24", "X-Forwarded-For has an empty entry"},
		{"\u202ex\x1b", "", "203.0.113.0/24", `X-Forwarded-For has "\u202ex\x1b"`},
		{strings.Repeat("x", 1000), "", "203.0.113.0/24", `"` + strings.Repeat("x", 60) + `\u2026".`},
		{"jt_secret", "", "203.0.113.0/24", "X-Forwarded-For has something else"},
	} {
		app := newToken(token.New(), token.ScopeRead)
		app.record.Networks = allowed(t, test.token)
		h := newHandler(t, app, frontAPI, passwordsDeny)
		h.permitted = allowed(t, test.site)
		r := prepared(server, "10.1.0.1:1", "X-Forwarded-For", test.xff, "Authorization", basicOf("alice", app.Reveal()))
		w := httptest.NewRecorder()
		passed := false
		if err := h.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
			passed = true
			return nil
		})); err != nil {
			t.Fatal(err)
		}
		if passed != (test.want == "") {
			t.Errorf("%q: passed %v", test.xff, passed)
		}
		var body jiraError
		if !passed && (json.Unmarshal(w.Body.Bytes(), &body) != nil || !strings.Contains(body.ErrorMessages[0], test.want)) {
			t.Errorf("%q: %s", test.xff, w.Body)
		}
		if !passed && w.Header().Get(headerReason) != string(ReasonNetworkDenied) {
			t.Errorf("%q: reason %s", test.xff, w.Header().Get(headerReason))
		}
	}
}

func BenchmarkClientAddressBehindProxy(b *testing.B) {
	r := prepared(behind(b, ""), "10.1.0.1:1234", "X-Forwarded-For", "203.0.113.7")
	b.ReportAllocs()
	for b.Loop() {
		if address, _ := clientAddress(r); !address.IsValid() {
			b.Fatal("no address")
		}
	}
}
