package handler

import (
	"net/url"
	"testing"
)

func TestMoved(t *testing.T) {
	for _, test := range []struct{ url, from, to, want string }{
		{"https://acme.atlassian.net/rest/api/3/issue/A-1?x=%20", "https://acme.atlassian.net", "https://api.example.com/ex/jira/id", "https://api.example.com/ex/jira/id/rest/api/3/issue/A-1?x=%20"},
		{"https://acme.atlassian.net/rest/api/3/status/In%20Progress", "https://acme.atlassian.net", "https://api.example.com/ex/jira/id", "https://api.example.com/ex/jira/id/rest/api/3/status/In%20Progress"},
		{"https://acme.atlassian.net/rest/api/3/status/a%7Eb", "https://acme.atlassian.net", "https://api.example.com/ex/jira/id", "https://api.example.com/ex/jira/id/rest/api/3/status/a%7Eb"},
		{"https://acme.atlassian.net/rest/x", "https://acme.atlassian.net/", "https://api.example.com/ex/jira/id/", "https://api.example.com/ex/jira/id/rest/x"},
		{"https://jira.example.com/jira/rest/x", "https://jira.example.com/jira", "https://api.example.com/ex/jira/id", "https://api.example.com/ex/jira/id/rest/x"},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		from, err := parseJiraURL(test.from)
		if err != nil {
			t.Fatal(err)
		}
		to, err := parseJiraURL(test.to)
		if err != nil {
			t.Fatal(err)
		}
		got, err := moved(u, from, to)
		if err != nil || got.String() != test.want {
			t.Errorf("%s: %v (%v), want %s", test.url, got, err, test.want)
		}
		if u.String() != test.url {
			t.Errorf("%s was changed to %s", test.url, u)
		}
	}
}
