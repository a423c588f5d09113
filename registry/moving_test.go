package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// exported returns the export of a registry.
func exported(t *testing.T, r *Registry) string {
	t.Helper()
	var file strings.Builder
	if _, err := r.Export(t.Context(), &file, ExportPosition{}, movable); err != nil {
		t.Fatal(err)
	}
	return file.String()
}

// movable are the kinds of documents that the tests import.
var movable = map[string]ImportedKind{
	"account": {
		Prepare: func(data json.RawMessage) (json.RawMessage, error) {
			if strings.Contains(string(data), "broken") {
				return nil, errors.New("it is broken")
			}
			return data, nil
		},
		Warn: func(id string, _ json.RawMessage) string { return id + " cannot be read" },
	},
	"owner": {Quiet: true},
}

// importInto imports an export, and returns what it did as text.
func importInto(t *testing.T, r *Registry, export string, options ImportOptions) string {
	t.Helper()
	options.Documents = movable
	result, err := r.Import(t.Context(), admin, strings.NewReader(export), options)
	if err != nil {
		t.Fatal(err)
	}
	var whys []string
	for _, skipped := range result.Skipped {
		whys = append(whys, skipped.Why)
	}
	if _, ok := result.NotMoved["handover"]; ok != strings.Contains(export, `"kind":"handover"`) || len(result.NotMoved) > 1 {
		t.Errorf("not moved: %v", result.NotMoved)
	}
	return fmt.Sprintf("%d new, %d later, %d same, %d deleted, %d documents, %d left %q", result.Imported, result.Updated, result.Unchanged, result.Deleted, result.Documents, result.Left, whys)
}

func putDocument(t *testing.T, r *Registry, kind, id, data string) {
	t.Helper()
	name := storage.DocumentName{Kind: kind, ID: id}
	known, err := r.store.Document(t.Context(), name)
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		t.Fatal(err)
	}
	change := storage.DocumentChange{DocumentName: name, Version: known.Version, Event: storage.Event{Action: "update", Name: id}}
	if data != "" { // or the document is deleted
		change.Data = json.RawMessage(data)
	}
	if err := r.store.ApplyDocument(t.Context(), change); err != nil {
		t.Fatal(err)
	}
}

// TestMoveTwice: changes that are made while tokens move come along with a second export,
// and what has been changed at the new place is not undone.
func TestMoveTwice(t *testing.T) {
	from, now := newRegistry(t)
	to, _ := newRegistry(t)
	ctx := t.Context()
	ids := make(map[string]string)
	for _, name := range []string{"stays", "revoked there", "revoked here", "changed in both", "deleted here", "used"} {
		record, _ := create(t, from, map[string]any{"owner": "alice", "name": name, "scope": "write"})
		ids[name] = record.ID
	}
	from.Used(ids["used"], netip.MustParseAddr("192.0.2.7"), "curl")
	putDocument(t, from, "account", "bi", `{"sealed":"first"}`)
	putDocument(t, from, "account", "other", `{"sealed":"there"}`)
	putDocument(t, to, "account", "other", `{"sealed":"here"}`)
	putDocument(t, from, "owner", "alice", `{"name":"alice"}`)
	putDocument(t, from, "handover", "x", `{}`)
	putDocument(t, from, PolicyKind, "last", `{"fingerprint":"strict"}`)

	export := exported(t, from)
	const first = `6 new, 0 later, 0 same, 0 deleted, 2 documents, 1 left ["there is another one here"]`
	if got := importInto(t, to, export, ImportOptions{Check: true}); got != first {
		t.Errorf("checked: %s", got)
	}
	if page, err := to.List(ctx, Query{}); err != nil || len(page.Records) != 0 {
		t.Errorf("a check has imported %d tokens, %v", len(page.Records), err)
	}
	if got := importInto(t, to, export, ImportOptions{}); got != first {
		t.Errorf("imported: %s", got)
	}
	if got := importInto(t, to, export, ImportOptions{}); got != `0 new, 0 later, 6 same, 0 deleted, 0 documents, 1 left ["there is another one here"]` {
		t.Errorf("repeated: %s", got)
	}
	if uses, err := to.uses.Last(ctx, []string{ids["used"]}); err != nil || uses[ids["used"]].UserAgent != "curl" {
		t.Errorf("last use: %+v, %v", uses, err)
	}
	if document, err := to.store.Document(ctx, storage.DocumentName{Kind: "account", ID: "other"}); err != nil || string(document.Data) != `{"sealed":"here"}` {
		t.Errorf("an account was replaced: %s, %v", document.Data, err)
	}

	*now = now.Add(1)
	for _, change := range []struct {
		r    *Registry
		name string
		do   func(*Registry, context.Context, storage.Actor, string) (*token.Record, error)
	}{
		{from, "revoked there", (*Registry).Revoke},
		{to, "revoked here", (*Registry).Revoke},
		{from, "revoked here", (*Registry).Disable},
		{from, "revoked here", (*Registry).Enable},
		{from, "revoked here", (*Registry).Disable},
		{from, "changed in both", (*Registry).Disable},
		{from, "changed in both", (*Registry).Enable},
		{to, "changed in both", (*Registry).Disable},
	} {
		if _, err := change.do(change.r, ctx, admin, ids[change.name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Delete(ctx, admin, ids["deleted here"]); err != nil {
		t.Fatal(err)
	}
	putDocument(t, from, "account", "bi", `{"sealed":"second"}`)
	added, _ := create(t, from, map[string]any{"owner": "alice", "name": "new"})
	got := importInto(t, to, exported(t, from), ImportOptions{})
	for _, part := range []string{"1 new, 1 later, 2 same, 1 deleted, 1 documents, 3 left", "it is revoked here", "it has changed here since it was imported, and in the export too"} {
		if !strings.Contains(got, part) {
			t.Errorf("second import: %s; want %s", got, part)
		}
	}
	for id, want := range map[string]token.Status{
		ids["stays"]: token.StatusActive, ids["revoked there"]: token.StatusRevoked, ids["revoked here"]: token.StatusRevoked,
		ids["changed in both"]: token.StatusDisabled, added.ID: token.StatusActive,
	} {
		if record, err := to.Show(ctx, id); err != nil || record.Status != want {
			t.Errorf("%s: %+v, %v; want %s", id, record, err, want)
		}
	}
	if document, err := to.store.Document(ctx, storage.DocumentName{Kind: "account", ID: "bi"}); err != nil || string(document.Data) != `{"sealed":"second"}` {
		t.Errorf("the account: %s, %v", document.Data, err)
	}
	// An older export does not bring back what has been revoked since.
	if got := importInto(t, to, export, ImportOptions{}); !strings.Contains(got, "it has changed here: version 2, and 1 in the export") {
		t.Errorf("an older export: %s", got)
	}
	if record, err := to.Show(ctx, ids["revoked there"]); err != nil || record.Status != token.StatusRevoked {
		t.Errorf("an older export: %+v, %v", record, err)
	}
	// The trail names where the tokens are from.
	begun := 0
	page, err := to.Events(ctx, EventQuery{Limit: MaxPageSize})
	for _, event := range page.Events {
		if event.Action == ActionImportBegun {
			begun++
		}
	}
	if err != nil || begun != 4 {
		t.Errorf("%d imports in the trail, want 4: %v", begun, err)
	}
}

// TestExchangedMove: a JWT that was exchanged once cannot be exchanged again after a move.
func TestExchangedMove(t *testing.T) {
	from, _ := newRegistry(t)
	to, _ := newRegistry(t)
	origin := jwt(from, token.IDFrom([32]byte{1}))
	issued := exchange(t, from, origin)
	if _, err := to.Import(t.Context(), admin, strings.NewReader(exported(t, from)), ImportOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Lookup(t.Context(), issued.Token); err != nil {
		t.Error(err)
	}
	if _, err := tryExchange(t, to, origin, nil); err == nil {
		t.Error("the JWT was exchanged again")
	}
}

// TestContinuedExport: an export that is continued at any of its positions has the same
// lines as one that was not interrupted.
func TestContinuedExport(t *testing.T) {
	r, _ := newRegistry(t)
	manyTokens(t, r)
	whole := exported(t, r)
	positions := 0
	for line := range strings.Lines(whole) {
		var mark exportLine
		if !strings.HasPrefix(line, `{"position":`) {
			continue
		}
		if err := json.Unmarshal([]byte(line), &mark); err != nil {
			t.Fatal(err)
		}
		positions++
		var rest bytes.Buffer
		end, err := r.Export(t.Context(), &rest, *mark.Position, movable)
		before, after, _ := strings.Cut(whole, line)
		if err != nil || rest.String() != after || strings.Count(before, recordStart) != mark.Position.Records || end.Records != 2*storage.MaxPageSize+3 {
			t.Errorf("continued at %+v: %+v, %v", mark.Position, end, err)
		}
	}
	if positions != 2 {
		t.Errorf("%d positions, want 2", positions)
	}
}

// TestImportedOnlyAsExported: no line makes a token stronger than it was, by what it has
// or lacks.
func TestImportedOnlyAsExported(t *testing.T) {
	from, _ := newRegistry(t)
	record, _ := create(t, from, map[string]any{"owner": "alice", "name": "x", "account": "reporting"})
	export := exported(t, from)
	line := ""
	for text := range strings.Lines(export) {
		if strings.HasPrefix(text, recordStart) {
			line = text
		}
	}
	for name, text := range map[string]string{
		"unknown restriction":      strings.Replace(line, `"name":`, `"only_on_mondays":true,"name":`, 1),
		"unknown in another order": `{"only_on_mondays":true,` + line[1:],
		"a field twice":            strings.Replace(line, `"name":`, `"scope":"admin","name":`, 1),
		"no scope":                 strings.Replace(line, `"scope":"read",`, ``, 1),
		"no digest":                strings.Replace(line, `"digest":`, `"previous_digest":`, 1),
		"unknown status":           strings.Replace(line, `"active"`, `"superuser"`, 1),
		"later format":             `{"export":{"format":3,"at":"2026-11-21T12:00:00Z"}}`,
		"unknown line":             `{"grant":{}}`, "array": `[]`, "nothing": `{}`,
		"broken account":        `{"document":{"kind":"account","id":"bi","data":{"broken":1}}}`,
		"document without name": `{"document":{"kind":"","id":"bi","data":{}}}`,
	} {
		to, _ := newRegistry(t)
		result, err := to.Import(t.Context(), admin, strings.NewReader(export+text), ImportOptions{Documents: movable, Check: true})
		if invalid, ok := errors.AsType[InvalidError](err); !ok || !strings.HasPrefix(invalid.Err.Error(), "line 4: ") {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	to, _ := newRegistry(t)
	to.accounts = func() []string { return []string{"default"} }
	putDocument(t, to, PolicyKind, "last", `{"fingerprint":"other"}`)
	result, err := to.Import(t.Context(), admin, strings.NewReader(export), ImportOptions{FirstLine: 11})
	if err != nil || !maps.Equal(result.UnknownAccounts, map[string]int{"reporting": 1}) || len(result.Warnings) != 1 || !strings.Contains(result.Warnings[0], "(none there, other here)") {
		t.Errorf("%+v, %v", result, err)
	}
	if result.Lines != 3 || result.End == nil || result.End.Records != 1 || result.End.Store != result.Header.Store {
		t.Errorf("%+v", result)
	}
	if _, err := to.Import(t.Context(), admin, io.MultiReader(strings.NewReader(export), strings.NewReader("{")), ImportOptions{FirstLine: 11}); err == nil || !strings.Contains(err.Error(), "line 14: ") {
		t.Errorf("%v", err)
	}
	other := *record
	other.Name, other.CreatedAt = "another", other.CreatedAt.Add(1e9)
	text, err := json.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	if got := importInto(t, to, string(text), ImportOptions{}); !strings.Contains(got, "another token has this ID here") {
		t.Error(got)
	}
}

// TestExportHasNoSecretsOfOthers: documents that are not imported can have secrets, such as
// the key of sessions.
func TestExportHasNoSecretsOfOthers(t *testing.T) {
	r, _ := newRegistry(t)
	for kind, data := range map[string]string{"account": `{"n":"moves"}`, "session_key": `{"key":"s3cret"}`} {
		err := r.store.ApplyDocument(t.Context(), storage.DocumentChange{DocumentName: storage.DocumentName{Kind: kind, ID: "x"}, Data: json.RawMessage(data), Event: storage.Event{At: r.now(), Action: "test", Actor: admin}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if file := exported(t, r); strings.Contains(file, "s3cret") || !strings.Contains(file, `"session_key"`) || !strings.Contains(file, "moves") {
		t.Error(file)
	}
}
