package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// TestListFilters: each filter finds what it should, and what cannot be is refused with the
// name of the parameter.
func TestListFilters(t *testing.T) {
	a, _ := newApp(t)
	ids := make(map[string]string)
	for name, body := range map[string]string{
		"plain":    `{"owner":"eve","name":"plain"}`,
		"writer":   `{"owner":"eve","name":"writer","scope":"write","expires_at":"7d","allow_ip":["203.0.113.0/24"]}`,
		"service":  `{"owner":"ci","name":"service","kind":"service","scope":"admin"}`,
		"confined": `{"owner":"bob","name":"confined","confine":{"projects":["DEMO"]},"check":false}`,
	} {
		view, err := a.call((*call).create, "", body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ids[view.ID] = name
	}
	list := func(query string) ([]string, error) {
		r := httptest.NewRequest(http.MethodGet, Base+"tokens?"+query, nil)
		_, answer, err := (&call{Request: r, app: a, tokens: a.registry}).list()
		if err != nil {
			return nil, err
		}
		var found []string
		for _, one := range answer.(TokenPage).Tokens {
			found = append(found, ids[one.(Token).ID])
		}
		slices.Sort(found)
		return found, nil
	}
	for query, want := range map[string]string{
		"":                                   "confined plain service writer",
		"scope=write":                        "writer",
		"scope=read,admin":                   "confined plain service",
		"kind=service":                       "service",
		"kind=user,external":                 "confined plain writer",
		"project=demo":                       "confined",
		"network=203.0.113.7":                "writer",
		"network=203.0.0.0/16":               "writer",
		"network=192.0.2.1":                  "",
		"expiring=8d":                        "writer",
		"expiring=6d":                        "",
		"never_used=true":                    "confined plain service writer",
		"used_after=1d":                      "",
		"used_before=1d":                     "",
		"created_after=1h":                   "confined plain service writer",
		"created_before=1h":                  "",
		"created_before=2100-01-01":          "confined plain service writer",
		"created_after=2100-01-01T00:00:00Z": "",
		"scope=read&owner=EVE&search=LAI":    "plain",
		"sort=created":                       "confined plain service writer",
	} {
		if got, err := list(query); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v, want %s", query, got, err, want)
		}
	}
	for query, field := range map[string]string{
		"scope=reed": "scope", "kind=robot": "kind", "project=a/b": "project", "network=203.0.113.7/24": "network", "network=x": "network",
		"never_used=maybe": "never_used", "created_after=soon": "created_after", "used_before=x": "used_before", "sort=color": "sort", "sort=-": "sort",
		"never_used=true&used_after=1d": "never_used", "created_after=1d&created_before=2d": "created_after", "used_after=1d&used_before=1d": "used_after",
		"state=expired&expiring=1d": "expiring", "state=damaged&scope=read": "scope", "state=damaged&sort=owner": "sort", "colour=red": "query",
	} {
		_, err := list(query)
		if invalid, ok := errors.AsType[registry.InvalidError](err); !ok || invalid.Field != field {
			t.Errorf("%s: %v, want an error about %s", query, err, field)
		}
	}
	if _, err := list("sort=" + url.QueryEscape("owner") + "&cursor=x"); err == nil {
		t.Error("a bad cursor is accepted")
	}
}

// TestOverview: the numbers of an overview are those of the lists with the same filters.
func TestOverview(t *testing.T) {
	a, _ := newApp(t)
	for _, body := range []string{`{"owner":"eve","name":"a"}`, `{"owner":"eve","name":"b","scope":"write","expires_at":"7d"}`, `{"owner":"bob","name":"c"}`} {
		if _, err := a.call((*call).create, "", body); err != nil {
			t.Fatal(err)
		}
	}
	used, err := a.call((*call).create, "", `{"owner":"bob","name":"used"}`)
	if err != nil {
		t.Fatal(err)
	}
	a.registry.Used(used.ID, netip.MustParseAddr("203.0.113.7"), "curl") // a moment ago
	view, err := a.call((*call).create, "", `{"owner":"bob","name":"d"}`)
	if err == nil {
		_, err = a.call((*call).disable, view.ID, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, Base+"overview", nil)
	_, answer, err := (&call{Request: r, app: a, tokens: a.registry}).overview()
	if err != nil {
		t.Fatal(err)
	}
	got := answer.(Overview)
	if n := got.Tokens; n.States["active"] != 4 || n.States["disabled"] != 1 || len(n.States) != 2 || n.Expiring != 1 || n.Unused != 0 || n.NeverUsed != 3 || len(n.Denials.Week) != 0 {
		t.Errorf("%+v", n)
	}
	if len(got.Accounts) == 0 || !got.Health.Store.OK {
		t.Errorf("%+v", got)
	}
}
