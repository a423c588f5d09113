package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// document imports a document.
func (i *importer) document(ctx context.Context, from exportedDocument) error {
	name := storage.DocumentName{Kind: from.Kind, ID: from.ID}
	if err := name.Check(); err != nil {
		return err
	}
	what := fmt.Sprintf("%s %q", name.Kind, name.ID)
	kind, ok := i.options.Documents[from.Kind]
	if !ok {
		i.leftOut(from.Kind)
		return nil
	}
	if kind.Accounts {
		i.result.Accounts = append(i.result.Accounts, from.ID)
	}
	data := from.Data
	if kind.Prepare != nil {
		var err error
		if data, err = kind.Prepare(data); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	why, err := i.applyDocument(ctx, name, data, kind.Quiet)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case kind.Quiet:
	case why == deletedHere:
		i.result.Deleted++
	case why != "":
		i.skip(i.line, what, why)
	}
	if kind.Warn != nil && why == "" {
		if warning := kind.Warn(name.ID, data); warning != "" && len(i.result.Warnings) < maxSkipped {
			i.result.Warnings = append(i.result.Warnings, warning)
		}
	}
	return nil
}

// leftOut notes that documents of a kind stay where they are. Those of the loaded policy
// and of denied requests are about the gateways there.
func (i *importer) leftOut(kind string) {
	if kind == PolicyKind || kind == storage.DenialsKind {
		return
	}
	if i.result.NotMoved == nil {
		i.result.NotMoved = make(map[string]int)
	}
	i.result.NotMoved[kind]++
}

// deletedHere is why a document is left out that was deleted from this store.
const deletedHere = "it was deleted here"

// applyDocument stores a document, unless there is another one here or it was deleted. In
// that case it returns why the document was left out. Quiet ones are changed without events.
func (i *importer) applyDocument(ctx context.Context, name storage.DocumentName, data json.RawMessage, quiet bool) (why string, err error) {
	if err := i.lookBack(ctx); err != nil {
		return "", err
	}
	store := i.registry.store
	known, err := store.Document(ctx, name)
	if err == nil && sameData(known.Data, data) {
		return "", nil
	}
	isNew := errors.Is(err, storage.ErrNotFound)
	switch {
	case isNew:
	case errors.Is(err, storage.ErrDamaged):
		return "it is damaged here: remove it first", nil
	case err != nil:
		return "", err
	}
	last := ""
	err = i.registry.eachEvent(ctx, EventQuery{Document: name.String()}, func(event Event) { last = event.Action })
	switch {
	case err != nil:
		return "", err
	case isNew && last != "" && !i.options.Restore:
		return deletedHere, nil
	case isNew && i.forgotten && !quiet && !i.options.Restore:
		return maybeDeleted, nil
	case !isNew && last != ActionImport:
		return "there is another one here", nil
	}
	i.result.Documents++
	if i.options.Check {
		return "", nil
	}
	err = store.ApplyDocument(ctx, storage.DocumentChange{
		DocumentName: name, Version: known.Version, Data: data,
		Event: storage.Event{At: i.registry.now().UTC(), Action: ActionImport, Name: name.ID, Actor: i.actor},
	})
	if errors.Is(err, storage.ErrConflict) {
		i.result.Documents--
		return "somebody has changed it here during the import", nil
	}
	return "", err
}

// sameData reports whether two JSON values are the same but for spaces.
func sameData(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
