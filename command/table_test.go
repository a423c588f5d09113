package command

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestWideTable: columns that are never cut can be wider than the screen.
func TestWideTable(t *testing.T) {
	for _, wide := range []int{screen - 5, screen - 4, screen - 3, screen, 3 * screen} {
		for _, cell := range []string{"", "x", "owner@example.com"} {
			var out strings.Builder
			printTable(&out, screen, [][]string{{"ID", "OWNER", "NAME"}, {strings.Repeat("i", wide), cell, cell}}, 1, 2)
			if !strings.Contains(out.String(), strings.Repeat("i", wide)) {
				t.Errorf("%d, %q: the first column was cut:\n%s", wide, cell, out.String())
			}
		}
	}
}

// TestUncutTable: outside a terminal, nothing is cut.
func TestUncutTable(t *testing.T) {
	long := admin.Token{State: token.StateActive, Record: &token.Record{ID: "0123456789", Owner: strings.Repeat("o", 200), Name: strings.Repeat("n", 100)}}
	var out strings.Builder
	printRows(&out, widthOf(&out), []admin.Token{long}, true)
	if !strings.Contains(out.String(), long.Owner+"  "+long.Name) {
		t.Errorf("cut:\n%s", out.String())
	}
}

func TestTablesFitTheScreen(t *testing.T) {
	in := time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)
	long := admin.Token{
		State: token.StateNotYetValid, LastUsed: &admin.Use{At: in},
		Record: &token.Record{
			ID: "0123456789", Owner: strings.Repeat("ö", 254), Name: strings.Repeat("n", 100), Scope: token.ScopeWrite,
			ExpiresAt: in, Account: "default", Confine: token.Confinement{Projects: []token.Project{{Key: "ACME"}}, JQL: strings.Repeat("labels = x OR ", 50) + "labels = y"},
		},
	}
	short := admin.Token{State: long.State, Record: &token.Record{ID: "0123456789", Owner: "alice", Name: "BI", Scope: token.ScopeRead}}
	damaged := admin.Token{Record: &token.Record{ID: "9876543210"}, State: token.StateDamaged, Error: strings.Repeat("word ", 100)}
	for range 100 {
		long.Networks.Allow = append(long.Networks.Allow, netip.MustParsePrefix("2001:db8::/32"))
	}
	past := time.Now().Add(-50 * time.Hour)
	var out strings.Builder
	printRows(&out, screen, []admin.Token{long, short, damaged}, true)
	printRows(&out, screen, []admin.Token{short}, false)
	printToken(&out, long)
	printToken(&out, damaged)
	printOwners(&out, screen, []admin.Owner{{Owner: strings.Repeat("ö", 254), Kind: "external", State: "inactive", Groups: []string{strings.Repeat("g", 200)}}, {Owner: "bob", Kind: "user", State: "active"}})
	printAccounts(&out, []admin.Account{
		{Name: "default", Source: "configuration", State: "valid"},
		{Name: "old", Source: "store", State: admin.StateExpiring, ExpiresAt: &past, Jira: "https://jira.example.com", ValidatedAs: "svc", Kind: "basic"},
	})
	for line := range strings.Lines(out.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > screen {
			t.Errorf("%d columns: %s", n, line)
		}
		if strings.HasSuffix(line, " \n") {
			t.Errorf("spaces at the end: %q", line)
		}
	}
	for _, want := range []string{"not_yet_valid", "damaged", "2027-01-31", "alice", "write, confined", "project ACME; issues that match", "store          expired  https://jira.example.com as svc (basic); expired 2 days ago"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing:\n%s", want, out.String())
		}
	}
}
