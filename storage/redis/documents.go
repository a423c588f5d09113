package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// listDocuments is the prefix of the index entries of documents, which end in the
// document's name.
const listDocuments = "k"

func (s *store) documentKey(name string) string { return s.key("document:" + name) }

// Document returns the document with this name.
func (s *store) Document(ctx context.Context, name storage.DocumentName) (storage.Document, error) {
	if err := name.Check(); err != nil {
		return storage.Document{}, err
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	data, err := s.client.Get(bounded, s.documentKey(name.String())).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return storage.Document{}, storage.DocumentError{Name: name, Err: storage.ErrNotFound}
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return storage.Document{}, storage.DocumentError{Name: name, Err: fmt.Errorf("%w: %w", storage.ErrDamaged, errOtherType)}
	case err != nil:
		return storage.Document{}, s.fail(ctx, "read the document "+name.String(), err)
	}
	return storage.DecodeDocument(name, data)
}

// ApplyDocument changes a document and writes its event. It uses the script that
// changes tokens, with the document's name in place of a token's ID.
func (s *store) ApplyDocument(ctx context.Context, change storage.DocumentChange) error {
	if err := change.Check(); err != nil {
		return err
	}
	name := change.DocumentName.String()
	change.Event.Document = name
	data, err := change.Stored()
	if err != nil {
		return fmt.Errorf("encoding document %s: %w", name, err)
	}
	event, err := encodeEvent(change.Event)
	if err != nil {
		return fmt.Errorf("encoding the event of document %s: %w", name, err)
	}
	var remove, add []string
	if entry := []string{listDocuments + name}; data == nil {
		remove = entry
	} else {
		add = entry
	}
	args := append([]any{
		strconv.FormatUint(change.Version, 10), data, event, name, s.channel, receiptLife.Milliseconds(),
	}, indexArgs(remove, storage.EventLists(change.Event), add)...)
	if change.Damaged {
		if args[0], err = s.damagedDocument(ctx, change.DocumentName); err != nil {
			return err
		}
	}
	keys := []string{s.documentKey(name), s.index, s.events, s.key("receipt:" + rand.Text()), s.uses, s.tree}
	id, err := s.write(ctx, "change the document "+name, s.apply, keys, args)
	switch {
	case err != nil:
		return err
	case id == conflict:
		return storage.DocumentError{Name: change.DocumentName, Err: storage.ErrConflict}
	}
	s.history.made(id)
	return nil
}

// damagedDocument returns what stands for the version of a damaged document in the
// script's arguments.
func (s *store) damagedDocument(ctx context.Context, name storage.DocumentName) (mark string, err error) {
	bounded, cancel := s.within(ctx)
	defer cancel()
	data, err := s.client.Get(bounded, s.documentKey(name.String())).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return markType, nil
	case err != nil:
		return "", s.fail(ctx, "read the document "+name.String(), err)
	default:
		if _, err := storage.DecodeDocument(name, data); err != nil {
			return markOf(data), nil
		}
	}
	return "", storage.DocumentError{Name: name, Err: storage.ErrConflict}
}

// Documents returns the page of documents that query asks for.
func (s *store) Documents(ctx context.Context, query storage.DocumentQuery) (storage.DocumentPage, error) {
	start, end, err := query.Range()
	if err != nil {
		return storage.DocumentPage{}, err
	}
	var names []storage.DocumentName
	limit := query.PageSize()
	err = s.scan(ctx, listDocuments+start+"\x00", listDocuments+end, limit+1, func(entry string) (more bool) {
		if name, ok := storage.ParseDocumentName(entry[len(listDocuments):]); ok {
			names = append(names, name)
		}
		return len(names) <= limit // read one more, to see whether there is another page
	})
	if err != nil {
		return storage.DocumentPage{}, s.fail(ctx, "list documents", err)
	}
	var page storage.DocumentPage
	if len(names) > limit {
		names = names[:limit]
		page.Next = names[limit-1].String()
	}
	return page, s.readDocuments(ctx, names, &page)
}

// readDocuments adds the documents with these names to page, except for those that
// no longer exist.
func (s *store) readDocuments(ctx context.Context, names []storage.DocumentName, page *storage.DocumentPage) error {
	if len(names) == 0 {
		return nil
	}
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = s.documentKey(name.String())
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	values, err := s.client.MGet(bounded, keys...).Result()
	if err != nil {
		return s.fail(ctx, "read listed documents", err)
	}
	for i, value := range values {
		if text, ok := value.(string); ok {
			page.Add(storage.DecodeDocument(names[i], []byte(text)))
			continue
		}
		// MGET returns nil both for a missing key and for a key of another type.
		document, err := s.Document(ctx, names[i])
		if err != nil && !errors.As(err, new(storage.DocumentError)) {
			return err
		}
		if !errors.Is(err, storage.ErrNotFound) {
			page.Add(document, err)
		}
	}
	return nil
}
