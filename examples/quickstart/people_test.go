package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// visitor uses the page without a browser.
type visitor struct {
	t      *testing.T
	base   string
	client http.Client
	// user and password are sent with each request, if they are set.
	user, password string
}

func newVisitor(t *testing.T, base string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t: t, base: base, client: http.Client{Jar: jar}}
}

// visit gets a page, or sends a form to it, and returns it.
func (v *visitor) visit(path string, form url.Values) string {
	v.t.Helper()
	method := http.MethodGet
	if form != nil {
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(v.t.Context(), method, v.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	if v.user != "" {
		request.SetBasicAuth(v.user, v.password)
	}
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return string(body)
}

// visitPages does what is printed, on the page: everything that the first look offers can be
// finished.
func visitPages(t *testing.T, printed string) {
	t.Helper()
	said := regexp.MustCompile(`page +(http://\S+)\s+sign in +as (\S+), with the token (\S+)`).FindStringSubmatch(printed)
	person := regexp.MustCompile(`open (http://\S+) as (\S+), with the password (\S+?)\.\n`).FindStringSubmatch(printed)
	knows := regexp.MustCompile(`Jira knows (\S+) by the API token (\S+)`).FindAllStringSubmatch(printed, -1)
	if said == nil || person == nil || len(knows) != 2 {
		t.Fatalf("the output does not say how to sign in:\n%s", printed)
	}
	demo := newVisitor(t, said[1])
	demo.visit("signin", url.Values{"owner": {said[2]}, "token": {said[3]}})
	held := regexp.MustCompile(`href="[^"]*/requests/([0-9A-Za-z-]+)"`).FindStringSubmatch(demo.visit("requests", nil))
	if held == nil {
		t.Fatal("no change waits")
	}
	if page := demo.visit("requests/"+held[1], url.Values{"verdict": {"approve"}, "reason": {"fine"}}); !strings.Contains(page, "The change is approved") {
		t.Errorf("the change of the agent cannot be approved:\n%s", page)
	}
	jira := regexp.MustCompile(`<option value="(http://[^"]+)"`).FindStringSubmatch(demo.visit("account", nil))
	if jira == nil {
		t.Fatal("no account can be added")
	}
	account := url.Values{"name": {"another"}, "jira": {jira[1]}, "product": {"cloud"}, "kind": {"basic"}, "user": {knows[0][1]}, "secret": {knows[0][2]}}
	if page := demo.visit("account", account); !strings.Contains(page, "Jira has accepted the account") {
		t.Errorf("adding an account:\n%s", page)
	}
	connect := func(v *visitor, known []string) {
		t.Helper()
		own := url.Values{"jira": {jira[1]}, "kind": {"basic"}, "user": {known[1]}, "secret": {known[2]}}
		if page := v.visit("own", own); !strings.Contains(page, "Connected.") {
			t.Errorf("connecting the account of %s:\n%s", known[1], page)
		}
	}
	connect(demo, knows[0])
	alice := newVisitor(t, person[1])
	alice.user, alice.password = person[2], person[3]
	if page := alice.visit("tokens", nil); !strings.Contains(page, "Power BI, support dashboard") || strings.Contains(page, "partner desk") || strings.Contains(page, "/all") {
		t.Errorf("the page of alice:\n%s", page)
	}
	connect(alice, knows[1])
	created := alice.visit("tokens/new", url.Values{"name": {"mine"}, "scope": {"read"}, "expires": {"7d"}})
	line := regexp.MustCompile(`lines-curl" tabindex="0">(curl [^<]+)<`).FindStringSubmatch(created)
	if line == nil {
		t.Fatalf("no line to copy:\n%s", created)
	}
	checkIssues(t, line[1])
}
