package filestore

import (
	"context"
	"errors"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Document returns the document with this name.
func (s *store) Document(ctx context.Context, name storage.DocumentName) (document storage.Document, err error) {
	if err := name.Check(); err != nil {
		return storage.Document{}, err
	}
	err = s.view(ctx, "read the document "+name.String(), func(tx *bbolt.Tx) error {
		document, err = getDocument(tx, name)
		return err
	})
	return document, err
}

func getDocument(tx *bbolt.Tx, name storage.DocumentName) (storage.Document, error) {
	data := tx.Bucket(bucketDocuments).Get([]byte(name.String()))
	if data == nil {
		return storage.Document{}, storage.DocumentError{Name: name, Err: storage.ErrNotFound}
	}
	return storage.DecodeDocument(name, data)
}

// ApplyDocument changes a document and writes its event.
func (s *store) ApplyDocument(ctx context.Context, change storage.DocumentChange) error {
	if err := change.Check(); err != nil {
		return err
	}
	name := change.DocumentName.String()
	err := s.change(ctx, "change the document "+name, func(tx *bbolt.Tx) error { return applyDocument(tx, change) })
	switch {
	case errors.Is(err, storage.ErrConflict):
		return storage.DocumentError{Name: change.DocumentName, Err: err}
	case err != nil:
		return err
	}
	s.watchers.changed(name)
	return nil
}

func applyDocument(tx *bbolt.Tx, change storage.DocumentChange) error {
	old, err := getDocument(tx, change.DocumentName)
	damaged := errors.Is(err, storage.ErrDamaged)
	if damaged != change.Damaged || !damaged && err != nil && !errors.Is(err, storage.ErrNotFound) || old.Version != change.Version {
		return storage.ErrConflict
	}
	if err := putDocument(tx, change); err != nil {
		return err
	}
	change.Event.Document = change.DocumentName.String()
	return record(tx, change.Event)
}

// putDocument stores or deletes a document.
func putDocument(tx *bbolt.Tx, change storage.DocumentChange) error {
	data, err := change.Stored()
	if err != nil {
		return err
	}
	documents, key := tx.Bucket(bucketDocuments), []byte(change.DocumentName.String())
	if data == nil {
		return documents.Delete(key)
	}
	return documents.Put(key, data)
}

// Documents returns the page of documents that query asks for.
func (s *store) Documents(ctx context.Context, query storage.DocumentQuery) (page storage.DocumentPage, err error) {
	start, end, err := query.Range()
	if err != nil {
		return page, err
	}
	last, listed := "", 0
	err = s.view(ctx, "list documents", func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketDocuments).Cursor()
		for key, data := c.Seek([]byte(start + "\x00")); key != nil && string(key) < end; key, data = c.Next() {
			name, ok := storage.ParseDocumentName(string(key))
			if !ok {
				continue // not written by us
			}
			if listed == query.PageSize() {
				page.Next = last
				return nil
			}
			page.Add(storage.DecodeDocument(name, data))
			last, listed = string(key), listed+1
		}
		return nil
	})
	return page, err
}
