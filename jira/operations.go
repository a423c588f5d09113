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

	// additionsCSV lists what is not in them but matters, with the reason.
	//go:embed additions.csv
	additionsCSV []byte
)

// Operations is a table of operations that tells of a request what it asks. It
// never changes and may be used by many goroutines.
type Operations struct {
	list      []row
	versioned map[string]bool // APIs whose third segment is a version
	root      *node
}

// row is an operation in its table.
type row struct {
	Operation
	template
	// documented: from Atlassian's lists. Under the roots of such APIs what is
	// not in the table is Jira's own, only undocumented.
	documented bool
}

// Match says what decided about a request.
type Match struct {
	// Method, Template and Source are those of the operation that decided; the
	// first two are empty when no operation did.
	Method, Template string
	Source           string
	// Reason says why, unless the operation is from Atlassian's lists.
	Reason string
}

// String returns what decided in one line.
func (m Match) String() string {
	text := m.Source
	if m.Template != "" {
		text = m.Method + " " + m.Template + " (" + m.Source + ")"
	}
	if m.Reason != "" {
		text += ": " + m.Reason
	}
	return text
}

// What decided where no operation did.
var (
	byMethod     = Match{Source: SourceMethod}
	undocumented = Match{Source: "undocumented", Reason: "Jira's own API, but no documented operation; what may change something needs admin"}
	oddMethod    = Match{Source: "method", Reason: "no method of Jira's API"}
	actionPage   = Match{Source: "page", Reason: "a page of Jira may act on GET too; no REST path ends like one"}
	crowded      = Match{Source: "table", Reason: "too many operations fit this path; the configuration's own should be narrower"}
	tooMany      = Match{Source: "path", Reason: "ends in more extensions than any request needs"}
)

var loadDefault = sync.OnceValues(func() (*Operations, error) {
	documented, err := parseTable(bytes.NewReader(operationsCSV), "operations.csv")
	if err != nil {
		return nil, err
	}
	additions, err := parseTable(bytes.NewReader(additionsCSV), "additions.csv")
	if err != nil {
		return nil, err
	}
	return newOperations(documented, additions), nil
})

// DefaultOperations returns the table that is built in. It is parsed once.
func DefaultOperations() (*Operations, error) { return loadDefault() }

func newOperations(documented, additions []Operation) *Operations {
	o := &Operations{versioned: versionedAPIs(documented)}
	for _, op := range documented {
		o.list = append(o.list, row{op, templateOf(op, o.versioned), true})
	}
	for _, op := range additions {
		o.list = append(o.list, row{op, templateOf(op, o.versioned), false})
	}
	o.root = buildTree(o.list, o.versioned)
	return o
}

// With returns a table in which these operations, too, only read: those of
// other apps that read by POST, or undocumented ones of Jira. It refuses
// operations that the table knows to do more.
func (o *Operations) With(reads []Operation) (*Operations, error) {
	if len(reads) == 0 {
		return o, nil
	}
	extended := &Operations{list: slices.Clone(o.list), versioned: o.versioned}
	for _, op := range reads {
		op.Access, op.Source = AccessRead, SourceReads
		added := row{op, templateOf(op, o.versioned), false}
		if err := o.checkLowering(added); err != nil {
			return nil, err
		}
		extended.list = append(extended.list, added)
	}
	extended.root = buildTree(extended.list, o.versioned)
	// What was added must also have come into force: it does not, say, for a path
	// that another server reads as one of the table.
	for _, op := range reads {
		if access, match := extended.Access(op.Method, op.example(freeValue)); access != AccessRead {
			return nil, fmt.Errorf("%s cannot be made a read: it stays %s because of %s", op, access, match)
		}
	}
	return extended, nil
}

// freeValue fills free segments where an example of a path is needed. It is no
// literal of the table and passes for a version.
const freeValue = "0-any"

// checkLowering refuses an added read where the table says, of some path that
// fits it, that the operation is for administrators or for nobody, or where
// Atlassian documents it to write.
func (o *Operations) checkLowering(added row) error {
	for _, r := range o.list {
		if r.Method != added.Method && r.Method != "*" || r.Access < AccessWrite || !r.overlaps(added.template) {
			continue
		}
		// A wider row gives way to narrower ones, so what counts is the one that
		// decides; below it, a row that may be lowered.
		decisive := true
		if r.covers(added.template) {
			_, match := o.Access(added.Method, added.example(freeValue))
			decisive = match.Template == r.Path && match.Source == r.Source
		}
		if decisive && (r.documented || r.Access >= AccessAdmin) {
			return fmt.Errorf("%s cannot be made a read: %s (%s) is %s", added.Operation, r.Operation, r.Source, r.Access)
		}
	}
	return nil
}

// Access tells what a request asks of Jira and what decided it. rawPath is the
// path as sent, accepted by [CheckPath] and relative to Jira's context path.
//
// The path is judged under every reading that a server behind us may have of
// it (with and without an extension, with and without regard to letter case),
// and the strictest answer counts. Under one reading:
//
//   - The most specific operation with this method decides, as in JAX-RS; HEAD
//     is GET. Where several are as specific, the strictest does.
//   - What is not in the table but below an API of Jira that is: GET reads,
//     anything else needs admin, since nobody can say what an undocumented
//     operation of Jira does; and where all documented operations at or below
//     that place ask more than this, so does what is not documented.
//   - Everything else, that is other apps' APIs, by its method.
//   - OPTIONS reads, unless all that is there is never.
func (o *Operations) Access(method, rawPath string) (Access, Match) {
	if AccessByMethod(method) == AccessNever {
		return AccessNever, oddMethod
	}
	reading := firstReading(rawPath)
	access, match := o.accessOf(method, reading)
	for range maxReadings {
		var more bool
		if reading, more = nextReading(reading); !more {
			return access, match
		}
		// By method this reading asks what the first one did; and the first may
		// be a read that the configuration added, whose path ends like this.
		if a, m := o.accessOf(method, reading); a > access && m != byMethod {
			access, match = a, m
		}
	}
	return AccessNever, tooMany
}

// accessOf judges one reading, as it is and without regard to letter case.
func (o *Operations) accessOf(method, path string) (Access, Match) {
	s := search{path: path}
	access, match := s.judge(o.root, method)
	if s.foldMatters {
		folded := search{path: path, fold: true}
		if a, m := folded.judge(o.root, method); a > access && m != byMethod {
			return a, m
		}
	}
	return access, match
}

// parseTable reads operations in the format of operations.csv: product, method,
// path, access, and two columns about addressing; a seventh is a reason.
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
			return nil, fmt.Errorf("%s:%d: %d columns, want product, method, path, access, addressing, locator", name, line, len(record))
		}
		op := Operation{Source: record[0], Method: record[1], Path: record[2]}
		if op.Access, err = parseAccess(record[3]); err != nil {
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

// versionedAPIs finds the APIs below /rest whose third segment is a version in
// all of their operations.
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
