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

// Documents stores small versioned JSON values other than tokens, such as groups,
// owners and accounts. It is part of Store, whose rules for errors and concurrent
// use apply here too. A DocumentError names the document.
type Documents interface {
	// Document returns the document with this name, or ErrNotFound, or
	// ErrDamaged.
	Document(ctx context.Context, name DocumentName) (Document, error)

	// ApplyDocument atomically changes a document and writes the audit event, and
	// notifies the DocumentWatchers of every node. ErrConflict means that the
	// document no longer has the version that the change is based on.
	ApplyDocument(ctx context.Context, change DocumentChange) error

	// Documents returns the page of documents that query asks for, ordered by
	// ID.
	Documents(ctx context.Context, query DocumentQuery) (DocumentPage, error)
}

// Limits of a document.
const (
	maxKindLength     = 32
	maxDocumentID     = 512     // bytes
	maxDocumentLength = 1 << 20 // bytes of JSON
)

// DocumentName identifies a document.
type DocumentName struct {
	// Kind is the kind of document, such as group: at most 32 lower-case letters,
	// digits and underscores, of which the first is a letter.
	Kind string
	// ID identifies a document among those of its kind: printable text of at most
	// 512 bytes. It is case-sensitive.
	ID string
}

// String returns kind/ID, with the ID escaped as in a URL.
func (n DocumentName) String() string { return n.Kind + "/" + url.PathEscape(n.ID) }

// ParseDocumentName parses what String returns. It reports false for anything else,
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

// Check returns an error if the name is invalid.
func (n DocumentName) Check() error {
	if err := checkKind(n.Kind); err != nil {
		return err
	}
	switch {
	case n.ID == "" || len(n.ID) > maxDocumentID:
		return fmt.Errorf("%s: invalid ID of %d bytes: expected 1 to %d", n.Kind, len(n.ID), maxDocumentID)
	case !utf8.ValidString(n.ID) || strings.ContainsFunc(n.ID, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%s %q: invalid ID: expected printable text", n.Kind, n.ID)
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
		return fmt.Errorf("invalid kind of document %q: expected lower-case letters, digits and underscores", kind)
	}
	return nil
}

// Document is a document as a store returns it.
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
	// Version is the version that the change is based on, or 0 to create a
	// document.
	Version uint64
	// Data is the new JSON value, of at most 1 MiB, or nil to delete the document.
	Data json.RawMessage
	// Damaged deletes a damaged document, or replaces it if there is Data. It has no
	// Version. ErrConflict means that the document does not exist or is no longer
	// damaged.
	Damaged bool
	// Event is the change's audit event. The store sets its Document.
	Event Event
}

// Check returns an error if the change is invalid.
func (c DocumentChange) Check() error {
	switch err := c.DocumentName.Check(); {
	case err != nil:
		return err
	case c.Damaged && c.Version != 0:
		return fmt.Errorf("%s: a damaged document has no version that a change could be based on", c.DocumentName)
	case c.Data == nil && c.Version == 0 && !c.Damaged:
		return fmt.Errorf("%s: neither a version nor data: nothing to do", c.DocumentName)
	case c.Version >= token.MaxVersion:
		return fmt.Errorf("%s: there can be no version after %d", c.DocumentName, c.Version)
	case c.Data != nil && (len(c.Data) > maxDocumentLength || !json.Valid(c.Data)):
		return fmt.Errorf("%s: invalid data: expected a JSON value of at most %d bytes", c.DocumentName, maxDocumentLength)
	}
	return nil
}

// MaxQuietChanges is the maximum number of changes that ApplyQuietly makes at once.
const MaxQuietChanges = 1000

// CheckQuiet returns an error if ApplyQuietly cannot make these changes.
func CheckQuiet(changes []DocumentChange) error {
	if len(changes) == 0 || len(changes) > MaxQuietChanges {
		return fmt.Errorf("invalid number of changes %d: expected 1 to %d", len(changes), MaxQuietChanges)
	}
	seen := make(map[DocumentName]bool, len(changes))
	for _, change := range changes {
		switch err := change.Check(); {
		case err != nil:
			return err
		case change.Damaged:
			return fmt.Errorf("%s: a damaged document cannot be replaced quietly", change.DocumentName)
		case seen[change.DocumentName]:
			return fmt.Errorf("%s is changed twice at once", change.DocumentName)
		}
		seen[change.DocumentName] = true
	}
	return nil
}

// Stored returns the JSON in which a store keeps the document, or nil if the change
// deletes it.
func (c DocumentChange) Stored() ([]byte, error) {
	if c.Data == nil {
		return nil, nil
	}
	return json.Marshal(storedDocument{c.Version + 1, c.Data})
}

// storedDocument is the JSON that a store keeps under a document's name.
type storedDocument struct {
	Version uint64          `json:"version"`
	Data    json.RawMessage `json:"data"`
}

// DecodeDocument decodes what Stored returned. Its error is a DocumentError with
// ErrDamaged in its chain.
func DecodeDocument(name DocumentName, data []byte) (Document, error) {
	var stored storedDocument
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&stored)
	switch {
	case err != nil:
	case decoder.More():
		err = errors.New("more than one JSON value")
	case stored.Version == 0 || stored.Version > token.MaxVersion:
		err = fmt.Errorf("invalid version %d", stored.Version)
	case stored.Data == nil:
		err = errors.New("no data")
	}
	if err != nil {
		return Document{}, DocumentError{name, fmt.Errorf("%w: %w", ErrDamaged, err)}
	}
	return Document{name, stored.Version, stored.Data}, nil
}

// DocumentError reports that a document does not exist, was changed by somebody
// else or is damaged. It has ErrNotFound, ErrConflict or ErrDamaged in its chain.
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
		return document + ": somebody else has changed it in the meantime"
	}
	return document + ": " + e.Err.Error()
}

func (e DocumentError) Unwrap() error { return e.Err }

// DocumentQuery selects documents for a list.
type DocumentQuery struct {
	// Kind is the kind of documents to list, or empty for all of them.
	Kind string
	// Cursor is the Next of the previous page, or empty for the first page.
	Cursor string
	// Limit is the size of the page, at most MaxPageSize. 0 means DefaultPageSize.
	Limit int
}

// PageSize returns Limit with its default and maximum applied.
func (q DocumentQuery) PageSize() int { return pageSize(q.Limit) }

// Range returns the range of the names of the page's documents, as String returns
// them: they sort after start and before end. It fails if the kind is invalid, or
// with ErrBadCursor.
func (q DocumentQuery) Range() (start, end string, err error) {
	start, end = "", "{" // which follows "z": kinds begin with a letter
	if q.Kind != "" {
		if err := checkKind(q.Kind); err != nil {
			return "", "", err
		}
		start, end = q.Kind+"/", q.Kind+"0" // "0" follows "/"
	}
	if q.Cursor == "" {
		return start, end, nil
	}
	if name, ok := ParseDocumentName(q.Cursor); !ok || q.Kind != "" && name.Kind != q.Kind {
		return "", "", fmt.Errorf("cursor %q: %w", q.Cursor, ErrBadCursor)
	}
	return q.Cursor, end, nil
}

// DocumentPage is a page of a list of documents.
type DocumentPage struct {
	// Documents holds the usable documents. There may be fewer than requested even
	// before the last page, since some may change while the page is read.
	Documents []Document
	// Damaged describes the damaged documents.
	Damaged []DocumentError
	// Next is the cursor of the next page, or empty on the last page.
	Next string
}

// Add adds the results of DecodeDocument to the page.
func (p *DocumentPage) Add(document Document, err error) {
	if damaged, ok := errors.AsType[DocumentError](err); ok {
		p.Damaged = append(p.Damaged, damaged)
	} else if err == nil {
		p.Documents = append(p.Documents, document)
	}
}

// DocumentWatcher is a Watcher that is also notified of changes to documents.
type DocumentWatcher interface {
	Watcher
	// DocumentChanged reports that the document with this name has changed. It must
	// return quickly.
	DocumentChanged(name DocumentName)
}

// Tell notifies a watcher of a change to a token, given by its ID, or to a document,
// given by its name as DocumentName.String returns it.
func Tell(watcher Watcher, changed string) {
	name, isDocument := ParseDocumentName(changed)
	if !isDocument {
		watcher.Changed(changed)
	} else if watcher, ok := watcher.(DocumentWatcher); ok {
		watcher.DocumentChanged(name)
	}
}
