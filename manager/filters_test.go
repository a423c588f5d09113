package manager

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var (
	chip  = regexp.MustCompile(`<a class="chip" href="([^"]*)"( aria-current="true")?>(.*?)</a>`)
	noTag = regexp.MustCompile(`<[^>]*>`)
)

// TestWhatIsInForceIsShown: every filter that an address can have is shown as set, and a link
// removes it and nothing else. Nothing else is shown as set.
func TestWhatIsInForceIsShown(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	for query, want := range map[string][]string{
		"":                                      {"All", "All", "All", "Any", "Any", "Newest first"},
		"state=not_yet_valid":                   {"Not yet valid", "All", "All", "Any", "Any", "Newest first"},
		"expiring=60d":                          {"Ends within: 60 days ×", "All", "All", "All", "60 days", "Any", "Newest first"},
		"expiring=30d":                          {"Ends within: 30 days ×", "All", "All", "All", "30 days", "Any", "Newest first"},
		"expiring=36h":                          {"Ends within: 36h ×", "All", "All", "All", "36h", "Any", "Newest first"},
		"unused=45d":                            {"Unused for: 45 days ×", "All", "All", "All", "Any", "45 days", "Newest first"},
		"never_used=1":                          {"Unused for: Never used ×", "All", "All", "All", "Any", "Never used", "Newest first"},
		"scope=read,write":                      {"May: Read, Change ×", "All", "All", "Read, Change", "Any", "Any", "Newest first"},
		"kind=user,service":                     {"For: Users, Services ×", "All", "Users, Services", "All", "Any", "Any", "Newest first"},
		"sort=-name":                            {"Order: Name, reversed ×", "All", "All", "All", "Any", "Any", "Name", "Reversed"},
		"sort=-created":                         {"Order: Newest first, reversed ×", "All", "All", "All", "Any", "Any", "Newest first", "Reversed"},
		"sort=created":                          {"All", "All", "All", "Any", "Any", "Newest first"},
		"unused=90d&never_used=true&scope=read": {"May: Read ×", "Unused for: 90 days ×", "Unused for: Never used ×", "All", "All", "Read", "Any", "90 days", "Never used", "Newest first"},
	} {
		shown := root.get("/tokens/all?" + query)
		shown.want(t, query, http.StatusOK)
		got := make(map[string]int)
		for _, found := range chip.FindAllStringSubmatch(shown.body, -1) {
			text := strings.TrimSpace(strings.TrimSuffix(strings.Join(strings.Fields(noTag.ReplaceAllString(found[3], "")), " "), "remove"))
			if found[2] != "" {
				got[text]++
			}
			if !strings.HasSuffix(text, "×") {
				continue
			}
			// One filter less, and the others as before.
			rest := html.UnescapeString(found[1])
			before := strings.Count(shown.body, ">×</span>")
			if after := root.get(rest); after.status != http.StatusOK || strings.Count(after.body, ">×</span>") != before-1 {
				t.Errorf("%s: %s leads to %s: %d filters", query, text, rest, strings.Count(after.body, ">×</span>"))
			}
		}
		for _, text := range want {
			got[text]--
		}
		for text, n := range got {
			if n != 0 {
				t.Errorf("%s: %q is shown as set %+d times:\n%v", query, text, n, got)
			}
		}
	}
	// Orders can be reversed, and back.
	reverse := regexp.MustCompile(`href="([^"]*)"[^>]*>Reversed<`)
	for _, query := range []string{"", "sort=name&owner=alice", "sort=-expires"} {
		link := reverse.FindStringSubmatch(root.get("/tokens/all?" + query).body)
		if link == nil {
			t.Fatalf("%q cannot be reversed", query)
		}
		back := reverse.FindStringSubmatch(root.get(html.UnescapeString(link[1])).body)
		if back == nil || strings.Contains(link[1], "sort=-") == strings.Contains(query, "sort=-") || strings.Contains(back[1], "sort=-") == strings.Contains(link[1], "sort=-") {
			t.Errorf("%q: %q and back %q", query, link, back)
		}
	}
}

// TestAccountOfRows: lists say which account a token uses, unless it is the default one.
func TestAccountOfRows(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	a.create(t, map[string]any{"owner": "alice", "name": "usual"})
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	for _, list := range []answer{alice.get("/tokens/tokens"), root.get("/tokens/all")} {
		if strings.Contains(list.body, "Jira account: ") {
			t.Error("the default account is named")
		}
	}
	h := &Handler{logger: zap.NewNop(), now: time.Now}
	var err error
	if h.pages, err = newPages(); err != nil {
		t.Fatal(err)
	}
	for account, want := range map[string]string{"default": "", "second": "Jira account: second.", token.OwnAccount: "Acts as alice in Jira."} {
		row := h.row(admin.Token{Record: &token.Record{Owner: "alice", Account: account}, State: token.StateActive})
		if row.Account != want {
			t.Errorf("%s: %q, want %q", account, row.Account, want)
		}
	}
}

// TestProbeWithoutAddress: what depends on an address that was not given is not called a pass.
func TestProbeWithoutAddress(t *testing.T) {
	h := &Handler{logger: zap.NewNop()}
	var err error
	if h.pages, err = newPages(); err != nil {
		t.Fatal(err)
	}
	steps := []handler.Step{{Step: "token", Passed: true}, {Step: "networks", Passed: true}}
	for what, c := range map[string]struct {
		explained     admin.Explanation
		whole, second string
		tone          page.Tone
	}{
		"without an address": {admin.Explanation{Allowed: true, Steps: steps}, "Depends on the address", "Depends on the address", page.ToneQuiet},
		"from anywhere":      {admin.Explanation{Allowed: true, AnyAddress: true, Steps: steps}, "Passes", "Passes", page.ToneGood},
		"refused later":      {admin.Explanation{Steps: append(steps, handler.Step{Step: "scope"})}, "Refused", "Depends on the address", page.ToneBad},
	} {
		got := h.probeAnswer(c.explained)
		if got.State.Word != c.whole || got.State.Tone != c.tone || got.Steps[1].State.Word != c.second {
			t.Errorf("%s: %+v", what, got)
		}
	}
}
