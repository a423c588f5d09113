package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// ImportResult says what an import has done, or would do.
type ImportResult struct {
	// Imported records were new. Updated ones had been imported before, had not been
	// changed here since, and have a later version in the export. Unchanged ones were
	// the same here.
	Imported  int `json:"imported"`
	Updated   int `json:"updated,omitempty"`
	Unchanged int `json:"unchanged"`
	// Deleted records and documents were skipped because they had been deleted from this
	// store.
	Deleted int `json:"deleted"`
	// LinksEnded counts the imported tokens with hand-over links that nobody had opened:
	// those links do not work here.
	LinksEnded int `json:"links_ended,omitempty"`
	// Documents counts the documents that were imported, such as stored accounts.
	Documents int `json:"documents,omitempty"`
	// Left counts what was left as it is here, by the reason. Skipped lists some of it.
	Left    int       `json:"left,omitempty"`
	Skipped []Skipped `json:"skipped,omitempty"`
	// NotMoved counts the documents that belong to the other store, by kind.
	NotMoved map[string]int `json:"not_moved,omitempty"`
	// UnknownAccounts counts the tokens that name accounts which neither exist here nor
	// are imported. Accounts are the names of accounts in the export.
	UnknownAccounts map[string]int `json:"unknown_accounts,omitempty"`
	Accounts        []string       `json:"accounts,omitempty"`
	// Warnings say what does not work yet.
	Warnings []string `json:"warnings,omitempty"`
	// Header and End are those of the export, if they were among the lines.
	Header *ExportHeader   `json:"header,omitempty"`
	End    *ExportPosition `json:"end,omitempty"`
	// Lines, Records and DocumentsRead count what was read.
	Lines         int `json:"lines"`
	Records       int `json:"records"`
	DocumentsRead int `json:"documents_read,omitempty"`
}

// Skipped is something that was not imported.
type Skipped struct {
	// Line is its line in the export, What it is, and Why it was left out.
	Line int    `json:"line"`
	What string `json:"what"`
	Why  string `json:"why"`
}

// maxSkipped bounds how many things ImportResult lists.
const maxSkipped = 100

// ImportOptions are the options of an import.
type ImportOptions struct {
	// Restore also imports records and documents that were deleted from this store. By
	// default they are skipped, so that an old export does not bring back deleted tokens
	// and accounts.
	Restore bool
	// Check finds out what an import would do, and does nothing.
	Check bool
	// FirstLine is the number of the first line, or 0, which means 1: an export can be
	// imported in parts.
	FirstLine int
	// ExportedAt is when the export was made, if what is imported does not begin with its
	// header.
	ExportedAt time.Time
	// Vet, if set, examines each record.
	Vet Vet
	// Documents says how to import documents, by their kinds. Others are left out.
	Documents map[string]ImportedKind
}

// ImportedKind says how documents of a kind are imported.
type ImportedKind struct {
	// Prepare, if set, returns what becomes of a document's data, or an error if it
	// cannot be used.
	Prepare func(json.RawMessage) (json.RawMessage, error)
	// Warn, if set, returns what the user should know about a document; "" if there is
	// nothing.
	Warn func(id string, data json.RawMessage) string
	// Accounts means that the IDs of the documents are names of accounts.
	Accounts bool
	// Quiet kinds are not worth a word if this store has other ones.
	Quiet bool
}

// ErrCutOff means that an import ends in the middle of a line.
var ErrCutOff = errors.New("the import ends in the middle of a record: the file is incomplete")

// ActionImportBegun is the action of the audit event that says from which export tokens
// come. It names the export's checkpoint, which commits to the audit trail up to then.
const ActionImportBegun = "import_begun"

// Import imports what Export has written. It skips what already exists, so an interrupted
// import can be repeated; replaces what an earlier import brought and nobody has changed
// here since, if the export has a later version; and leaves everything else as it is here.
// It stops at a line that cannot be imported. The result counts what was imported, even
// if the import fails.
func (r *Registry) Import(ctx context.Context, actor storage.Actor, reader io.Reader, options ImportOptions) (ImportResult, error) {
	i := &importer{registry: r, actor: actor, options: options, line: max(options.FirstLine, 1) - 1, exportedAt: options.ExportedAt}
	decoder := json.NewDecoder(reader)
	err := i.readAll(ctx, decoder)
	if err == nil {
		err = i.flush(ctx)
	}
	for _, name := range i.result.Accounts {
		delete(i.result.UnknownAccounts, name)
	}
	i.result.Lines = i.line - (max(options.FirstLine, 1) - 1)
	return i.result, err
}

// importer is an import under way.
type importer struct {
	registry *Registry
	actor    storage.Actor
	options  ImportOptions
	line     int
	batch    []numbered
	result   ImportResult
	// exportedAt is when the export was made; zero if that is not known.
	exportedAt time.Time
	// forgotten is set once lookBack has found that the audit trail does not go back to
	// then.
	forgotten, lookedBack bool
}

// numbered is a record and its line.
type numbered struct {
	line   int
	record *token.Record
}

// importBatch is how many records are imported before the uses of their tokens. It bounds
// memory.
const importBatch = 1000

func (i *importer) readAll(ctx context.Context, decoder *json.Decoder) error {
	for {
		var text json.RawMessage
		err := decoder.Decode(&text)
		if errors.Is(err, io.EOF) {
			return context.Cause(ctx)
		}
		i.line++
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			err = ErrCutOff
		case err == nil:
			err = i.read(ctx, text)
		}
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			if errors.Is(err, storage.ErrUnavailable) {
				return err
			}
			return invalid("import", fmt.Errorf("line %d: %w", i.line, err))
		}
	}
}

// read imports a line.
func (i *importer) read(ctx context.Context, text []byte) error {
	if bytes.HasPrefix(text, []byte(recordStart)) {
		return i.addRecord(ctx, text)
	}
	var line exportLine
	if err := decodeStrictly(text, &line); err != nil {
		return i.addRecord(ctx, text) // perhaps with its fields in another order
	}
	switch {
	case line.Export != nil:
		return i.begin(ctx, line.Export)
	case line.Document != nil:
		i.result.DocumentsRead++
		return i.document(ctx, *line.Document)
	case line.Uses != nil:
		return i.uses(ctx, line.Uses)
	case line.End != nil:
		i.result.End = line.End
	case line.Position == nil:
		return errors.New("it is neither a record nor another line of an export")
	}
	return nil
}

func decodeStrictly(text []byte, into any) error {
	// A restriction must not be lost.
	if _, err := jsontext.NewDecoder(bytes.NewReader(text)).ReadValue(); errors.Is(err, jsontext.ErrDuplicateName) {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// begin checks the header, and records in the trail where the tokens come from.
func (i *importer) begin(ctx context.Context, header *ExportHeader) error {
	if header.Format != exportFormat {
		return fmt.Errorf("the export has format %d, but this version reads format %d: use the version that wrote it, or a later one", header.Format, exportFormat)
	}
	i.result.Header, i.exportedAt = header, header.At
	if err := i.comparePolicies(ctx, header.Policy); err != nil {
		return err
	}
	if i.options.Check {
		return nil
	}
	event := storage.Event{
		At: i.registry.now().UTC(), Action: ActionImportBegun, Name: "export of " + header.At.UTC().Format(time.RFC3339), Actor: i.actor,
		Changes: []storage.FieldChange{{Field: "exported_at", New: encode(header.At)}},
	}
	if header.Checkpoint != "" {
		event.Changes = append(event.Changes, storage.FieldChange{Field: "checkpoint", New: encode(header.Checkpoint)})
	}
	return i.registry.store.AddEvents(ctx, event)
}

// comparePolicies warns if what tokens may do depends on another policy here.
func (i *importer) comparePolicies(ctx context.Context, there *LoadedPolicy) error {
	here, err := i.registry.loadedPolicy(ctx)
	if err != nil {
		return err
	}
	if there == nil {
		there = new(LoadedPolicy)
	}
	if here == nil {
		here = new(LoadedPolicy)
	}
	if there.Fingerprint != here.Fingerprint {
		i.result.Warnings = append(i.result.Warnings, fmt.Sprintf("the gateways with the exported store have another policy (%s there, %s here), so tokens may be able to do more here, or less: compare the policy and the groups in the configurations",
			orNone(there.Fingerprint), orNone(here.Fingerprint)))
	}
	return nil
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func (i *importer) addRecord(ctx context.Context, text []byte) error {
	record := new(token.Record)
	if err := decodeStrictly(text, record); err != nil {
		return err
	}
	if err := i.registry.checkImported(ctx, record, i.options); err != nil {
		return err
	}
	i.result.Records++
	if record.Status != token.StatusRevoked && !slices.Contains(i.registry.accounts(), record.Account) {
		if i.result.UnknownAccounts == nil {
			i.result.UnknownAccounts = make(map[string]int)
		}
		i.result.UnknownAccounts[record.Account]++
	}
	if i.batch = append(i.batch, numbered{i.line, record}); len(i.batch) == importBatch {
		return i.flush(ctx)
	}
	return nil
}

// uses imports when tokens were last used, after the tokens.
func (i *importer) uses(ctx context.Context, uses map[string]storage.Use) error {
	if err := i.flush(ctx); err != nil || i.options.Check {
		return err
	}
	if err := i.registry.store.SaveUses(ctx, uses); err != nil {
		return fmt.Errorf("writing when tokens were used: %w", err)
	}
	return nil
}

// skip notes that something is left as it is here.
func (i *importer) skip(line int, what, why string) {
	i.result.Left++
	if len(i.result.Skipped) < maxSkipped {
		i.result.Skipped = append(i.result.Skipped, Skipped{line, what, why})
	}
}

// importsAtOnce is how many records are written concurrently; the file store
// batches such writes.
const importsAtOnce = 256

// flush imports the records that have been read.
func (i *importer) flush(ctx context.Context) error {
	if err := i.lookBack(ctx); err != nil {
		return err
	}
	outcomes := make([]outcome, len(i.batch))
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(importsAtOnce)
	for at, next := range i.batch {
		group.Go(func() (err error) {
			if outcomes[at], err = i.record(working, next.record); err != nil {
				return fmt.Errorf("line %d: %w", next.line, err)
			}
			return nil
		})
	}
	err := group.Wait()
	for at, next := range i.batch {
		i.count(next, outcomes[at])
	}
	i.batch = i.batch[:0]
	return err
}

func (i *importer) count(next numbered, o outcome) {
	if o.linkEnded {
		i.result.LinksEnded++
	}
	switch o.kind {
	case recordImported:
		i.result.Imported++
	case recordUpdated:
		i.result.Updated++
	case recordUnchanged:
		i.result.Unchanged++
	case recordDeleted:
		i.result.Deleted++
	case recordKept:
		i.skip(next.line, "token "+next.record.ID, o.why)
	}
}

// maxClockSkew is how far ahead the clock of the machine that wrote an export may be.
const maxClockSkew = time.Hour

// checkImported returns an error if a record cannot be imported.
func (r *Registry) checkImported(ctx context.Context, record *token.Record, options ImportOptions) error {
	if record.Version > token.MaxVersion/2 {
		return fmt.Errorf("invalid version %d: expected at most %d, to leave room for later changes", record.Version, uint64(token.MaxVersion/2))
	}
	// Lifetimes are counted from these.
	for name, at := range map[string]time.Time{"created_at": record.CreatedAt, "rotated_at": record.RotatedAt} {
		if at.After(r.now().Add(maxClockSkew)) {
			return fmt.Errorf("%s %s is in the future: check the file, and the clocks of both machines", name, at.UTC().Format(time.RFC3339))
		}
	}
	if err := record.Check(); err != nil || options.Vet == nil {
		return err
	}
	return options.Vet(ctx, record)
}
