package storage

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Besides the records, a store keeps one ordered set of strings: its index. Every
// list is a range of the index, and every entry contains what filters need, so
// that a search through a million tokens does not read their records. The parts of
// an entry are:
//
//	list        "*" all records · "d" disabled · "p" pending · "r" revoked · "o" owner NUL
//	            · "v" and, in 12 hex digits, when the record vanishes
//	created     12 hex digits: milliseconds, counted down, so newest first
//	id          10 characters; created and id together are the entry's key
//	status      a, d, p or r
//	not before  12 hex digits: milliseconds, or 0 for none
//	expires     12 hex digits: milliseconds, or 0 for never
//	text        owner NUL name, both case-folded
//
// There is no list of active tokens, since most tokens are active, and finding
// those that have expired means looking at each one anyway.
const (
	listAll      = "*"
	listDisabled = "d"
	listPending  = "p"
	listRevoked  = "r"
	listOwner    = "o"

	listVanishing = "v"

	timeLength = 12
	idLength   = 10
	keyLength  = timeLength + idLength

	statusAt    = keyLength
	notBeforeAt = statusAt + 1
	expiresAt   = notBeforeAt + timeLength
	textAt      = expiresAt + timeLength

	noTime = "000000000000"
)

// ErrBadCursor reports a cursor that did not come from a page of this list. It is
// the caller's mistake, not an outage.
var ErrBadCursor = errors.New("not a cursor of this list: leave it out to start at the first page")

// IndexEntries returns the index entries of a record, or none if it is nil. A change
// may leave entries in place that the old and the new record share.
func IndexEntries(r *token.Record) []string {
	if r == nil {
		return nil
	}
	owner := token.Fold(r.Owner)
	var b strings.Builder
	b.Grow(textAt + len(owner) + 1 + len(r.Name))
	b.WriteString(hexTime(latest - millis(r.CreatedAt)))
	b.WriteString(r.ID)
	status := statusLetter(r.Status)
	b.WriteByte(status)
	b.WriteString(hexTime(millis(r.NotBefore)))
	b.WriteString(hexTime(millis(r.ExpiresAt)))
	b.WriteString(owner)
	b.WriteByte(0) // owners and names contain no control characters
	b.WriteString(token.Fold(r.Name))
	row := b.String()

	entries := []string{listAll + row, listOwner + owner + "\x00" + row}
	if status != 'a' {
		entries = append(entries, string(status)+row)
	}
	if !r.VanishesAt.IsZero() {
		entries = append(entries, listVanishing+hexTime(millis(r.VanishesAt))+row)
	}
	return entries
}

// EntriesBeside returns all index entries of a record, given its entry in the list
// of all records. It is for records that cannot be decoded.
func EntriesBeside(entry string) []string {
	row, ok := strings.CutPrefix(entry, listAll)
	if !ok || len(row) < textAt {
		return nil
	}
	owner, _, _ := strings.Cut(row[textAt:], "\x00")
	entries := []string{entry, listOwner + owner + "\x00" + row}
	if status := row[statusAt]; status != 'a' {
		entries = append(entries, string(status)+row)
	}
	return entries
}

// statusLetter treats unknown statuses as revoked, as token.StateAt does.
func statusLetter(s token.Status) byte {
	switch s {
	case token.StatusActive:
		return 'a'
	case token.StatusDisabled:
		return 'd'
	case token.StatusPending:
		return 'p'
	}
	return 'r'
}

// Scan describes how to find the records of a list in an index: iterate over the
// entries from Start up to but not including End, in byte order, and take those
// that match.
type Scan struct {
	// Start is a lower bound of the page's entries. It need not exist.
	Start string
	// End is greater than all entries of the list.
	End string

	query *Query
	row   int // offset of the row in an entry, after the list's name
	now   string
	text  string // folded
}

// Scan returns the scan that finds the query's records, or ErrBadCursor.
func (q *Query) Scan() (Scan, error) {
	list := listAll
	switch {
	case q.Owner != "":
		list = listOwner + token.Fold(q.Owner) + "\x00"
	case q.State == token.StateDisabled:
		list = listDisabled
	case q.State == token.StatePending:
		list = listPending
	case q.State == token.StateRevoked:
		list = listRevoked
	}
	s := Scan{
		Start: list, End: list + "\xff", query: q, row: len(list),
		now: hexTime(millis(q.Now)), text: token.Fold(q.Search),
	}
	if !q.Sort.IsDefault() {
		return Scan{}, ErrUnsorted
	}
	until := q.Unused.Until
	if !q.Created.Until.IsZero() && (until.IsZero() || q.Created.Until.Before(until)) {
		until = q.Created.Until
	}
	if !until.IsZero() {
		s.Start += hexTime(latest - millis(until)) // newer tokens come before that
	}
	if !q.Created.After.IsZero() {
		s.End = list + hexTime(latest-millis(q.Created.After)) + "\xff"
	}
	if q.Cursor != "" {
		if !validKey(q.Cursor) {
			return Scan{}, fmt.Errorf("cursor %q: %w", q.Cursor, ErrBadCursor)
		}
		s.Start = max(s.Start, list+q.Cursor+"\xff") // after every entry of this key
	}
	return s, nil
}

// Match reports whether the entry's record may match the query. Query.Match decides
// on the record itself.
func (s *Scan) Match(entry string) bool {
	if len(entry) < s.row+textAt {
		return false // not from IndexEntries
	}
	row := entry[s.row:]
	if s.query.State != token.StateDamaged && !s.query.InState(s.stateOf(row)) || !validKey(row[:keyLength]) {
		return false
	}
	if len(s.query.Expires) > 0 && !s.query.expiresWithin(timeOf(row[expiresAt:textAt])) {
		return false
	}
	if !s.query.Created.IsZero() && !s.query.Created.Contains(time.UnixMilli(latest-milliseconds(row[:timeLength]))) {
		return false
	}
	return s.text == "" || strings.Contains(row[textAt:], s.text) ||
		strings.Contains(row[timeLength:keyLength], s.query.Search)
}

// MatchUse reports whether a token that was last used at this time, or never if it is
// zero, belongs in the list, given its matching entry.
func (s *Scan) MatchUse(entry string, lastUse time.Time) bool {
	row := entry[s.row:]
	created := time.UnixMilli(latest - milliseconds(row[:timeLength]))
	return s.query.MatchUse(created, timeOf(row[notBeforeAt:expiresAt]), lastUse)
}

// stateOf is token.StateAt for a row, whose times sort as text.
func (s *Scan) stateOf(row string) token.State {
	expires := row[expiresAt:textAt]
	switch {
	case row[statusAt] == 'r':
		return token.StateRevoked
	case row[statusAt] == 'd':
		return token.StateDisabled
	case expires != noTime && s.now >= expires:
		return token.StateExpired
	case row[statusAt] == 'p':
		return token.StatePending
	case s.now < row[notBeforeAt:expiresAt]:
		return token.StateNotYetValid
	}
	return token.StateActive
}

// Tally counts index entries of tokens that work and expire within some time. It leaves
// out tokens that were exchanged for JWTs: all of them expire soon.
type Tally struct {
	all, vanishing Scan
	within         []time.Time
	counts         []int
}

// NewTally returns a tally of tokens that expire between now and within, for each of
// within.
func NewTally(now time.Time, within []time.Duration) *Tally {
	t := &Tally{counts: make([]int, len(within))}
	longest := now
	for _, d := range within {
		t.within = append(t.within, now.Add(d))
		longest = later(longest, now.Add(d))
	}
	query := &Query{Now: now, Expires: []Span{{After: now, Until: longest}}}
	t.all, _ = query.Scan() // fails only for a cursor
	t.vanishing = t.all
	t.vanishing.Start, t.vanishing.End = listVanishing, listVanishing+"\xff"
	t.vanishing.row = len(listVanishing) + timeLength
	return t
}

// Scans returns which parts of the index to pass to Add, entry by entry.
func (t *Tally) Scans() []Scan { return []Scan{t.all, t.vanishing} }

// Add counts an entry. Exchanged tokens are listed among all others, and are those that
// vanish: there they are subtracted.
func (t *Tally) Add(entry string) {
	scan, n := &t.all, 1
	if strings.HasPrefix(entry, listVanishing) {
		scan, n = &t.vanishing, -1
	}
	if !scan.Match(entry) {
		return
	}
	expires := timeOf(entry[scan.row:][expiresAt:textAt])
	for i, until := range t.within {
		if !expires.After(until) {
			t.counts[i] += n
		}
	}
}

// Counts returns the numbers of tokens, one for each of the times.
func (t *Tally) Counts() []int {
	for i := range t.counts {
		t.counts[i] = max(t.counts[i], 0) // the index may have changed between the scans
	}
	return t.counts
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ID returns the id of a matching entry's record.
func (s *Scan) ID(entry string) string {
	return entry[s.row+timeLength : s.row+keyLength]
}

// Cursor returns the cursor of the page that begins after a matching entry.
func (s *Scan) Cursor(entry string) string { return entry[s.row : s.row+keyLength] }

// Key returns the place of a record in lists, newest first: the cursor of what follows it.
func Key(created time.Time, id string) string { return hexTime(latest-millis(created)) + id }

// ParseKey parses what Key returns. The time has a precision of milliseconds.
func ParseKey(key string) (created time.Time, id string, ok bool) {
	if !validKey(key) {
		return time.Time{}, "", false
	}
	return time.UnixMilli(latest - milliseconds(key[:timeLength])), key[timeLength:], true
}

func validKey(s string) bool {
	if len(s) != keyLength || !token.ValidID(s[timeLength:]) {
		return false
	}
	for i := range timeLength {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// latest is the latest time that an entry can hold, some 8,900 years after 1970.
const latest int64 = 1<<(4*timeLength) - 1

// millis returns t in milliseconds, the precision of the index, or 0 for the zero
// time. Times that an entry cannot hold become the nearest one that it can. Nothing
// is lost, because the times that filters use are whole seconds.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return min(max(t.UnixMilli(), 1), latest)
}

// timeOf returns the time in an entry, or the zero time if there is none.
func timeOf(digits string) time.Time {
	if digits == noTime {
		return time.Time{}
	}
	return time.UnixMilli(milliseconds(digits))
}

// milliseconds returns what hexTime was given, or 0 if the digits are not its result.
func milliseconds(digits string) int64 {
	ms, err := strconv.ParseInt(digits, 16, 64)
	if err != nil {
		return 0
	}
	return ms
}

func hexTime(ms int64) string {
	const digits = "0123456789abcdef"
	var b [timeLength]byte
	for i := timeLength - 1; i >= 0; i-- {
		b[i] = digits[ms&15]
		ms >>= 4
	}
	return string(b[:])
}
