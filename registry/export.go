package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// An export has a line of JSON for each record, as the store keeps it: digests, never
// tokens. Before the records, newest first, come a header and the documents; after each
// page of records, the last uses of their tokens and the position that has been reached,
// from which the export can be continued; and at the end, what there was in all. An
// export of an earlier version only has records.
type exportLine struct {
	Export   *ExportHeader          `json:"export,omitempty"`
	Document *exportedDocument      `json:"document,omitempty"`
	Uses     map[string]storage.Use `json:"uses,omitempty"`
	Position *ExportPosition        `json:"position,omitempty"`
	End      *ExportPosition        `json:"end,omitempty"`
}

// ExportHeader is the first line of an export.
type ExportHeader struct {
	// Format is exportFormat.
	Format int `json:"format"`
	// At is when the export began.
	At time.Time `json:"at"`
	// Store is the ID of the store. It is empty in exports of versions that gave stores
	// none, and of stores that cannot be written.
	Store string `json:"store,omitempty"`
	// Tokens is how many tokens there were, or 0 if that is not known.
	Tokens int `json:"tokens,omitempty"`
	// Checkpoint is the last signed checkpoint of the audit trail, if there is one. The
	// trail itself is not part of the export.
	Checkpoint string `json:"checkpoint,omitempty"`
	// Policy is the policy that was loaded last by a gateway there, if there is one.
	Policy *LoadedPolicy `json:"policy,omitempty"`
}

// exportFormat is the version of the format. It changes when an import by an earlier
// version could take a line for something else than it is.
const exportFormat = 2

// ExportPosition says how far an export has come.
type ExportPosition struct {
	// Store is the ID of the store, as in ExportHeader: an export can only be continued
	// from the store that it was begun from.
	Store string `json:"store,omitempty"`
	// Cursor is where the list of records continues. It is empty at the end.
	Cursor string `json:"cursor,omitempty"`
	// Documents and Records count the lines so far, and Damaged what was left out.
	Documents int `json:"documents"`
	Records   int `json:"records"`
	Damaged   int `json:"damaged"`
}

// exportedDocument is the line of a document.
type exportedDocument struct {
	Kind string          `json:"kind"`
	ID   string          `json:"id"`
	Data json.RawMessage `json:"data"`
}

// Export writes everything that Import needs to another store: tokens, when they were
// last used, and documents, such as stored accounts, which stay encrypted. It continues
// after the position from, unless that is zero. Of documents of kinds that Import does not
// take over, it writes only the names: they may have secrets. It does not see the store at one moment:
// for what changes meanwhile, export again later.
func (r *Registry) Export(ctx context.Context, w io.Writer, from ExportPosition, kinds map[string]ImportedKind) (ExportPosition, error) {
	e := &exporter{registry: r, encoder: json.NewEncoder(w), at: from, kinds: kinds}
	store, err := r.storeID(ctx)
	if err != nil {
		return e.at, fmt.Errorf("reading the ID of the store: %w", err)
	}
	switch {
	case from.Cursor == "":
		e.at = ExportPosition{Store: store}
		if err := e.begin(ctx); err != nil {
			return e.at, err
		}
	case from.Store == "":
		return e.at, invalid("position", errors.New("the position does not say from which store it is: an earlier version began the export, or the store could not be written then"))
	case from.Store != store:
		return e.at, invalid("position", errors.New("the position is from an export of another store than that of this gateway"))
	}
	query := storage.Query{Limit: storage.MaxPageSize, Cursor: from.Cursor}
	for {
		page, err := r.storedPage(ctx, query)
		if err != nil {
			return e.at, err
		}
		if err := e.page(ctx, page); err != nil {
			return e.at, err
		}
		if page.Next == "" {
			e.at.Cursor = ""
			return e.at, e.write(exportLine{End: &e.at})
		}
		query.Cursor, e.at.Cursor = page.Next, page.Next
		if err := e.write(exportLine{Position: &e.at}); err != nil {
			return e.at, err
		}
	}
}

// exporter writes an export.
type exporter struct {
	registry *Registry
	encoder  *json.Encoder
	at       ExportPosition
	kinds    map[string]ImportedKind
}

func (e *exporter) write(line any) error {
	if err := e.encoder.Encode(line); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

// begin writes the header and the documents.
func (e *exporter) begin(ctx context.Context) error {
	header := &ExportHeader{Format: exportFormat, At: e.registry.timestamp(), Store: e.at.Store}
	if counter, ok := e.registry.store.(storage.Counter); ok {
		header.Tokens, _ = counter.Count(ctx) // it is only used to show progress
	}
	values, err := e.registry.store.TreeValues(ctx, storage.TreeHead)
	if err != nil {
		return fmt.Errorf("reading the trail's checkpoint: %w", err)
	}
	header.Checkpoint = string(values[0])
	if header.Policy, err = e.registry.loadedPolicy(ctx); err != nil {
		return err
	}
	if err := e.write(exportLine{Export: header}); err != nil {
		return err
	}
	query := storage.DocumentQuery{Limit: storage.MaxPageSize}
	for {
		page, err := e.registry.store.Documents(ctx, query)
		if err != nil {
			return fmt.Errorf("listing documents: %w", err)
		}
		e.at.Damaged += len(page.Damaged)
		for _, document := range page.Documents {
			if document.Kind == storeKind {
				continue
			}
			if _, ok := e.kinds[document.Kind]; !ok {
				document.Data = nil
			}
			if err := e.write(exportLine{Document: &exportedDocument{document.Kind, document.ID, document.Data}}); err != nil {
				return err
			}
			e.at.Documents++
		}
		if page.Next == "" {
			return nil
		}
		query.Cursor = page.Next
	}
}

// page writes a page of records, and when their tokens were last used.
func (e *exporter) page(ctx context.Context, page storage.Page) error {
	e.at.Damaged += len(page.Damaged)
	ids := make([]string, len(page.Records))
	for i, record := range page.Records {
		ids[i] = record.ID
		if err := e.write(record); err != nil {
			return err
		}
		e.at.Records++
	}
	uses, err := e.registry.uses.Last(ctx, ids)
	if err != nil || len(uses) == 0 {
		return err
	}
	return e.write(exportLine{Uses: uses})
}

// recordStart is how the line of a record begins: token.Record's first field is its ID.
const recordStart = `{"id":`
