package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// These tests try to get around the policy.

// TestOverlapDoesNotOutliveTheToken: a rotation with an overlap and a new expiry must
// not let the old secret work beyond the lifetime that it had.
func TestOverlapDoesNotOutliveTheToken(t *testing.T) {
	r, now := newRegistry(t)
	obey(t, r, policy.Rule{MaxLifetime: policy.Span(7 * 24 * time.Hour)})
	old, err := tryCreate(t, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	*now = now.Add(6 * 24 * time.Hour)
	if _, err := r.Rotate(t.Context(), admin, old.Record.ID, MaxOverlap); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Update(t.Context(), admin, old.Record.ID, edit(t, map[string]any{"expires_at": "7d"})); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Lookup(t.Context(), old.Token); err != nil {
		t.Errorf("during the overlap: %v", err)
	}
	*now = now.Add(24 * time.Hour)
	if _, err := r.Lookup(t.Context(), old.Token); !errors.Is(err, token.ErrRotated) {
		t.Errorf("after 7 days the old secret still works: %v", err)
	}
}

// TestMaxTokensOfTokensThatCountAgain: expired and exempt tokens make room for others,
// and must not come back into the same room.
func TestMaxTokensOfTokensThatCountAgain(t *testing.T) {
	r, now := newRegistry(t)
	obey(t, r, policy.Rule{MaxTokens: 1})
	expired, err := tryCreate(t, r, map[string]any{"expires_at": "1h"})
	if err != nil {
		t.Fatal(err)
	}
	*now = now.Add(2 * time.Hour)
	alive, err := tryCreate(t, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	exempt, err := tryCreate(t, r, map[string]any{"exempt": "migration"})
	if err != nil {
		t.Fatal(err)
	}
	update := func(issued Issued, fields map[string]any) error {
		_, err := r.Update(t.Context(), admin, issued.Record.ID, edit(t, fields))
		return err
	}
	for _, fields := range []map[string]any{{"expires_at": "30d"}, {"expires_at": "never"}} {
		wantForbidden(t, update(expired, fields), "owner", "and may have 1")
	}
	wantForbidden(t, update(exempt, map[string]any{"exempt": ""}), "owner", "and may have 1")
	if err := update(alive, map[string]any{"expires_at": "30d"}); err != nil {
		t.Errorf("a token that counts already: %v", err)
	}
	for _, issued := range []Issued{alive, exempt} {
		if _, err := r.Revoke(t.Context(), admin, issued.Record.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := update(expired, map[string]any{"expires_at": "30d"}); err != nil {
		t.Errorf("with room for it: %v", err)
	}
}

// overtaken is a store in which something else happens just before a change.
type overtaken struct {
	storage.Store
	by func()
}

func (s *overtaken) Apply(ctx context.Context, change storage.Change) error {
	if by := s.by; by != nil {
		s.by = nil
		by()
	}
	return s.Store.Apply(ctx, change)
}

// TestApprovalOfWhatWasSeen: whoever approves a token approves what they saw, not what
// it becomes in the meantime.
func TestApprovalOfWhatWasSeen(t *testing.T) {
	r := ruled(t, policy.Rule{Approval: []string{"write"}})
	ctx := t.Context()
	issued, err := tryCreate(t, r, map[string]any{"scope": "write"})
	if err != nil {
		t.Fatal(err)
	}
	id := issued.Record.ID
	widen := func() {
		if _, err := r.Update(ctx, admin, id, edit(t, map[string]any{"scope": "admin"})); err != nil {
			t.Error(err)
		}
	}
	store := &overtaken{r.store, widen}
	r.store = store
	if _, err := r.Approve(ctx, admin, id, Verdict{}); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("approved what nobody saw: %v", err)
	}
	if _, err := r.Approve(ctx, admin, id, Verdict{Version: 1}); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("approved another version: %v", err)
	}
	if record, err := r.Show(ctx, id); err != nil || record.Status != token.StatusPending {
		t.Errorf("%+v, %v", record, err)
	}
	if record, err := r.Approve(ctx, admin, id, Verdict{Version: 2}); err != nil || record.Status != token.StatusActive {
		t.Errorf("%+v, %v", record, err)
	}
}

// TestUnchangedTokensStayApproved: programs send all fields, of which most are the same.
func TestUnchangedTokensStayApproved(t *testing.T) {
	r := ruled(t, policy.Rule{Approval: []string{"write"}})
	ctx := t.Context()
	issued, err := tryCreate(t, r, map[string]any{"scope": "write", "allow_ip": []string{"10.0.0.0/8"}})
	if err != nil {
		t.Fatal(err)
	}
	id := issued.Record.ID
	if _, err := r.Approve(ctx, admin, id, Verdict{}); err != nil {
		t.Fatal(err)
	}
	for _, fields := range []map[string]any{
		{"scope": "write", "allow_ip": []string{"10.0.0.0/8"}, "account": "default", "expires_at": "never", "exempt": ""},
		{"name": "new", "scope": "write"}, {"limit": "5/m"}, {"limit_writes": "5/d"}, {"purpose": "export"}, {"not_before": "2026-01-01"}, {"max_concurrent": "3"},
	} {
		if record, err := r.Update(ctx, admin, id, edit(t, fields)); err != nil || record.Status != token.StatusActive {
			t.Errorf("after %v: %+v, %v", fields, record, err)
		}
	}
	for _, fields := range []map[string]any{
		{"allow_ip": []string{}}, {"deny_ip": []string{"10.1.0.0/16"}}, {"account": "reporting"}, {"scope": "admin"},
		{"confine": map[string]any{"jql": "project = A"}}, {"responsible": "bob"}, {"expires_at": "5d"},
	} {
		if record, err := r.Update(ctx, admin, id, edit(t, fields)); err != nil || record.Status != token.StatusPending {
			t.Errorf("after %v: %+v, %v", fields, record, err)
		}
		if _, err := r.Approve(ctx, admin, id, Verdict{}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDisabledTokensThatNeedApproval: a change leaves a disabled token disabled, but it
// does not work before somebody has approved what it has become.
func TestDisabledTokensThatNeedApproval(t *testing.T) {
	approval := policy.Rule{Approval: []string{"write"}}
	r := ruled(t, approval)
	ctx := t.Context()
	disabled := func(scope string) string {
		t.Helper()
		issued, err := tryCreate(t, r, map[string]any{"scope": scope, "exempt": "so far"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Disable(ctx, admin, issued.Record.ID); err != nil {
			t.Fatal(err)
		}
		return issued.Record.ID
	}
	want := func(record *token.Record, err error, state token.State, reason string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if view := r.View(record); view.State != state || view.StateReason != reason {
			t.Errorf("%s: %s; want %s: %s", view.State, view.StateReason, state, reason)
		}
	}
	const changed = "somebody must approve it once it is enabled, because it was changed"
	id := disabled("read")
	record, err := r.Update(ctx, admin, id, edit(t, map[string]any{"scope": "write", "exempt": ""}))
	want(record, err, token.StateDisabled, changed)
	record, err = r.Update(ctx, admin, id, edit(t, map[string]any{"name": "new name"}))
	want(record, err, token.StateDisabled, changed)
	if _, err := r.Approve(ctx, admin, id, Verdict{}); err == nil {
		t.Error("approved a disabled token")
	}
	record, err = r.Disable(ctx, admin, id)
	want(record, err, token.StateDisabled, changed)
	record, err = r.Enable(ctx, admin, id)
	want(record, err, token.StatePending, "somebody must approve it; rule: everyone")
	record, err = r.Approve(ctx, admin, id, Verdict{})
	want(record, err, token.StateActive, "")
	// Once it is approved, disabling it changes nothing about that.
	if _, err := r.Disable(ctx, admin, id); err != nil {
		t.Fatal(err)
	}
	record, err = r.Enable(ctx, admin, id)
	want(record, err, token.StateActive, "")

	// Somebody who gets a disabled token may need approval for it.
	id = disabled("write")
	if result, err := r.Transfer(ctx, admin, "alice", "bob"); err != nil || len(result.LeftOut) != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	record, err = r.Show(ctx, id)
	want(record, err, token.StateDisabled, changed)
	// What the policy no longer requires is not asked for.
	obey(t, r, policy.Rule{})
	record, err = r.Enable(ctx, admin, id)
	want(record, err, token.StateActive, "")
	if record.Unapproved {
		t.Error("still marked")
	}

	obey(t, r, approval)
	issued, err := tryCreate(t, r, map[string]any{"scope": "write"})
	want(issued.Record, err, token.StatePending, "somebody must approve it; rule: everyone")
	obey(t, r, policy.Rule{})
	want(issued.Record, nil, token.StatePending, "somebody must approve it")
}

// TestImportFromTheFuture: lifetimes are counted from when a record says that the token
// was created or rotated.
func TestImportFromTheFuture(t *testing.T) {
	r, now := newRegistry(t)
	for _, field := range []string{"created_at", "rotated_at"} {
		record := token.Record{
			ID: token.New().ID(), Owner: "alice", Name: "x", Scope: token.ScopeRead, Account: "default", Status: token.StatusActive,
			CreatedAt: now.Add(-time.Hour), UpdatedAt: now.Add(-time.Hour), Digest: token.New().Digest(), Version: 1,
		}
		*map[string]*time.Time{"created_at": &record.CreatedAt, "rotated_at": &record.RotatedAt}[field] = now.Add(48 * time.Hour)
		text, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Import(t.Context(), admin, strings.NewReader(string(text)), ImportOptions{})
		if err == nil || !strings.Contains(err.Error(), "line 1: "+field+" 2026-11-23T12:00:00Z is in the future") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// TestDefaultExpiryBeforeNotBefore: the message says what to do.
func TestDefaultExpiryBeforeNotBefore(t *testing.T) {
	r := ruled(t, policy.Rule{DefaultLifetime: policy.Span(30 * 24 * time.Hour)})
	_, err := tryCreate(t, r, map[string]any{"not_before": "60d"})
	invalid, ok := errors.AsType[InvalidError](err)
	if !ok || invalid.Field != "expires_at" || !strings.Contains(err.Error(), "default_lifetime 30d of everyone: it would expire before it starts to work: give it an expiry") {
		t.Errorf("%v", err)
	}
}

func TestResponsiblePeople(t *testing.T) {
	r, _ := newRegistry(t)
	external := func(owner, responsible string) error {
		_, err := tryCreate(t, r, map[string]any{
			"owner": owner, "kind": "external", "purpose": "support", "responsible": responsible, "expires_at": "30d",
			"confine": map[string]any{"projects": []string{"SUP"}, "hide": nil},
		})
		return err
	}
	if err := external("eve@client.example", "alice"); err != nil {
		t.Fatal(err)
	}
	wantForbidden(t, external("mallory@client.example", "EVE@client.example"), "responsible", "EVE@client.example is outside the organization")
	page, err := r.List(t.Context(), Query{})
	if err != nil || len(page.Records) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	eve := page.Records[0]
	if len(eve.Confine.Hide) != 1 {
		t.Errorf("null hides %v, want internal comments", eve.Confine.Hide)
	}
	r.owners.Learn(map[string]Facts{"gone": {Name: "gone", Inactive: true}})
	wantForbidden(t, external("mallory@client.example", "gone"), "responsible", "gone is no longer active")
	_, err = r.Update(t.Context(), admin, eve.ID, edit(t, map[string]any{"responsible": "gone"}))
	wantForbidden(t, err, "responsible", "gone is no longer active")
}

// counting is a store that counts the pages that are read.
type counting struct {
	storage.Store
	pages int
}

func (s *counting) List(ctx context.Context, query storage.Query) (storage.Page, error) {
	s.pages++
	return s.Store.List(ctx, query)
}

// TestPagesOfFilteredLists: every token is listed once, however small the pages are and
// however rare the tokens, and the store is not read one record at a time.
func TestPagesOfFilteredLists(t *testing.T) {
	r, _ := newRegistry(t)
	want := make(map[string]bool)
	for i := range 60 {
		fields := map[string]any{"name": fmt.Sprint(i)}
		if i%7 == 0 || i > 50 {
			fields["kind"] = "service"
		}
		issued, err := tryCreate(t, r, fields)
		if err != nil {
			t.Fatal(err)
		}
		if issued.Record.Kind == token.KindService {
			want[issued.Record.ID] = true
		}
	}
	store := &counting{Store: r.store}
	r.store = store
	for size := 1; size <= 20; size++ {
		store.pages = 0
		seen := make(map[string]bool)
		query := Query{Query: storage.Query{Kinds: []token.Kind{token.KindService}}}
		query.Limit = size
		for pages := 0; ; pages++ {
			if pages > len(want)+1 {
				t.Fatalf("size %d: the list does not end", size)
			}
			page, err := r.List(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Records) > size {
				t.Errorf("size %d: a page has %d tokens", size, len(page.Records))
			}
			for _, record := range page.Records {
				if seen[record.ID] {
					t.Errorf("size %d: %s is listed twice", size, record.ID)
				}
				seen[record.ID] = true
			}
			if query.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		if len(seen) != len(want) {
			t.Errorf("size %d: %d tokens, want %d", size, len(seen), len(want))
		}
		if most := 3*len(want)/size + 3; store.pages > most {
			t.Errorf("size %d: read %d pages, want at most %d", size, store.pages, most)
		}
	}
}
