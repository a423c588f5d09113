package filestore

import (
	"context"
	"errors"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// ApplyQuietly changes documents in one transaction.
func (s *store) ApplyQuietly(ctx context.Context, changes ...storage.DocumentChange) error {
	if err := storage.CheckQuiet(changes); err != nil {
		return err
	}
	err := s.change(ctx, "change documents", func(tx *bbolt.Tx) error {
		// Find conflicts before writing anything: see change.
		for _, change := range changes {
			old, err := getDocument(tx, change.DocumentName)
			if err != nil && !errors.Is(err, storage.ErrNotFound) || old.Version != change.Version {
				return storage.ErrConflict
			}
		}
		for _, change := range changes {
			if err := putDocument(tx, change); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, change := range changes {
		s.watchers.changed(change.DocumentName.String())
	}
	return nil
}
