package token

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

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
		}, "Reads and changes everything that its account sees in Jira, and Jira's administration, from 203.0.113.0/24 or 192.0.2.1, not from 203.0.113.66, until 24 February 2027."},
		{func() {
			record.Networks, record.Scope = Networks{}, ScopeReadAll
			for i := range 12 {
				record.Confine.Projects = append(record.Confine.Projects, Project{Key: fmt.Sprint("P", i)})
			}
		}, "Reads issues of P0, P1, P2, P3, P4, P5, P6 and 5 others, and Jira's administration, until 24 February 2027."},
		{func() {
			*record = Record{Scope: ScopeWrite, HoldWrites: true, Limit: Limit{60, time.Minute, 60}, LimitWrites: Limit{20, 24 * time.Hour, 5}, MaxConcurrent: 2}
		}, "Reads and changes everything that its account sees in Jira, each change once somebody has approved it, at most 60 requests a minute, 20 changes a day (up to 5 at once) and 2 at a time, without an end."},
		{func() {
			record.Limit, record.LimitWrites, record.MaxConcurrent = Unlimited, Limit{1, time.Hour, 1}, Unbounded
			record.HoldWrites = false
		}, "Reads and changes everything that its account sees in Jira, at most 1 change an hour, without an end."},
		{func() { record.Scope, record.HoldWrites = ScopeRead, true }, "Reads everything that its account sees in Jira, without an end."},
		{func() {
			record.LimitWrites, record.CreatedAt = Limit{}, time.Date(2027, 2, 23, 9, 0, 0, 0, time.UTC)
			record.NotBefore, record.ExpiresAt = record.CreatedAt.Add(time.Hour), record.CreatedAt.Add(12*time.Hour)
		}, "Reads everything that its account sees in Jira, from 23 February 2027, 10:00 UTC until 23 February 2027, 21:00 UTC."},
		{func() { record.ExpiresAt = record.CreatedAt.AddDate(0, 0, 90) },
			"Reads everything that its account sees in Jira, from 23 February 2027 until 24 May 2027."},
	} {
		c.change()
		if got := record.Sentence(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestSentenceBut: what is not known yet must not read as if it were unlimited.
func TestSentenceBut(t *testing.T) {
	record := &Record{
		Scope: ScopeWrite, Confine: Confinement{Projects: []Project{{Key: "ACME"}}, Hide: []string{"Margin"}}, Limit: Limit{Requests: 60, Period: time.Minute, Burst: 60},
		LimitWrites: Limit{Requests: 2, Period: time.Minute, Burst: 2}, MaxConcurrent: 3,
		NotBefore: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), ExpiresAt: time.Date(2027, 2, 24, 9, 5, 0, 0, time.UTC),
		Networks: Networks{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, Deny: []netip.Prefix{netip.MustParsePrefix("203.0.113.66/32")}},
	}
	for _, c := range []struct {
		unknown []string
		want    string
	}{
		{[]string{"confine", "allow_ip", "expires_at"}, "Reads and changes …, not from 203.0.113.66, at most 60 requests a minute, 2 changes a minute and 3 at a time, from 1 January 2027."},
		{[]string{"deny_ip", "limit", "limit_writes", "max_concurrent", "not_before"}, "Reads and changes issues of ACME, not the field Margin, from 203.0.113.0/24, until 24 February 2027."},
		{[]string{"name"}, record.Sentence()},
	} {
		unknown := make(map[string]bool)
		for _, field := range c.unknown {
			unknown[field] = true
		}
		if got := record.SentenceBut(unknown); got != c.want {
			t.Errorf("%q: %s", c.unknown, got)
		}
	}
}
