package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Export writes all records, one a line in JSON, newest first: digests, never
// tokens. With Import they move to another store.
func (r *Registry) Export(ctx context.Context, w io.Writer) error {
	encoder := json.NewEncoder(w)
	query := storage.Query{Limit: storage.MaxPageSize}
	for {
		page, err := r.List(ctx, query)
		if err != nil {
			return err
		}
		for _, record := range page.Records {
			if err := encoder.Encode(record); err != nil {
				return fmt.Errorf("writing the export: %w", err)
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Cursor = page.Next
	}
}

// ImportResult says what became of the records of an import.
type ImportResult struct {
	// Imported were new here; Unchanged were here already, the same.
	Imported  int `json:"imported"`
	Unchanged int `json:"unchanged"`
}

// Import reads what Export wrote. Records that are here already and the same
// are left alone, so that an import that was broken off can be made again;
// one that differs ends it, with what was imported so far kept.
func (r *Registry) Import(ctx context.Context, actor storage.Actor, reader io.Reader) (ImportResult, error) {
	var imported, unchanged atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(importsAtOnce)
	decoder := json.NewDecoder(reader)
	decoder.DisallowUnknownFields()
	err := func() error {
		for line := 1; ctx.Err() == nil; line++ {
			var record token.Record
			if err := decoder.Decode(&record); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return invalid("import", fmt.Errorf("record %d: %w", line, err))
			}
			if err := record.Check(); err != nil {
				return invalid("import", fmt.Errorf("record %d: %w", line, err))
			}
			group.Go(func() error {
				isNew, err := r.importRecord(ctx, actor, &record)
				switch {
				case err != nil:
					return fmt.Errorf("record %d: %w", line, err)
				case isNew:
					imported.Add(1)
				default:
					unchanged.Add(1)
				}
				return nil
			})
		}
		return nil
	}()
	if failed := group.Wait(); failed != nil {
		err = failed
	}
	return ImportResult{Imported: int(imported.Load()), Unchanged: int(unchanged.Load())}, err
}

// importsAtOnce is how many records are written at once: the file store writes
// them to the disk together.
const importsAtOnce = 64

func (r *Registry) importRecord(ctx context.Context, actor storage.Actor, record *token.Record) (imported bool, err error) {
	there, err := r.store.Get(ctx, record.ID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return true, r.apply(ctx, actor, ActionImport, nil, record)
	case err != nil:
		return false, fmt.Errorf("token %s: %w", record.ID, err)
	}
	same, err := sameJSON(there, record)
	if err == nil && !same {
		err = ExistsError{record.ID}
	}
	return false, err
}

// ExistsError is an import over a token that is there already and differs.
type ExistsError struct{ ID string }

func (e ExistsError) Error() string {
	return fmt.Sprintf("token %s is here already and differs: delete it here, or leave it out of the import", e.ID)
}

func sameJSON(a, b *token.Record) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return string(x) == string(y), err
}
