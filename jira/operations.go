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

	// correctionsCSV says where what operations.csv says of an operation is not
	// right, or not fine enough, with the reason and its source.
	//go:embed corrections.csv
	correctionsCSV []byte

	// additionsCSV lists what is not in them but matters, with the reason.
	//go:embed additions.csv
	additionsCSV []byte

	// confinementCSV says, of each operation in operationsCSV, how tokens that see
	// only a part of Jira are confined there.
	//go:embed confinement.csv
	confinementCSV []byte
)

// Operations is a table of operations that says what a request asks of Jira. It
// never changes and is safe for concurrent use.
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

// DefaultOperations returns the table that is built in. It is parsed once.
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
		added := o.row(op, false)
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
// fits it, that the operation is administration or not for tokens, or where
// Atlassian documents it to write.
func (o *Operations) checkLowering(added row) error {
	for _, r := range o.list {
		if r.Method != added.Method && r.Method != "*" || r.Access == AccessRead || !r.overlaps(added.template) {
			continue
		}
		// A wider row gives way to narrower ones, so what counts is the one that
		// decides; below it, a row that may be lowered.
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

// Access says what a request asks of Jira and what decided it. rawPath is the
// path as sent, accepted by [CheckPath] and relative to Jira's context path.
//
// Outside /rest, downloads are read by GET and HEAD, and Jira's other pages are
// not for tokens, nor are Jira's own addresses below a prefix (/jira/rest/…),
// where the table does not hold. All other paths are judged under every reading that a server
// behind us may have of them (with and without an extension, with and without
// regard to letter case), and the strictest answer counts. Under one reading:
//
//   - The most specific operation with this method decides, as in JAX-RS; HEAD
//     is GET. Where several are as specific, the strictest does.
//   - What is not in the table but below an API of Jira that is: GET reads,
//     anything else needs admin, since nobody can say what an undocumented
//     operation of Jira does; and where all documented operations at or below
//     that place ask more than this, so does what is not documented.
//   - Everything else, that is other apps' APIs, by its method.
//   - In neither of the last two is a path for tokens whose names speak of
//     credentials, sessions or batches of other requests.
//   - OPTIONS reads, unless all that is there is never.
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
		// By method this reading asks what the first one did; and the first may
		// be a read that the configuration added, whose path ends like this.
		if a, m := o.accessOf(method, reading); m != byMethod {
			access, match = stricter(access, match, a, m)
		}
		match.SeveralReadings = true
	}
	return AccessNever, tooMany
}

// accessOf judges one reading, as it is and without regard to letter case.
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

// stricter returns what a request asks that could be either of two operations,
// with what decided it.
func stricter(a Access, am Match, b Access, bm Match) (Access, Match) {
	if both := a.and(b); both != a {
		return both, bm
	}
	return a, am
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
