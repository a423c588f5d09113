package jira

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

var (
	// operationsCSV lists the operations in Atlassian's published API
	// descriptions (shared/jira/operations.csv, byte for byte).
	//go:embed operations.csv
	operationsCSV []byte

	// correctionsCSV overrides what operations.csv gets wrong or does not
	// distinguish finely enough, with a reason and a source.
	//go:embed corrections.csv
	correctionsCSV []byte

	// additionsCSV lists what operations.csv lacks but matters, with a reason.
	//go:embed additions.csv
	additionsCSV []byte

	// confinementCSV says, of each operation in operationsCSV, how tokens that see
	// only a part of Jira are confined there.
	//go:embed confinement.csv
	confinementCSV []byte
)

// Operations is a table that says which access a request needs. It is immutable
// and safe for concurrent use.
type Operations struct {
	list      []row
	versioned map[string]bool // APIs whose third segment is a version
	root      *node
}

// row is an operation in the table.
type row struct {
	Operation
	template
	// documented means that the operation is in Atlassian's lists. Below the root
	// of a documented API, whatever the table lacks is Jira's own, but
	// undocumented.
	documented bool
}

var loadDefault = sync.OnceValues(func() (*Operations, error) {
	documented, err := parseTable(bytes.NewReader(operationsCSV), "operations.csv")
	if err != nil {
		return nil, err
	}
	corrections, err := parseCorrections(bytes.NewReader(correctionsCSV), "corrections.csv")
	if err != nil {
		return nil, err
	}
	additions, err := parseTable(bytes.NewReader(additionsCSV), "additions.csv")
	if err != nil {
		return nil, err
	}
	if err := correct(documented, corrections); err != nil {
		return nil, err
	}
	if err := confine(documented, bytes.NewReader(confinementCSV), "confinement.csv"); err != nil {
		return nil, err
	}
	return newOperations(documented, additions), nil
})

// DefaultOperations returns the built-in table. It is parsed once.
func DefaultOperations() (*Operations, error) { return loadDefault() }

func newOperations(documented, additions []Operation) *Operations {
	o := &Operations{versioned: versionedAPIs(documented)}
	for _, op := range documented {
		o.list = append(o.list, o.row(op, true))
	}
	for _, op := range additions {
		o.list = append(o.list, o.row(op, false))
	}
	o.root = buildTree(o.list, o.versioned)
	return o
}

func (o *Operations) row(op Operation, documented bool) row {
	t := templateOf(op, o.versioned)
	op.fixed = len(t.segments)
	return row{op, t, documented}
}

// With returns a table in which these operations only read as well: those of
// other apps that read by POST, and undocumented ones of Jira. It rejects
// operations that the table knows to do more than read.
func (o *Operations) With(reads []Operation) (*Operations, error) {
	if len(reads) == 0 {
		return o, nil
	}
	extended := &Operations{list: slices.Clone(o.list), versioned: o.versioned}
	for _, op := range reads {
		op.Access, op.Source = AccessRead, SourceReads
		added := o.row(op, false)
		if err := o.checkLowering(added); err != nil {
			return nil, err
		}
		extended.list = append(extended.list, added)
	}
	extended.root = buildTree(extended.list, o.versioned)
	// Make sure that they took effect: an operation does not if, for example,
	// another server could read its path as one in the table.
	for _, op := range reads {
		if access, match := extended.Access(op.Method, op.example(freeValue)); access != AccessRead {
			return nil, fmt.Errorf("%s cannot be made a read: it stays %s because of %s", op, access, match)
		}
	}
	return extended, nil
}

// freeValue fills wildcard segments in example paths. It is not a literal in the
// table, and passes for a version.
const freeValue = "0-any"

// checkLowering rejects an added read if, for some path that matches it, the table
// says that the operation is administration or closed to tokens, or Atlassian
// documents that it writes.
func (o *Operations) checkLowering(added row) error {
	for _, r := range o.list {
		if r.Method != added.Method && r.Method != "*" || r.Access == AccessRead || !r.overlaps(added.template) {
			continue
		}
		// A row that covers the added one gives way to narrower rows, so it matters
		// only if it decides the added path.
		decisive := true
		if r.covers(added.template) {
			_, match := o.Access(added.Method, added.example(freeValue))
			decisive = match.Template == r.Path && match.Source == r.Source
		}
		if decisive && (r.documented || r.Access != AccessWrite) {
			return fmt.Errorf("%s cannot be made a read: %s (%s) is %s", added.Operation, r.Operation, r.Source, r.Access)
		}
	}
	return nil
}

// Access returns the access that a request needs, and what decided it. rawPath is
// the path as sent, accepted by [CheckPath] and relative to Jira's context path.
//
// Outside /rest, GET and HEAD may read downloads. Jira's other pages are closed to
// tokens, and so are Jira's own addresses below a prefix (/jira/rest/…), where the
// table does not apply. Any other path is judged in every way that a server behind
// the gateway might read it (with and without an extension, case-sensitively or
// not), and the strictest result counts. For one reading:
//
//   - The most specific operation with this method decides, as in JAX-RS; HEAD
//     counts as GET. Of several equally specific ones, the strictest decides.
//   - For paths below a documented API of Jira that are not in the table, GET
//     reads and anything else needs admin, since nobody knows what an
//     undocumented operation does. If all documented operations at or below that
//     place need more than this, so does the undocumented one.
//   - For everything else, which means other apps' APIs, the method decides.
//   - In the last two cases, paths whose names suggest credentials, sessions or
//     batches of other requests are closed to tokens.
//   - OPTIONS reads, unless everything at that path is closed to tokens.
func (o *Operations) Access(method, rawPath string) (Access, Match) {
	if AccessByMethod(method) == AccessNever {
		return AccessNever, oddMethod
	}
	if access, match, decided := judgePage(method, rawPath); decided {
		return access, match
	}
	reading := firstReading(rawPath)
	access, match := o.accessOf(method, reading)
	for range maxReadings {
		var more bool
		if reading, more = nextReading(reading); !more {
			return access, match
		}
		// Judged by method, this reading needs what the first one did; and the
		// first may be a configured read whose path ends like this.
		if a, m := o.accessOf(method, reading); m != byMethod {
			access, match = stricter(access, match, a, m)
		}
		match.SeveralReadings = true
	}
	return AccessNever, tooMany
}

// accessOf judges one reading, both case-sensitively and not.
func (o *Operations) accessOf(method, path string) (Access, Match) {
	s := search{path: path}
	access, match := s.judge(o.root, method)
	if s.foldMatters {
		folded := search{path: path, fold: true}
		if a, m := folded.judge(o.root, method); m != byMethod {
			access, match = stricter(access, match, a, m)
		}
		match.SeveralReadings = true
	}
	return access, match
}

// stricter returns the access needed by a request that could be either of two
// operations, and what decided it.
func stricter(a Access, am Match, b Access, bm Match) (Access, Match) {
	if both := a.and(b); both != a {
		return both, bm
	}
	return a, am
}

// parseTable reads operations in the format of operations.csv: product, method,
// path, access, addressing and locator, and optionally a reason.
func parseTable(r io.Reader, name string) ([]Operation, error) {
	reader := csv.NewReader(r)
	if _, err := reader.Read(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var operations []Operation
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return operations, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := reader.FieldPos(0)
		if len(record) < 6 {
			return nil, fmt.Errorf("%s:%d: %d columns: expected product, method, path, access, addressing, locator", name, line, len(record))
		}
		op := Operation{Source: record[0], Method: record[1], Path: record[2], Locator: parseLocator(record[5])}
		if op.Access, err = parseAccess(record[3]); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if op.Addressing, err = parseAddressing(record[4]); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		if op.Method != "*" {
			if _, err := ParseOperation(op.Method, op.Path); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", name, line, err)
			}
		}
		if len(record) > 6 {
			op.Reason = record[6]
		}
		operations = append(operations, op)
	}
}

// versionedAPIs returns the APIs below /rest in which the third segment of every
// operation is a version.
func versionedAPIs(operations []Operation) map[string]bool {
	versioned := make(map[string]bool)
	for _, op := range operations {
		segments := strings.Split(op.Path, "/")
		if len(segments) < 4 || segments[1] != "rest" {
			continue
		}
		before, seen := versioned[segments[2]]
		versioned[segments[2]] = (before || !seen) && isVersion(segments[3])
	}
	return versioned
}
