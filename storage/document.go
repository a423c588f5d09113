package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Documents keeps what is not a token, such as groups, owners and accounts:
// small JSON values with a version. It is a part of Store, and what Store says of
// errors and concurrent use holds here too. A DocumentError names the document.
type Documents interface {
	// Document returns the document with this name, or ErrNotFound, or
	// ErrDamaged.
	Document(ctx context.Context, name DocumentName) (Document, error)

	// ApplyDocument changes a document and writes the audit event, both or
	// neither, and tells the watchers of every node that are DocumentWatchers.
	// ErrConflict means that the document has another version than the change
	// was made from.
	ApplyDocument(ctx context.Context, change DocumentChange) error

	// Documents returns the page of documents that query asks for, ordered by
	// ID.
	Documents(ctx context.Context, query DocumentQuery) (DocumentPage, error)
}

// Bounds of what is kept of a document.
const (
	maxKindLength     = 32
	maxDocumentID     = 512     // bytes
	maxDocumentLength = 1 << 20 // bytes of JSON
)

// DocumentName identifies a document.
type DocumentName struct {
	// Kind is what sort of document it is, such as group: lower-case letters,
	// digits and underscores, beginning with a letter, at most 32 of them.
	Kind string
	// ID tells documents of one kind apart: printable text of at most 512 bytes.
	// Case matters.
	ID string
}

// String returns the name as one word: kind/ID, with the ID escaped as in a URL.
func (n DocumentName) String() string { return n.Kind + "/" + url.PathEscape(n.ID) }

// ParseDocumentName reads what String wrote. It reports false for anything else,
// such as a token's ID.
func ParseDocumentName(text string) (DocumentName, bool) {
	kind, escaped, ok := strings.Cut(text, "/")
	if !ok {
		return DocumentName{}, false
	}
	id, err := url.PathUnescape(escaped)
	name := DocumentName{kind, id}
	return name, err == nil && name.Check() == nil && name.String() == text
}

// Check returns what is wrong with the name, if anything.
func (n DocumentName) Check() error {
	if err := checkKind(n.Kind); err != nil {
		return err
	}
	switch {
	case n.ID == "" || len(n.ID) > maxDocumentID:
		return fmt.Errorf("%s: the ID has %d bytes: want 1 to %d", n.Kind, len(n.ID), maxDocumentID)
	case !utf8.ValidString(n.ID) || strings.ContainsFunc(n.ID, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%s %q: the ID must be printable text", n.Kind, n.ID)
	}
	return nil
}

func checkKind(kind string) error {
	valid := kind != "" && len(kind) <= maxKindLength && kind[0] >= 'a' && kind[0] <= 'z'
	for i := range len(kind) {
		c := kind[i]
		valid = valid && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
	}
	if !valid {
		return fmt.Errorf("kind of document %q: want lower-case letters, digits and underscores", kind)
	}
	return nil
}

// Document is what a store keeps under a name.
type Document struct {
	DocumentName
	// Version counts the changes, from 1.
	Version uint64
	// Data is a JSON value.
	Data json.RawMessage
}

// DocumentChange is one change of one document.
type DocumentChange struct {
	DocumentName
	// Version is that of the document as it was read; 0 creates one.
	Version uint64
	// Data is what it becomes, a JSON value of at most 1 MiB; nil deletes it.
	Data json.RawMessage
	// Event is the change's audit event. The store sets its Document.
	Event Event
}

// Check returns what is wrong with the change, if anything.
func (c DocumentChange) Check() error {
	switch err := c.DocumentName.Check(); {
	case err != nil:
		return err
	case c.Data == nil && c.Version == 0:
		return fmt.Errorf("%s: neither created nor deleted", c.DocumentName)
	case c.Version >= token.MaxVersion:
		return fmt.Errorf("%s: version %d is the last one", c.DocumentName, c.Version)
	case c.Data != nil && (len(c.Data) > maxDocumentLength || !json.Valid(c.Data)):
		return fmt.Errorf("%s: want a JSON value of at most %d bytes", c.DocumentName, maxDocumentLength)
	}
	return nil
}

// Stored returns the JSON that a store keeps of the document; nil when it is
// deleted.
func (c DocumentChange) Stored() ([]byte, error) {
	if c.Data == nil {
		return nil, nil
	}
	return json.Marshal(storedDocument{c.Version + 1, c.Data})
}

// storedDocument is what a store keeps under a document's name.
type storedDocument struct {
	Version uint64          `json:"version"`
	Data    json.RawMessage `json:"data"`
}

// DecodeDocument reads what Stored wrote. The error is a DocumentError with
// ErrDamaged in its chain.
func DecodeDocument(name DocumentName, data []byte) (Document, error) {
	var stored storedDocument
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&stored)
	switch {
	case err != nil:
	case decoder.More():
		err = errors.New("more than one value")
	case stored.Version == 0 || stored.Version > token.MaxVersion:
		err = fmt.Errorf("version %d", stored.Version)
	case stored.Data == nil:
		err = errors.New("no data")
	}
	if err != nil {
		return Document{}, DocumentError{name, fmt.Errorf("%w: %w", ErrDamaged, err)}
	}
	return Document{name, stored.Version, stored.Data}, nil
}

// DocumentError says of one document that it is not there, was changed by
// somebody else, or is damaged: it has ErrNotFound, ErrConflict or ErrDamaged in
// its chain.
type DocumentError struct {
	Name DocumentName
	Err  error
}

func (e DocumentError) Error() string {
	document := fmt.Sprintf("%s %q", e.Name.Kind, e.Name.ID)
	switch {
	case errors.Is(e.Err, ErrNotFound):
		return "no such document: " + document
	case errors.Is(e.Err, ErrConflict):
		return document + " was changed by somebody else meanwhile"
	}
	return document + ": " + e.Err.Error()
}

func (e DocumentError) Unwrap() error { return e.Err }

// DocumentQuery says which documents a list is of.
type DocumentQuery struct {
	Kind string
	// Cursor is the Next of the page before; empty for the first.
	Cursor string
	// Limit is the size of the page; 0 is DefaultPageSize, MaxPageSize at most.
	Limit int
}

// PageSize returns Limit with its default and bound applied.
func (q DocumentQuery) PageSize() int { return pageSize(q.Limit) }

// Range returns the names of the page's documents, as String writes them: they
// are greater than start and less than end. The error is an invalid kind or
// ErrBadCursor.
func (q DocumentQuery) Range() (start, end string, err error) {
	if err := checkKind(q.Kind); err != nil {
		return "", "", err
	}
	start, end = q.Kind+"/", q.Kind+"0" // "0" follows "/"
	if q.Cursor == "" {
		return start, end, nil
	}
	if name, ok := ParseDocumentName(q.Cursor); !ok || name.Kind != q.Kind {
		return "", "", fmt.Errorf("cursor %q: %w", q.Cursor, ErrBadCursor)
	}
	return q.Cursor, end, nil
}

// DocumentPage is a part of a list.
type DocumentPage struct {
	// Documents are the readable ones. There can be fewer than asked for, also
	// before the last page: some may have been changed while the page was read.
	Documents []Document
	// Damaged are the others.
	Damaged []DocumentError
	// Next is the cursor of the next page; empty on the last.
	Next string
}

// Add adds what DecodeDocument returned to the page.
func (p *DocumentPage) Add(document Document, err error) {
	if damaged, ok := errors.AsType[DocumentError](err); ok {
		p.Damaged = append(p.Damaged, damaged)
	} else if err == nil {
		p.Documents = append(p.Documents, document)
	}
}

// DocumentWatcher is a Watcher that is told of documents too.
type DocumentWatcher interface {
	Watcher
	// DocumentChanged tells that the document with this name is not what it was.
	// It returns quickly.
	DocumentChanged(name DocumentName)
}

// Tell tells a watcher what has changed: a token, by its ID, or a document, by
// its name as String writes it.
func Tell(watcher Watcher, changed string) {
	name, isDocument := ParseDocumentName(changed)
	if !isDocument {
		watcher.Changed(changed)
	} else if watcher, ok := watcher.(DocumentWatcher); ok {
		watcher.DocumentChanged(name)
	}
}
