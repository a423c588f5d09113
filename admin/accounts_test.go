package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

func (a *app) check(account string) []CheckResult {
	a.t.Helper()
	r := httptest.NewRequest(http.MethodGet, Base+"check?account="+account, nil)
	_, answer, err := (&call{Request: r, w: httptest.NewRecorder(), app: a, tokens: a.registry}).check()
	if err != nil {
		a.t.Fatal(err)
	}
	return answer.(CheckResults).Accounts
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }

// TestCheckSpeaksOfEverything checks that no gateway, Jira or account is passed over in
// silence.
func TestCheckSpeaksOfEverything(t *testing.T) {
	a, site := newApp(t)
	one := a.jiras[0]
	other := jiraAt(t, fakejira.New(fakejira.Options{Dress: fakejira.DataCenter}))
	// Another gateway of the same Jira, which reaches it in a way that is broken, and a
	// gateway of another Jira, which takes no account.
	a.jiras = []handler.Jira{
		{URL: one.URL, Transport: one.Transport, Accounts: []string{"default"}},
		{URL: strings.ToUpper(one.URL[:4]) + one.URL[4:] + "/", Transport: refusing{}, Accounts: []string{"default", "unknown"}},
		{URL: one.URL, Transport: one.Transport, Accounts: []string{"default", "unknown"}},
		{URL: other.URL, Transport: other.Transport, Accounts: []string{"none"}},
	}
	got := map[string]int{}
	for _, result := range a.check("") {
		what := "failed"
		switch {
		case result.OK:
			what = "accepted"
		case strings.Contains(result.Error, "no route"):
			what = "unreachable"
		case strings.Contains(result.Error, "no gateway"):
			what = "unused"
		case strings.Contains(result.Error, "no account is used"):
			what = "without account"
		}
		got[result.Account+" "+what]++
	}
	want := map[string]int{
		"default accepted": 1, "default unreachable": 1, "unknown unreachable": 1, "unknown failed": 1, "other unused": 1, " without account": 1,
	}
	for key, n := range want {
		if got[key] != n {
			t.Errorf("%s: %d times, want %d", key, got[key], n)
		}
	}
	if len(got) != len(want) {
		t.Errorf("results: %v", got)
	}
	// A refused account is not tried again through other gateways of that Jira: Jira
	// counts failed logins.
	a.jiras = []handler.Jira{one, one, one} // all of them take all accounts
	site.Take()
	if results := a.check("unknown"); len(results) != 1 || len(site.Take()) != 1 {
		t.Errorf("%+v", results)
	}
}
