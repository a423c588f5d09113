package links

import (
	"strings"
	"testing"
)

const public = "https://jira.example.com:8443"

var (
	testBases = []string{
		"https://acme.atlassian.net",
		"https://dc.example.com/jira",
		"https://dc.example.com",
		"http://plain.example.com:8080",
		"https://api.atlassian.com/ex/jira/1f2e-3d",
	}
	testPaths = []string{"/rest/*", "/secure/attachment/", "/secure/viewavatar"}
)

func newMapper(t testing.TB, bases, paths []string) *Mapper {
	t.Helper()
	m, err := New(bases, paths)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// urls maps URLs to their expected results; @ stands for the public URL, "" for no change. Bodies are tested with
// the same table.
var urls = map[string]string{
	"https://acme.atlassian.net/rest/api/3/issue/1":          "@/rest/api/3/issue/1",
	"https://acme.atlassian.net/rest/":                       "@/rest/",
	"HTTPS://Acme.Atlassian.NET/rest/api/3/issue/1":          "@/rest/api/3/issue/1",
	"https://acme.atlassian.net:443/rest/api/3?x=1#y":        "@/rest/api/3?x=1#y",
	"https://acme.atlassian.net/secure/attachment/1/a%20b":   "@/secure/attachment/1/a%20b",
	"https://acme.atlassian.net/secure/viewavatar":           "@/secure/viewavatar",
	"https://acme.atlassian.net/secure/viewavatar?size=x":    "@/secure/viewavatar?size=x",
	"https://acme.atlassian.net/secure/viewavatar#x":         "@/secure/viewavatar#x",
	"https://dc.example.com/jira/rest/api/2/issue/1":         "@/rest/api/2/issue/1",
	"https://dc.example.com/rest/api/2/issue/1":              "@/rest/api/2/issue/1",
	"http://plain.example.com:8080/rest/x":                   "@/rest/x",
	"https://api.atlassian.com/ex/jira/1f2e-3d/rest/api/3/x": "@/rest/api/3/x",

	// For people, or nothing that the gateway serves.
	"https://acme.atlassian.net":                             "",
	"https://acme.atlassian.net/":                            "",
	"https://acme.atlassian.net/rest":                        "",
	"https://acme.atlassian.net/REST/api/3/issue/1":          "",
	"https://acme.atlassian.net/browse/ACME-1":               "",
	"https://acme.atlassian.net/secure/viewavatars":          "",
	"https://acme.atlassian.net/secure/viewavatar/x":         "",
	"https://dc.example.com/jira/browse/X-1":                 "",
	"https://dc.example.com/JIRA/rest/api/2/issue/1":         "",
	"https://api.atlassian.com/ex/jira/other/rest/api/3/x":   "",
	"https://api.atlassian.com/ex/jira/1f2e-3d4/rest/api/3/": "",

	// Other hosts, however alike.
	"https://acme.atlassian.net.evil.com/rest/x":        "",
	"https://acme.atlassian.netx/rest/x":                "",
	"https://acme.atlassian.net@evil.com/rest/x":        "",
	"https://acme.atlassian.net:443@evil.com/rest/x":    "",
	"https://acme.atlassian.net:pw@evil.com/rest/x":     "",
	"https://acme.atlassian.net:4430/rest/x":            "",
	"https://acme.atlassian.net:8443/rest/x":            "",
	"https://me@acme.atlassian.net/rest/x":              "",
	"https://me:pw@acme.atlassian.net/rest/x":           "",
	"https://evil.com/https://acme.atlassian.net/rest/": "",
	"https://xacme.atlassian.net/rest/x":                "",
	"https://acme.atlassian.net?/rest/x":                "",
	"https://acme.atlassian.net#/rest/x":                "",
	"http://acme.atlassian.net/rest/x":                  "",
	"http://plain.example.com/rest/x":                   "",
	"https:/acme.atlassian.net/rest/x":                  "",
	"https:///acme.atlassian.net/rest/x":                "",
	"//acme.atlassian.net/rest/x":                       "",
	"xhttps://acme.atlassian.net/rest/x":                "",
	" https://acme.atlassian.net/rest/x":                "",
	"https\x1a//acme.atlassian.net/rest/x":              "", // 0x1a|0x20 is a colon
	"http\u017f://acme.atlassian.net/rest/x":            "", // a long s folds to s in Unicode
	"https://acme\x0eatlassian.net/rest/x":              "", // 0x0e|0x20 is a dot
	"/rest/api/3/issue/1":                               "",
	"":                                                  "",
}

func TestURL(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	for in, want := range urls {
		want = expected(in, want)
		if got := m.URL(in, public); got != want {
			t.Errorf("URL(%q) = %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{
		`https:\/\/acme.atlassian.net\/rest\/x`, // slashes are escaped in JSON only
		`https://acme.atlassian.net\/rest/x`,
		`https://acme.atlassian.net/secure/viewavatar"`,
	} {
		if got := m.URL(in, public); got != in {
			t.Errorf("URL(%q) = %q, want no change", in, got)
		}
	}
}

func expected(in, want string) string {
	if want == "" {
		return in
	}
	return strings.Replace(want, "@", public, 1)
}

func TestLongestBaseDecidesAlone(t *testing.T) {
	m := newMapper(t, []string{"https://h", "https://h/rest/x"}, []string{"/rest/"})
	for in, want := range map[string]string{
		"https://h/rest/x/rest/1": public + "/rest/1",
		"https://h/rest/x/browse": "https://h/rest/x/browse",
		"https://h/rest/xy":       public + "/rest/xy",
	} {
		if got := m.URL(in, public); got != want {
			t.Errorf("URL(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHeader(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	const url = "https://acme.atlassian.net/rest/a"
	for in, want := range map[string]string{
		"<" + url + `>; rel="next"`:                   "<" + public + `/rest/a>; rel="next"`,
		"<" + url + `?a=<b>; rel=x, <` + url + `>`:    "<" + public + `/rest/a?a=<b>; rel=x, <` + public + `/rest/a>`,
		`</rest/b>; rel=x,<` + url + `>;rel="y"`:      `</rest/b>; rel=x,<` + public + `/rest/a>;rel="y"`,
		`<x>; title="<` + url + `>", <` + url + `>`:   `<x>; title="<` + url + `>", <` + public + `/rest/a>`,
		`<x>; title="\"<` + url + `>", <` + url + `>`: `<x>; title="\"<` + url + `>", <` + public + `/rest/a>`,
		"<https://acme.atlassian.net/browse/A-1>":     "",
		"<https://acme.atlassian.net.evil/rest/a>":    "",
		"<" + url: "",
		url:       "",
		`<x>; "<`: "",
		`"\`:      "",
		"":        "",
	} {
		if want == "" {
			want = in
		}
		if got := m.Header(in, public); got != want {
			t.Errorf("Header(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestUnsafePublicMapsNothing(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	const url = "https://acme.atlassian.net/rest/a"
	for _, public := range []string{`https://a","x":"`, `https://a\`, "https://a\r\nX: y", "https://a>", "https://ä", "https://a b"} {
		if got := m.URL(url, public); got != url {
			t.Errorf("URL with public URL %q = %q", public, got)
		}
		if got := m.Header("<"+url+">", public); got != "<"+url+">" {
			t.Errorf("Header with public URL %q = %q", public, got)
		}
		if got := string(read(t, m, `"`+url+`"`, public)); got != `"`+url+`"` {
			t.Errorf("Body with public URL %q = %q", public, got)
		}
	}
}

func TestNewErrors(t *testing.T) {
	long := strings.Repeat("x", maxText+1)
	paths := []string{"/rest/"}
	for _, tt := range []struct {
		bases, paths []string
		want         string
	}{
		{nil, paths, "no base URL"},
		{testBases, nil, "no served paths"},
		{[]string{""}, paths, "must be an http or https URL"},
		{[]string{"acme.atlassian.net"}, paths, `"acme.atlassian.net" must be an http or https URL`},
		{[]string{"acme:443"}, paths, "must be an http or https URL"},
		{[]string{"ftp://acme.atlassian.net"}, paths, "must be an http or https URL"},
		{[]string{"https:acme"}, paths, "must be an http or https URL"},
		{[]string{"https://"}, paths, "must be an http or https URL"},
		{[]string{"https://:443"}, paths, "must be an http or https URL"},
		{[]string{"https://a b"}, paths, "must be an http or https URL"},
		{[]string{"https://ä.example.com"}, paths, "must be an http or https URL"},
		{[]string{"https://{env.JIRA}"}, paths, "must be an http or https URL"},
		{[]string{"https://a:x"}, paths, "must be an http or https URL"},
		{[]string{"https://me:hunter2@acme.net"}, paths, `"…@acme.net" must have no user name`},
		{[]string{"https://me:hunter2@acme.net:x"}, paths, `"…@acme.net:x" must be`},
		{[]string{"https://acme.net?x"}, paths, "query"},
		{[]string{"https://acme.net?"}, paths, "query"},
		{[]string{"https://acme.net#x"}, paths, "fragment"},
		{[]string{"https://acme.net#"}, paths, "fragment"},
		{[]string{"https://acme.net/a/../b"}, paths, "plain path"},
		{[]string{"https://acme.net/a//b"}, paths, "plain path"},
		{[]string{"https://acme.net/" + long}, paths, "longer than 1024"},
		{[]string{"https://acme.net/" + strings.Repeat("ä", 200)}, paths, "longer than 1024"},
		{testBases, []string{"rest/"}, `"rest/" must begin with /`},
		{testBases, []string{"*"}, `"*" must begin with /`},
		{testBases, []string{"/a*b"}, "may end in *"},
		{testBases, []string{`/a"b`}, "percent-encoded"},
		{testBases, []string{"/a?b"}, "percent-encoded"},
		{testBases, []string{"/" + long}, "longer than 1024"},
	} {
		_, err := New(tt.bases, tt.paths)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("New(%.60q, %.60q): error %v, want %q", tt.bases, tt.paths, err, tt.want)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || len(err.Error()) > 200) {
			t.Errorf("New(%.60q): error tells a password or is too long: %v", tt.bases, err)
		}
	}
}

func TestBaseForms(t *testing.T) {
	for base, url := range map[string]string{
		"https://acme.net/":           "https://acme.net/rest/x",
		"https://acme.net:443":        "https://acme.net/rest/x",
		"HTTPS://ACME.net":            "https://acme.net:443/rest/x",
		"http://acme.net":             "http://acme.net:80/rest/x",
		"http://acme.net:443":         "http://acme.net:443/rest/x",
		"https://[2001:DB8::1]":       "https://[2001:db8::1]:443/rest/x",
		"http://[::1]:8080/jira/":     "http://[::1]:8080/jira/rest/x",
		"http://127.0.0.1:2990/jira":  "http://127.0.0.1:2990/jira/rest/x",
		"https://acme.net/j%C3%A4ger": "https://acme.net/j%C3%A4ger/rest/x",
		"https://acme.net/jäger":      "https://acme.net/j%C3%A4ger/rest/x",
	} {
		m := newMapper(t, []string{base, base}, []string{"/rest/"})
		if got, want := m.URL(url, public), public+"/rest/x"; got != want {
			t.Errorf("base %q: URL(%q) = %q, want %q", base, url, got, want)
		}
	}
}

// The bound on bases and paths must leave room in the buffer, or fill could read nothing.
func TestHoldFitsBuffer(t *testing.T) {
	slashes := strings.Repeat("/a", maxText/2)
	m := newMapper(t, []string{"https://a" + slashes[:maxText-16]}, []string{slashes})
	if m.maxHold > bufferSize/2 {
		t.Fatalf("may hold back %d bytes of a buffer of %d", m.maxHold, bufferSize)
	}
}
