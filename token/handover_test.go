package token

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestLink(t *testing.T) {
	link := NewLink("0123456789")
	parsed, err := ParseLink(link.Reveal())
	if err != nil || parsed != link || parsed.ID() != "0123456789" || parsed.Digest() != link.Digest() {
		t.Errorf("%q: %v", link.Reveal(), err)
	}
	if link.Digest() == NewLink("0123456789").Digest() {
		t.Error("two links are equal")
	}
	for _, text := range []string{fmt.Sprint(link), fmt.Sprintf("%#v", link), fmt.Sprintf("%+v", struct{ L Link }{link})} {
		if strings.Contains(text, link.Reveal()[linkSecretStart:]) {
			t.Errorf("%q shows the secret", text)
		}
	}
	text := link.Reveal()
	for _, bad := range []string{"", "x", text[1:], text + "x", strings.Replace(text, "-", "_", 1), "ab/" + text[3:], text[:20] + "\u00e9" + text[22:]} {
		if _, err := ParseLink(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("ParseLink(%q): %v", bad, err)
		}
	}
	if HeldBy("/rest/jira-tokens/1/handover/" + text) {
		t.Error("a link looks like a token in a URL")
	}
}

func TestSentence(t *testing.T) {
	record := &Record{Scope: ScopeRead}
	for _, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, "Reads everything that its account sees in Jira, without an end."},
		{func() { record.Confine.Projects = []Project{{Key: "ACME"}} }, "Reads issues of ACME, without an end."},
		{func() { record.Scope, record.Confine.Projects = ScopeWrite, []Project{{Key: "ACME"}, {Key: "OPS"}} }, "Reads and changes issues of ACME and OPS, without an end."},
		{func() { record.Confine.JQL = "labels = x" }, "Reads and changes issues of ACME and OPS that match “labels = x”, without an end."},
		{func() { record.Confine = Confinement{JQL: "a = b", Hide: []string{HideInternalComments, "Margin"}} },
			"Reads and changes issues that match “a = b”, not internal comments or the field Margin, without an end."},
		{func() {
			record.Confine, record.ExpiresAt = Confinement{}, time.Date(2027, 2, 24, 9, 5, 0, 0, time.UTC)
			record.Networks.Allow = []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("192.0.2.1/32")}
			record.Networks.Deny = []netip.Prefix{netip.MustParsePrefix("203.0.113.66/32")}
			record.Scope = ScopeAdmin
		}, "Reads, changes and administers everything that its account sees in Jira, from 203.0.113.0/24 or 192.0.2.1, not from 203.0.113.66, until 24 February 2027, 09:05 UTC."},
		{func() {
			record.Networks, record.Scope = Networks{}, ScopeReadAll
			for i := range 12 {
				record.Confine.Projects = append(record.Confine.Projects, Project{Key: fmt.Sprint("P", i)})
			}
		}, "Reads content and administration: issues of P0, P1, P2, P3, P4, P5, P6 and 5 others, until 24 February 2027, 09:05 UTC."},
	} {
		c.change()
		if got := record.Sentence(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}
