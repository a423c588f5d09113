package catalog

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// filter finds the rows whose records may match a query. It rules out none that does.
type filter struct {
	query *storage.Query
	now   int64
	// states are those that are wanted.
	states state
	// every is set if tokens in any state match, but for those that WithoutEnded leaves out.
	every bool
	// judged is set if suspended must be as given.
	judged, suspended bool
	owner             string // with NUL
	text              string // folded
	id                string
	mayBeID           bool // whether an id can contain it
	textPairs         pairs
	idPairs           pairs
	created, used     span
	unused            span
	expires           []span
	readsUses         bool
	profiles          []*profile
	// kinds says for each profile whether it matches: 0 if that has not been checked, 1 if
	// it does, 2 if it does not.
	kinds []uint8
}

// span is a storage.Span in milliseconds, rounded so that it is never shorter.
type span struct {
	set          bool
	after, until int64
}

func newSpan(s storage.Span) span {
	if s.IsZero() {
		return span{}
	}
	ms := span{set: true, after: math.MinInt64, until: s.Until.UnixMilli()}
	if !s.After.IsZero() {
		ms.after = s.After.UnixMilli()
	}
	if s.Until.IsZero() {
		ms.until = math.MaxInt64
	}
	return ms
}

func (s span) has(t int64) bool { return t >= s.after && t <= s.until }

// newFilter returns the filter of a query. The caller holds the lock while it is used.
func (c *Catalog) newFilter(q *storage.Query) *filter {
	f := &filter{
		query: q, now: q.Now.UnixMilli(), profiles: c.profiles, kinds: make([]uint8, len(c.profiles)),
		text: token.Fold(q.Search), id: q.Search, created: newSpan(q.Created), used: newSpan(q.Used), unused: newSpan(q.Unused),
		judged: q.Judge != nil && (q.State == token.StateActive || q.State == token.StateSuspended), suspended: q.State == token.StateSuspended,
	}
	for bit, state := range states {
		if bit != isSuspended && q.InState(state) {
			f.states |= bit
		}
	}
	f.every = q.State == "" && !q.Alive && len(q.Expires) == 0 && q.Unused.IsZero() && !q.NeverUsed
	f.readsUses = q.ReadsUses()
	if q.Owner != "" {
		f.owner = token.Fold(q.Owner) + "\x00"
	}
	f.mayBeID = len(f.id) <= idLength && strings.IndexFunc(f.id, func(c rune) bool { return !isBase62(c) }) < 0
	f.textPairs.add(f.text)
	f.idPairs.add(f.id)
	for _, s := range q.Expires {
		f.expires = append(f.expires, newSpan(s))
	}
	return f
}

// match reports whether a row's record may match.
func (f *filter) match(r *row) bool {
	return f.matchProfile(r) && f.matchTimes(r) && f.matchState(r) && f.matchSearch(r)
}

func (f *filter) matchSearch(r *row) bool {
	if f.owner != "" && !strings.HasPrefix(r.text, f.owner) {
		return false
	}
	if f.id == "" {
		return true
	}
	return r.pairs.has(f.textPairs) && strings.Contains(r.text, f.text) ||
		f.mayBeID && r.pairs.has(f.idPairs) && strings.Contains(string(r.id[:]), f.id)
}

func isBase62(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (f *filter) matchProfile(r *row) bool {
	if f.kinds[r.profile] == 0 {
		f.kinds[r.profile] = 2
		if f.query.MatchKind(&f.profiles[r.profile].record) {
			f.kinds[r.profile] = 1
		}
	}
	return f.kinds[r.profile] == 1
}

func (f *filter) matchTimes(r *row) bool {
	if f.created.set && !f.created.has(r.created) {
		return false
	}
	if len(f.expires) > 0 && (r.expires == 0 || !slices.ContainsFunc(f.expires, func(s span) bool { return s.has(r.expires) })) {
		return false
	}
	if !f.readsUses {
		return true
	}
	used := usedAt(r)
	if f.query.NeverUsed && used != 0 || f.used.set && (used == 0 || !f.used.has(used)) {
		return false
	}
	return !f.unused.set || f.unused.has(max(r.created, r.notBefore, used))
}

// usedAt returns when the token was last used in milliseconds, or 0.
func usedAt(r *row) int64 { return int64(r.used) * time.Minute.Milliseconds() }

func (f *filter) matchState(r *row) bool {
	if r.isGone(f.now) {
		return false
	}
	if f.every {
		ended := r.expires != 0 && f.now >= r.expires
		return !f.query.WithoutEnded || !ended || !f.profiles[r.profile].exchanged
	}
	if f.states&r.state(f.now) == 0 {
		return false
	}
	return !f.judged || r.suspended == f.suspended
}

// place is the place of a row in an order: by the number, then by the text, then newest
// first.
type place struct {
	number int64
	text   string
	row    *row
}

// order is an order of rows.
type order struct {
	by storage.Sort
	// number or text returns what the rows are ordered by.
	number   func(*row) int64
	text     func(*row) string
	reversed bool
}

func orderOf(sort storage.Sort) order {
	by, reversed := strings.CutPrefix(string(sort), "-")
	o := order{by: storage.Sort(by), reversed: reversed}
	switch o.by {
	case storage.SortExpires:
		o.number = func(r *row) int64 {
			if r.expires == 0 {
				return math.MaxInt64
			}
			return r.expires
		}
	case storage.SortUsed:
		o.number = func(r *row) int64 {
			if r.used == 0 {
				return math.MaxInt64
			}
			return -int64(r.used)
		}
	case storage.SortOwner:
		o.text = func(r *row) string { return r.text }
	case storage.SortName:
		o.text = func(r *row) string { return r.text[strings.IndexByte(r.text, 0)+1:] }
	default:
		o.number = func(r *row) int64 { return -r.created }
	}
	return o
}

// placeOf returns the place of a row.
func (o *order) placeOf(r *row) place {
	if o.text != nil {
		return place{text: o.text(r), row: r}
	}
	return place{number: o.number(r), row: r}
}

func (o *order) compare(a, b *place) int {
	var order int
	switch {
	case a.number < b.number:
		order = -1
	case a.number > b.number:
		order = 1
	default:
		if order = strings.Compare(a.text, b.text); order == 0 && o.text != nil {
			order = strings.Compare(a.row.text, b.row.text)
		}
	}
	if o.reversed {
		order = -order
	}
	if order == 0 {
		return a.row.compare(b.row)
	}
	return order
}

// isBehind reports whether a row comes after a place, as far as that shows without looking
// at the row's texts.
func (o *order) isBehind(r *row, p *place) bool {
	if o.number == nil {
		return false
	}
	if o.reversed {
		return o.number(r) < p.number
	}
	return o.number(r) > p.number
}

// cursor returns the cursor of what follows a place.
func (o *order) cursor(sort storage.Sort, p place) string {
	key := storage.Key(timeOf(p.row.created), string(p.row.id[:]))
	if sort.IsDefault() {
		return key // as in the stores, which can continue the list
	}
	value := p.row.text
	if o.text == nil {
		value = strconv.FormatInt(p.number, 10)
	}
	return string(sort) + "." + base64.RawURLEncoding.EncodeToString([]byte(value)) + "." + key
}

// parseCursor returns the place to continue after, or nil for an empty cursor.
func (o *order) parseCursor(sort storage.Sort, cursor string) (*place, error) {
	if cursor == "" {
		return nil, nil
	}
	bad := fmt.Errorf("cursor %q: %w", cursor, storage.ErrBadCursor)
	key, value := cursor, []byte(nil)
	if !sort.IsDefault() {
		parts := strings.Split(cursor, ".")
		if len(parts) != 3 || parts[0] != string(sort) {
			return nil, bad
		}
		var err error
		if value, err = base64.RawURLEncoding.DecodeString(parts[1]); err != nil {
			return nil, bad
		}
		key = parts[2]
	}
	created, id, ok := storage.ParseKey(key)
	if !ok {
		return nil, bad
	}
	after := &row{created: millis(created)}
	copy(after.id[:], id)
	p := &place{row: after}
	switch {
	case sort.IsDefault():
		p.number = -after.created
	case o.text != nil && bytes.IndexByte(value, 0) < 0:
		return nil, bad
	case o.text != nil:
		after.text = string(value)
		p.text = o.text(after)
	default:
		number, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return nil, bad
		}
		p.number = number
	}
	return p, nil
}
