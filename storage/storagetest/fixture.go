package storagetest

import (
	"encoding/json"
	"errors"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// epoch is the creation time of the suite's first token: an arbitrary whole second.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// NewRecord returns the first version of a realistic record, created n seconds after
// the suite's epoch.
func NewRecord(n int, owner, name string) *token.Record {
	secret := token.New()
	return &token.Record{
		ID: secret.ID(), Owner: owner, Name: name,
		Scope: token.ScopeRead, Account: "default", Status: token.StatusActive,
		CreatedAt: epoch.Add(time.Duration(n) * time.Second),
		UpdatedAt: epoch.Add(time.Duration(n) * time.Second),
		Digest:    secret.Digest(), Version: 1,
	}
}

// Create returns the change that creates r.
func Create(r *token.Record) storage.Change {
	return storage.Change{New: r, Event: event("create", r)}
}

// Update returns the change that applies edit to a copy of r.
func Update(r *token.Record, edit func(r *token.Record)) storage.Change {
	changed := *r
	changed.Version++
	edit(&changed)
	return storage.Change{Old: r, New: &changed, Event: event("update", &changed)}
}

// Delete returns the change that deletes r.
func Delete(r *token.Record) storage.Change {
	return storage.Change{Old: r, Event: event("delete", r)}
}

func event(action string, r *token.Record) storage.Event {
	return storage.Event{
		At: r.UpdatedAt, Action: action, TokenID: r.ID, Owner: r.Owner, Name: r.Name,
		Actor: storage.Actor{Kind: storage.ActorAdmin, Name: "zoë", Address: "2001:db8::1"},
		Changes: []storage.FieldChange{{
			Field: "version", Old: json.RawMessage(`null`), New: json.RawMessage(strconv.FormatUint(r.Version, 10)),
		}},
	}
}

// fullRecord returns a record with every field set.
func fullRecord() *token.Record {
	r := NewRecord(7, "Łukasz Žižka@example.com", "日本語 “quotes” \\ <b>&amp;</b> 🎟")
	r.Scope, r.Account, r.Status = token.ScopeAdmin, "reporting", token.StatusDisabled
	r.Networks = token.Networks{
		Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Deny:  []netip.Prefix{netip.MustParsePrefix("203.0.113.66/32"), netip.MustParsePrefix("::1/128")},
	}
	r.RotatedAt, r.NotBefore = epoch.Add(time.Hour), epoch.Add(2*time.Hour)
	r.ExpiresAt = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	r.Kind, r.Purpose, r.Responsible = token.KindExternal, "audit", "bob@example.com"
	r.Exempt, r.StatusReason = "agreed with the works council", "on holiday"
	before := token.New()
	r.PreviousDigest, r.PreviousUntil = before.Digest(), epoch.Add(3*time.Hour)
	r.Handover = &token.Handover{
		Digest: token.NewLink(r.ID).Digest(), By: "local user zoë", First: true, OverlapSeconds: 60,
		ExpiresAt: epoch.Add(4 * time.Hour), OpenedAt: epoch.Add(time.Hour), Alarms: 2,
	}
	return r
}

func apply(t testing.TB, s storage.Store, changes ...storage.Change) {
	t.Helper()
	for _, c := range changes {
		if err := s.Apply(t.Context(), c); err != nil {
			t.Fatalf("apply %s of %s: %v", c.Event.Action, c.ID(), err)
		}
	}
}

func wantStored(t testing.TB, s storage.Store, want *token.Record) {
	t.Helper()
	got, err := s.Get(t.Context(), want.ID)
	if err != nil {
		t.Fatalf("get %s: %v", want.ID, err)
	}
	if g, w := asJSON(t, got), asJSON(t, want); g != w {
		t.Fatalf("stored record:\n got %s\nwant %s", g, w)
	}
}

func wantError(t rapid.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("got error %v, want %v", err, want)
	}
	if want != storage.ErrUnavailable && errors.Is(err, storage.ErrUnavailable) {
		t.Fatalf("%v must not count as an outage", err)
	}
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// listAll returns the ids on all pages of a list.
func listAll(t testing.TB, s storage.Store, q storage.Query) []string {
	t.Helper()
	ids := []string{}
	for range 10_000 {
		page, err := s.List(t.Context(), q)
		if err != nil {
			t.Fatalf("list %+v: %v", q, err)
		}
		if len(page.Records) > q.PageSize() {
			t.Fatalf("list %+v: page of %d records", q, len(page.Records))
		}
		for _, r := range page.Records {
			ids = append(ids, r.ID)
		}
		if page.Next == "" {
			return ids
		}
		q.Cursor = page.Next
	}
	t.Fatalf("list %+v does not end", q)
	return nil
}

// readEvents reads the audit trail to its end and returns the events and the cursor
// to continue from.
func readEvents(t testing.TB, s storage.Store, q storage.EventQuery) ([]storage.Event, string) {
	t.Helper()
	events := []storage.Event{}
	for range 10_000 {
		page, err := s.Events(t.Context(), q)
		if err != nil {
			t.Fatalf("events %+v: %v", q, err)
		}
		if len(page.Events) > q.PageSize() {
			t.Fatalf("events %+v: page of %d", q, len(page.Events))
		}
		if page.Next == "" {
			t.Fatalf("events %+v: no Next, so the trail cannot be followed", q)
		}
		events = append(events, page.Events...)
		q.Cursor = page.Next
		if !page.More {
			return events, page.Next
		}
	}
	t.Fatalf("events %+v do not end", q)
	return nil, ""
}
