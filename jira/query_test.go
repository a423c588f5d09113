package jira

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func TestCleanQuery(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"", ""},
		{"jql=project%20%3D%20A&fields=a,b", "jql=project%20%3D%20A&fields=a,b"},
		{"a=1&&b=2&", "a=1&&b=2&"},
		{"os_username=x", ""},
		{"os_username", ""},
		{"a=1&os_username=x&b=2", "a=1&b=2"},
		{"os_username=x&a=1", "a=1"},
		{"a=1&os_username=x", "a=1"},
		{"a=1&os_password=x&", "a=1&"},
		{"os_username=x&os_password=y", ""},
		{"OS_USERNAME=x&Os_AuthType=basic&os_cookie=true&_METHOD=DELETE&a=%zz", "a=%zz"},
		{"%6Fs_username=x&a=1", "a=1"},
		{"os%5Fusername=x&a=1", "a=1"},
		{"%256fs_username=x&a=1", "a=1"},
		{"%25256fs_username=x&a=1", "a=1"},
		{"o%C5%BF_username=x&a=1", "a=1"},
		{"os_coo%E2%84%AAie=x&a=1", "a=1"},
		{"%EF%BD%8Fs_username=x&a=1", "a=1"},
		{"os_username+=x&+os_username=x&os_username[]=x&?os_password=x&a=1", "a=1"},
		{"os%E2%80%8B_username=x&a=1", "a=1"},
		{"os_username;b=2&a=1", "refused"},
		{"os_username%3D=x", ""},
		{"jql=os_username&os_usernames=1&xos_username=2&os_destination=x", "jql=os_username&os_usernames=1&xos_username=2&os_destination=x"},
		{"a=1;b=2&c=os_username%3Dx", "a=1;b=2&c=os_username%3Dx"},
		{"updateHistory=true&a=1", "a=1"},
		{"jwt=x&access_token=x&token=x&api_key=x&apikey=x&API-Key=x&bearer=x&Authorization=x&jsessionid=x&session_id=x&password=x&a=1", "a=1"},
		{"oauth_token=x&oauth_consumer_key=x&OAuth%5Fsignature=x&oauth.verifier=x&a=1", "a=1"},
		{"%74oken=x&t%256fken=x&to%E2%80%8Bken=x&%EF%BD%94oken=x&a=1", "a=1"},
		{"sessionid=x&sessionId=1", "sessionId=1"},
		{"a=1;token=x", "refused"},
		{"nextPageToken=x&pageToken=x&username=u&userKey=u&keys=k&tokenised=1&fieldsByKeys=true", "nextPageToken=x&pageToken=x&username=u&userKey=u&keys=k&tokenised=1&fieldsByKeys=true"},
		{"jira_token=x&my_token=x&x-token=x&apiToken2=x&webToken=x&X-Atlassian-Token=x&myTokens=x&token1=x&jwt2=x&my_api_key=x&db-password=x&j_password=x&j_username=x&a=1", "a=1"},
		{"m%79_t%256fken=x&" + strings.Repeat("long", 100) + "Token=x&" + strings.Repeat("x", 61) + "token=x&oauth" + strings.Repeat("long", 100) + "=x&a=1", "a=1"},
		{"impersonate=x&impersonateUser=x&run_as=x&runAs=x&on_behalf_of=x&onBehalfOf=x&sig=x&signature=x&a=1", "a=1"},
		{"X-HTTP-Method-Override=PUT&x_http_method=PUT&_HttpMethod=PUT&httpMethod=PUT&http-verb=PUT&a=1", "a=1"},
		{"a=1;my_token=x", "refused"},
		{"nextToken=x&continuationToken=x&next_page_token=x&runAsync=1&design=1&method=x&tokenize=1&tokenCount=2&1=2",
			"nextToken=x&continuationToken=x&next_page_token=x&runAsync=1&design=1&method=x&tokenize=1&tokenCount=2&1=2"},
		{"a=1&UPDATEHISTORY=true", "a=1"},
		{"a=1;os_username=x", "refused"},
		{"a=1;;OS_%50assword=x", "refused"},
		{";os_username=x&a=1", "a=1"},
		{";b=1;os_username=x", "refused"},
		{"a=1;os_username", "refused"},
		{"a=1;updateHistory=true", "refused"},
		{"a=1;%6fs_username=x", "refused"},
		{"a=1;b=%zz", "a=1;b=%zz"},
		{"os%5username=x", "refused"},
		{"%u006fs_username=x", "refused"},
		{"os_username%=x", "refused"},
		{"%00os_username=x", "refused"},
		{"os_username%00=x", "refused"},
		{"%C1%AFs_username=x", "refused"},
		{"a%0d%0a=x", "refused"},
		{"a\x00=1", "refused"},
		{"a=1 HTTP/1.1", "refused"},
		{"a=1\r\nX:y", "refused"},
		{"na%C3%AFve=1", "na%C3%AFve=1"},
		{"\xff=1", "refused"},
		{"a=\xff", "a=\xff"},
		{"100%25=1", "100%25=1"},
	} {
		got, err := CleanQuery(c.query, true)
		var ambiguous *AmbiguousQueryError
		switch {
		case c.want == "refused" && !errors.As(err, &ambiguous):
			t.Errorf("CleanQuery(%q) = %q, %v, want an error", c.query, got, err)
		case c.want != "refused" && (err != nil || got != c.want):
			t.Errorf("CleanQuery(%q) = %q, %v, want %q", c.query, got, err, c.want)
		}
	}
	if got, err := CleanQuery("updateHistory=true&a;updateHistory=1", false); err != nil || got != "updateHistory=true&a;updateHistory=1" {
		t.Errorf("updateHistory was removed for a token that writes: %q, %v", got, err)
	}
}

func TestAmbiguousQueryErrorSaysWhere(t *testing.T) {
	_, err := CleanQuery("a=1&b=secret;os_username=secret", false)
	if err == nil || !strings.Contains(err.Error(), "semicolon at byte 13") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func TestCleanQueryDoesNotAllocate(t *testing.T) {
	const query = "jql=project%20%3D%20A&fields=summary,status&startAt=0&maxResults=50&expand=names"
	if n := testing.AllocsPerRun(100, func() { _, _ = CleanQuery(query, true) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// hasCredential is the oracle: it reports whether a parser that splits parameters
// at separators and decodes names once, as leniently as Tomcat, finds a parameter
// that must not reach Jira.
func hasCredential(query, separators string, readOnly bool) bool {
	for _, parameter := range strings.FieldsFunc(query, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		name, _, _ := strings.Cut(parameter, "=")
		name = strings.ReplaceAll(name, "+", " ")
		if isForbidden(name, readOnly) || isForbidden(unescapeLeniently(name), readOnly) {
			return true
		}
	}
	return false
}

func isForbidden(name string, readOnly bool) bool {
	name, _, _ = strings.Cut(name, "\x00")
	name = strings.TrimSpace(name)
	for _, forbidden := range []string{"os_username", "os_password", "os_authType", "os_cookie", "_method"} {
		if strings.EqualFold(name, forbidden) {
			return true
		}
	}
	return readOnly && strings.EqualFold(name, "updateHistory")
}

// FuzzCleanQuery: no parser finds a credential in the result; cleaning twice
// changes nothing; the result has the query's own parameters in order; and a query
// without credentials is unchanged.
func FuzzCleanQuery(f *testing.F) {
	for _, q := range []string{
		"a=1&os_username=x&b=2", "os%5Fusername=x", "a;os_cookie=1", "%256fs_username", "updateHistory=true", "o%C5%BF_username=x",
		"&&_method=DELETE&", "os_username%00=x", "a=%zz&%=1", "os_passwor%64;=1",
	} {
		f.Add(q, true)
		f.Add(q, false)
	}
	f.Fuzz(func(t *testing.T, query string, readOnly bool) {
		clean, err := CleanQuery(query, readOnly)
		if err != nil {
			if clean != "" {
				t.Fatalf("got both a query and an error: %v", err)
			}
			return
		}
		for _, separators := range []string{"&", "&;"} {
			if hasCredential(clean, separators, readOnly) {
				t.Fatalf("%q leaves a credential in %q, separated by %q", query, clean, separators)
			}
		}
		values, _ := url.ParseQuery(clean) // whatever it could parse
		for name := range values {
			if isForbidden(name, readOnly) {
				t.Fatalf("%q leaves %q", query, name)
			}
		}
		if again, err := CleanQuery(clean, readOnly); err != nil || again != clean {
			t.Fatalf("%q cleaned twice: %q, %v", query, again, err)
		}
		rest := strings.Split(query, "&")
		if clean != "" {
			for _, parameter := range strings.Split(clean, "&") {
				for len(rest) > 0 && rest[0] != parameter {
					rest = rest[1:]
				}
				if len(rest) == 0 {
					t.Fatalf("%q has %q, which is not in %q at this point", clean, parameter, query)
				}
				rest = rest[1:]
			}
		}
	})
}

func BenchmarkCleanQuery(b *testing.B) {
	for name, query := range map[string]string{
		"clean":      "jql=project%20%3D%20A&fields=summary,status&startAt=0&maxResults=50",
		"credential": "jql=project%20%3D%20A&os_username=fred&os_password=x&startAt=0",
		"empty":      "",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = CleanQuery(query, true)
			}
		})
	}
}

// TestEncodedManyTimes: each decoding shortens such a name by two bytes, so decoding
// it completely would take quadratic time.
func TestEncodedManyTimes(t *testing.T) {
	long := "%" + strings.Repeat("25", 100_000)
	if _, err := CleanQuery(long+"=x", true); err == nil {
		t.Error("accepted a name that is encoded many times")
	}
	if CheckPath("/secure/attachment/1/"+long) == nil {
		t.Error("accepted a file name that is encoded many times")
	}
}
