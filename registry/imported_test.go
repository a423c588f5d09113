package registry

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// otherEvent adds an event about a token that does not change it: a request of it, or one
// that waited for approval, which whoever holds the token can cause.
func otherEvent(t *testing.T, r *Registry, id string) {
	t.Helper()
	err := r.store.AddEvents(t.Context(),
		storage.Event{At: r.now(), Action: "approval_expire", TokenID: id, Owner: "alice"},
		storage.Event{At: r.now(), Action: storage.ActionDenied, TokenID: id, Owner: "alice", Request: &storage.EventRequest{Reason: "scope_insufficient"}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDeletedStaysDeleted: nothing that happens after a token or an account was deleted
// lets an import without Restore bring it back.
func TestDeletedStaysDeleted(t *testing.T) {
	for _, deleted := range []bool{true, false} {
		r, _ := newRegistry(t)
		record, secret := create(t, r, map[string]any{"owner": "alice", "name": "held", "scope": "write", "hold_writes": true})
		putDocument(t, r, "account", "bi", `{"sealed":"here"}`)
		export := exported(t, r)
		if deleted {
			if err := r.Delete(t.Context(), admin, record.ID); err != nil {
				t.Fatal(err)
			}
			putDocument(t, r, "account", "bi", "")
		}
		otherEvent(t, r, record.ID)
		want := "0 new, 0 later, 1 same, 0 deleted, 0 documents, 0 left []"
		if deleted {
			want = "0 new, 0 later, 0 same, 2 deleted, 0 documents, 0 left []"
		}
		if got := importInto(t, r, export, ImportOptions{}); got != want {
			t.Errorf("imported: %s, want %s", got, want)
		}
		if _, err := r.Lookup(t.Context(), secret); (err != nil) != deleted {
			t.Errorf("the secret: %v", err)
		}
		if !deleted {
			continue
		}
		if got := importInto(t, r, export, ImportOptions{Restore: true}); got != "1 new, 0 later, 0 same, 0 deleted, 1 documents, 0 left []" {
			t.Errorf("restored: %s", got)
		}
	}
}

// TestRevocationMoves: a token that was revoked where it comes from is revoked here too,
// whatever has happened to it here since it was imported.
func TestRevocationMoves(t *testing.T) {
	for what, happen := range map[string]func(*Registry, string) error{
		"nothing":  func(*Registry, string) error { return nil },
		"requests": func(r *Registry, id string) error { otherEvent(t, r, id); return nil },
		"disabled and enabled": func(r *Registry, id string) error {
			_, err := r.Disable(t.Context(), admin, id)
			_, again := r.Enable(t.Context(), admin, id)
			return errors.Join(err, again)
		},
		"rotated": func(r *Registry, id string) error { _, err := r.Rotate(t.Context(), admin, id, 0); return err },
		"handed over": func(r *Registry, id string) error {
			_, err := r.HandOver(t.Context(), admin, id, 0, MaxHandover)
			return err
		},
		"revoked": func(r *Registry, id string) error { _, err := r.Revoke(t.Context(), admin, id); return err },
	} {
		from, now := newRegistry(t)
		to, _ := newRegistry(t)
		record, _ := create(t, from, map[string]any{"owner": "alice", "name": "x"})
		importInto(t, to, exported(t, from), ImportOptions{})
		if err := happen(to, record.ID); err != nil {
			t.Fatal(err)
		}
		*now = now.Add(1e9)
		if _, err := from.Revoke(t.Context(), admin, record.ID); err != nil {
			t.Fatal(err)
		}
		export := exported(t, from)
		want := "0 new, 1 later, 0 same, 0 deleted, 0 documents, 0 left []"
		again := "0 new, 0 later, 1 same, 0 deleted, 0 documents, 0 left []"
		if what == "revoked" {
			want = again
		}
		for _, try := range []struct {
			check bool
			want  string
		}{{true, want}, {false, want}, {false, again}} {
			if got := importInto(t, to, export, ImportOptions{Check: try.check}); got != try.want {
				t.Errorf("%s: %s, want %s", what, got, try.want)
			}
		}
		moved, err := to.Show(t.Context(), record.ID)
		if err != nil || moved.Status != token.StatusRevoked || moved.Handover.Waiting(to.now()) {
			t.Errorf("%s: %+v, %v", what, moved, err)
		}
	}
}

// TestHandoverMoves: a link that nobody has opened works in the store where it was made, and
// in no other: it shows the token once in all. Opening it where it was made still moves.
func TestHandoverMoves(t *testing.T) {
	from, now := newRegistry(t)
	to, later := newRegistry(t)
	created, rotated := handedOver(t, from, nil), rotatedByLink(t, from)
	export := exported(t, from)
	for _, check := range []bool{true, false} {
		result, err := to.Import(t.Context(), admin, strings.NewReader(export), ImportOptions{Check: check})
		if err != nil || result.Imported != 2 || result.LinksEnded != 2 {
			t.Errorf("%+v, %v", result, err)
		}
	}
	*later = later.Add(2 * time.Minute)
	if again, err := to.Import(t.Context(), admin, strings.NewReader(export), ImportOptions{}); err != nil || again.Unchanged != 2 || again.LinksEnded != 0 {
		t.Errorf("repeated: %+v, %v", again, err)
	}
	wantShut(t, to, rotated.Link, HandoverEnded, true)
	if record, err := to.Show(t.Context(), created.Record.ID); err != nil || !strings.Contains(handoverReason(record, to.now()), "nobody has it") {
		t.Errorf("%+v, %v", record, err)
	}
	*now = now.Add(time.Minute)
	opened, err := from.OpenHandover(t.Context(), opener, created.Link)
	if err != nil {
		t.Fatal(err)
	}
	result, err := to.Import(t.Context(), admin, strings.NewReader(exported(t, from)), ImportOptions{})
	if err != nil || result.Updated != 1 || result.LinksEnded != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	if _, err := to.Lookup(t.Context(), opened.Token); err != nil {
		t.Error(err)
	}
	wantShut(t, to, created.Link, HandoverOpened, true)
}

// rotatedByLink creates a token and a link that rotates it.
func rotatedByLink(t *testing.T, r *Registry) Issued {
	t.Helper()
	record, _ := create(t, r, map[string]any{"owner": "alice", "name": "rotated"})
	issued, err := r.HandOver(t.Context(), admin, record.ID, 0, MaxHandover)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// TestOldExport: what was deleted stays deleted also after retention has removed the event
// that says so: then an export that is older cannot be told from one with new tokens.
func TestOldExport(t *testing.T) {
	r, now := newRegistry(t)
	deleted, _ := create(t, r, map[string]any{"owner": "alice", "name": "deleted"})
	create(t, r, map[string]any{"owner": "alice", "name": "stays"})
	putDocument(t, r, "account", "bi", `{"sealed":"here"}`)
	export := exported(t, r)
	if err := r.Delete(t.Context(), admin, deleted.ID); err != nil {
		t.Fatal(err)
	}
	putDocument(t, r, "account", "bi", "")
	newest, err := r.store.RawEvents(t.Context(), storage.EventID{}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.store.RemoveEvents(t.Context(), newest[len(newest)-1].ID, 100); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	otherEvent(t, r, deleted.ID) // the trail never loses its newest event
	if n, err := r.store.RemoveEvents(t.Context(), newest[len(newest)-1].ID, 100); n == 0 || err != nil {
		t.Fatal(n, err)
	}
	const left = `0 new, 0 later, 1 same, 0 deleted, 0 documents, 2 left`
	for _, check := range []bool{true, false} {
		got := importInto(t, r, export, ImportOptions{Check: check})
		if !strings.HasPrefix(got, left) || strings.Count(got, "this store's audit trail no longer goes back to when the export was made") != 2 {
			t.Errorf("imported: %s", got)
		}
	}
	// The parts of an export, and files of earlier versions, have no header.
	header, rest, _ := strings.Cut(export, "\n")
	if got := importInto(t, r, rest, ImportOptions{Check: true}); !strings.HasPrefix(got, left) {
		t.Errorf("without a header: %s", got)
	}
	*now = time.Now().Add(2 * time.Hour) // the trail goes back further than that
	const recent = `1 new, 0 later, 1 same, 0 deleted, 1 documents, 0 left []`
	if got := importInto(t, r, rest, ImportOptions{Check: true, ExportedAt: *now}); got != recent {
		t.Errorf("a part of a recent export: %s", got)
	}
	recentHeader, _, _ := strings.Cut(exported(t, r), "\n")
	if got := importInto(t, r, recentHeader+"\n"+rest, ImportOptions{Check: true}); got != recent {
		t.Errorf("a recent export, below %s: %s", header, got)
	}
	if got := importInto(t, r, export, ImportOptions{Restore: true}); got != recent {
		t.Errorf("restored: %s", got)
	}
}

// TestAlarmAboutImportedLink: whoever clicks a link that ended when its token was imported
// causes an alarm, but does not keep later versions of the token from being imported.
func TestAlarmAboutImportedLink(t *testing.T) {
	from, now := newRegistry(t)
	to, _ := newRegistry(t)
	issued := rotatedByLink(t, from)
	export := exported(t, from)
	importInto(t, to, export, ImportOptions{})
	for range token.MaxHandoverAlarms {
		wantShut(t, to, issued.Link, HandoverEnded, true)
	}
	wantShut(t, to, issued.Link, HandoverEnded, false)
	alarms := 0
	if err := to.eachEvent(t.Context(), EventQuery{TokenID: issued.Record.ID, Actions: []string{ActionHandoverAlarm}}, func(Event) { alarms++ }); err != nil || alarms != token.MaxHandoverAlarms {
		t.Errorf("%d alarms in the trail, %v", alarms, err)
	}
	if got := importInto(t, to, export, ImportOptions{}); got != "0 new, 0 later, 1 same, 0 deleted, 0 documents, 0 left []" {
		t.Errorf("repeated: %s", got)
	}
	*now = now.Add(time.Minute)
	if _, err := from.Disable(t.Context(), admin, issued.Record.ID); err != nil {
		t.Fatal(err)
	}
	if got := importInto(t, to, exported(t, from), ImportOptions{}); got != "0 new, 1 later, 0 same, 0 deleted, 0 documents, 0 left []" {
		t.Errorf("a later version: %s", got)
	}
	if record, err := to.Show(t.Context(), issued.Record.ID); err != nil || record.Status != token.StatusDisabled {
		t.Errorf("%+v, %v", record, err)
	}
}
