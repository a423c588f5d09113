package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Export writes all records as JSON, one per line, newest first, for Import into another
// store. They contain digests, never tokens. It returns the number of records that it
// left out because they are damaged.
func (r *Registry) Export(ctx context.Context, w io.Writer) (damaged int, err error) {
	encoder := json.NewEncoder(w)
	query := storage.Query{Limit: storage.MaxPageSize}
	for {
		page, err := r.storedPage(ctx, query)
		if err != nil {
			return damaged, err
		}
		damaged += len(page.Damaged)
		for _, record := range page.Records {
			if err := encoder.Encode(record); err != nil {
				return damaged, fmt.Errorf("writing the export: %w", err)
			}
		}
		if page.Next == "" {
			return damaged, nil
		}
		query.Cursor = page.Next
	}
}

// ImportResult counts the records of an import by result.
type ImportResult struct {
	// Imported records were new; Unchanged ones already existed.
	Imported  int `json:"imported"`
	Unchanged int `json:"unchanged"`
	// Deleted records were skipped because they had been deleted from this store.
	Deleted int `json:"deleted"`
}

// ImportOptions are the options of an import.
type ImportOptions struct {
	// Restore also imports records that were deleted from this store. By default they
	// are skipped, so that an old export does not bring back deleted tokens.
	Restore bool
	// Vet, if set, examines each record.
	Vet Vet
}

// ErrCutOff means that an import ends in the middle of a record.
var ErrCutOff = errors.New("the import ends in the middle of a record: the file is incomplete")

// Import imports records written by Export. It skips identical records that already
// exist, so an interrupted import can be repeated, and stops at a record that differs.
// The result counts what was imported, even if the import fails.
func (r *Registry) Import(ctx context.Context, actor storage.Actor, reader io.Reader, options ImportOptions) (ImportResult, error) {
	var imported, unchanged, deleted atomic.Int64
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(importsAtOnce)
	decoder := json.NewDecoder(reader)
	decoder.DisallowUnknownFields()
	err := func() error {
		for line := 1; working.Err() == nil; line++ {
			var record token.Record
			switch err := decoder.Decode(&record); {
			case errors.Is(err, io.ErrUnexpectedEOF):
				return invalid("import", fmt.Errorf("record %d: %w", line, ErrCutOff))
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return invalid("import", fmt.Errorf("record %d: %w", line, err))
			}
			if err := r.checkImported(working, &record, options); err != nil {
				return invalid("import", fmt.Errorf("record %d: %w", line, err))
			}
			group.Go(func() error {
				count, err := r.importRecord(working, actor, &record, options)
				if err != nil {
					return fmt.Errorf("record %d: %w", line, err)
				}
				switch count {
				case recordImported:
					imported.Add(1)
				case recordUnchanged:
					unchanged.Add(1)
				case recordDeleted:
					deleted.Add(1)
				}
				return nil
			})
		}
		return context.Cause(ctx) // nil if a record failed: Wait returns that error
	}()
	if failed := group.Wait(); failed != nil {
		err = failed
	}
	return ImportResult{Imported: int(imported.Load()), Unchanged: int(unchanged.Load()), Deleted: int(deleted.Load())}, err
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

// outcome is the result for one record of an import.
type outcome int

const (
	recordImported outcome = iota
	recordUnchanged
	recordDeleted
)

// importsAtOnce is how many records are written concurrently; the file store
// batches such writes.
const importsAtOnce = 64

func (r *Registry) importRecord(ctx context.Context, actor storage.Actor, record *token.Record, options ImportOptions) (outcome, error) {
	existing, err := r.store.Get(ctx, record.ID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return r.importNew(ctx, actor, record, options)
	case errors.Is(err, storage.ErrDamaged):
		return 0, StateError{record.ID, token.StateDamaged, "delete it from this store, then import it with --restore"}
	case err != nil:
		return 0, fmt.Errorf("token %s: %w", record.ID, err)
	}
	same, err := sameJSON(existing, record)
	if err == nil && !same {
		err = ExistsError{record.ID}
	}
	return recordUnchanged, err
}

func (r *Registry) importNew(ctx context.Context, actor storage.Actor, record *token.Record, options ImportOptions) (outcome, error) {
	if !options.Restore {
		deleted, err := r.deleted(ctx, record.ID)
		if err != nil || deleted {
			return recordDeleted, err
		}
	}
	return recordImported, r.apply(ctx, actor, ActionImport, nil, record)
}

// ExistsError reports an import of a token that already exists and differs.
type ExistsError struct{ ID string }

func (e ExistsError) Error() string {
	return fmt.Sprintf("token %s already exists in this store and differs: delete it here, or leave it out of the import", e.ID)
}

func sameJSON(a, b *token.Record) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return string(x) == string(y), err
}
