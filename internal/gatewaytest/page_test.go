package gatewaytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/browsertest"
	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// The tests of the page use a real browser: see package browsertest.

// peoplesPassword is everybody's password in Jira.
const peoplesPassword = "correct-horse-staple"

// pagePolicy is the policy of gateways with a page: alice has her own tokens, bea creates
// them for others, and root and eve manage.
const pagePolicy = `
group desk {
	members bea
}
group admins {
	members root eve
}
policy {
	everyone {
		scopes       read write
		approval     write
		max_lifetime 90d
	}
	group desk {
		on_behalf
	}
	group admins {
		scopes       admin
		max_lifetime never
		manage
		on_behalf
	}
}`

// pageSite is a gateway with the page, in front of a Data Center where people sign in.
type pageSite struct {
	*gateway
	jira    *fakejira.Server
	jiraURL string
	browser *browsertest.Browser
}

// startPage starts a browser, and a gateway with the page below /tokens.
func startPage(t *testing.T) *pageSite {
	t.Helper()
	s := &pageSite{browser: browsertest.Start(t)}
	people := takesAccount()
	for _, name := range []string{"alice", "bea", "root", "eve"} {
		people = append(people, fakejira.Account{User: name, Secret: peoplesPassword})
	}
	s.jira = fakejira.New(fakejira.Options{Dress: fakejira.DataCenter, Accounts: people})
	var err error
	if s.jiraURL, err = s.jira.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.jira.Close() })
	s.gateway = startGateway(t, options{
		apps: pagePolicy,
		instead: fmt.Sprintf(`log access
			handle_path /tokens* {
				jira_token_manager {
					identity jira
					identity token
				}
			}
			jira_gateway %s {
				front site
			}`, s.jiraURL),
	})
	return s
}

func (s *pageSite) origin() string { return "http://" + s.addr }

// stranger opens a tab of somebody who is not signed in.
func (s *pageSite) stranger() *browsertest.Tab {
	s.t.Helper()
	return s.browser.Open(s.t, s.origin())
}

// as opens a tab of somebody who has signed in to Jira.
func (s *pageSite) as(name string) *browsertest.Tab {
	s.t.Helper()
	p := s.stranger()
	p.SetCookie("JSESSIONID", s.signInToJira(name), "/")
	return p
}

// signInToJira begins a session in Jira and returns its cookie.
func (s *pageSite) signInToJira(name string) string {
	s.t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{"username":%q,"password":%q}`, name, peoplesPassword))
	response, err := http.Post(s.jiraURL+"/rest/auth/1/session", "application/json", body)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	for _, cookie := range response.Cookies() {
		if cookie.Name == "JSESSIONID" {
			return cookie.Value
		}
	}
	s.t.Fatalf("Jira gives %s no session: HTTP %d", name, response.StatusCode)
	return ""
}

var tokenText = regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`)

// shown returns the token that the page shows.
func (s *pageSite) shown(p *browsertest.Tab, owner string) issued {
	s.t.Helper()
	secret := tokenText.FindString(p.Text())
	if secret == "" {
		s.t.Fatalf("%s shows no token\n%s", p.Path(), p.Text())
	}
	s.guard(owner, secret)
	return issued{ID: secret[3:13], Token: secret, Owner: owner}
}

// works reports who Jira says a token's requests are from.
func (s *pageSite) works(tok issued) (answer, string) {
	s.t.Helper()
	a := s.do("GET", myself, tok.basic())
	var user struct{ Name string }
	_ = json.Unmarshal([]byte(a.body), &user) // an error has no name
	return a, user.Name
}

// quoted returns a text as JSON.
func quoted(text string) string {
	quoted, _ := json.Marshal(text) // a string can always be encoded
	return string(quoted)
}

func escaped(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

func decoded[T any](t *testing.T, text string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}
