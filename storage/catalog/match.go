package catalog

import (
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
	states map[token.State]bool
	// judged is set if suspended must be as given.
	judged, suspended bool
	owner             string // with NUL
	text              string // folded
	id                string
	textPairs         pairs
	idPairs           pairs
	created, used     span
	unused            span
	expires           []span
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
		query: q, now: q.Now.UnixMilli(), states: make(map[token.State]bool), profiles: c.profiles, kinds: make([]uint8, len(c.profiles)),
		text: token.Fold(q.Search), id: q.Search, created: newSpan(q.Created), used: newSpan(q.Used), unused: newSpan(q.Unused),
		judged: q.Judge != nil && (q.State == token.StateActive || q.State == token.StateSuspended), suspended: q.State == token.StateSuspended,
	}
	for _, state := range token.States() {
		f.states[state] = q.InState(state)
	}
	if q.Owner != "" {
		f.owner = token.Fold(q.Owner) + "\x00"
	}
	f.textPairs.add(f.text)
	f.idPairs.add(f.id)
	for _, s := range q.Expires {
		f.expires = append(f.expires, newSpan(s))
	}
	return f
}

// match reports whether a row's record may match.
func (f *filter) match(r *row) bool {
	return f.matchSearch(r) && f.matchProfile(r) && f.matchTimes(r) && f.matchState(r)
}

func (f *filter) matchSearch(r *row) bool {
	if f.owner != "" && !strings.HasPrefix(r.text, f.owner) {
		return false
	}
	if f.id == "" {
		return true
	}
	return r.pairs.has(f.textPairs) && strings.Contains(r.text, f.text) ||
		r.pairs.has(f.idPairs) && strings.Contains(string(r.id[:]), f.id)
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
	if !f.query.ReadsUses() {
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
	if f.query.State == "" && len(f.expires) == 0 && !f.unused.set {
		ended := r.expires != 0 && f.now >= r.expires
		return !f.query.WithoutEnded || !ended || !f.profiles[r.profile].exchanged
	}
	if !f.states[r.state(f.now)] {
		return false
	}
	return !f.judged || r.suspended == f.suspended
}

// place is the place of a row in an order: of the number, then of the text, then newest
// first.
type place struct {
	number int64
	text   string
	row    *row
}

// order compares places of rows.
type order struct {
	by       storage.Sort
	reversed bool
}

func orderOf(sort storage.Sort) order {
	by, reversed := strings.CutPrefix(string(sort), "-")
	return order{storage.Sort(by), reversed}
}

// placeOf returns the place of a row.
func (o order) placeOf(r *row) place {
	p := place{row: r}
	switch o.by {
	case storage.SortExpires:
		if p.number = r.expires; p.number == 0 {
			p.number = math.MaxInt64
		}
	case storage.SortUsed:
		if p.number = -int64(r.used); p.number == 0 {
			p.number = math.MaxInt64
		}
	case storage.SortOwner:
		p.text = r.text
	case storage.SortName:
		owner, name, _ := strings.Cut(r.text, "\x00")
		p.text = name + "\x00" + owner
	default:
		p.number = -r.created
	}
	return p
}

func (o order) compare(a, b *place) int {
	order := 0
	switch {
	case a.number < b.number:
		order = -1
	case a.number > b.number:
		order = 1
	default:
		order = strings.Compare(a.text, b.text)
	}
	if o.reversed {
		order = -order
	}
	if order == 0 {
		return a.row.compare(b.row)
	}
	return order
}

// cursor returns the cursor of what follows a place.
func (o order) cursor(sort storage.Sort, p place) string {
	key := storage.Key(timeOf(p.row.created), string(p.row.id[:]))
	if sort.IsDefault() {
		return key // as in the stores, which can continue the list
	}
	value := p.text
	if value == "" {
		value = strconv.FormatInt(p.number, 10)
	}
	return string(sort) + "." + base64.RawURLEncoding.EncodeToString([]byte(value)) + "." + key
}

// parseCursor returns the place to continue after, or nil for an empty cursor.
func (o order) parseCursor(sort storage.Sort, cursor string) (*place, error) {
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
	case o.by == storage.SortOwner || o.by == storage.SortName:
		p.text = string(value)
	default:
		number, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return nil, bad
		}
		p.number = number
	}
	return p, nil
}
