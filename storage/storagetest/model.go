package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// testModel applies random operations to a store and to a simple model of one, and
// checks that both give the same results.
func testModel(t *testing.T, open func(t *testing.T) storage.Store) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{t: t, rt: rt, store: open(t), records: make(map[string]*token.Record)}
		rt.Repeat(map[string]func(*rapid.T){
			"create": m.create,
			"update": m.update,
			"delete": m.delete,
			"stale":  m.stale,
			"get":    m.get,
			"list":   m.list,
			"events": m.events,
		})
	})
}

type model struct {
	t       *testing.T
	rt      *rapid.T
	store   storage.Store
	records map[string]*token.Record
	old     []*token.Record // versions that have been replaced
	trail   []string
}

var (
	owners   = rapid.SampledFrom([]string{"anna", "Anna", "bert", "bert2", "Ωmega", "ωmega", "a b"})
	names    = rapid.SampledFrom([]string{"ci", "CI build", "wallboard", "Prüfung", "x"})
	statuses = rapid.SampledFrom([]token.Status{token.StatusActive, token.StatusActive, token.StatusPending, token.StatusDisabled, token.StatusRevoked})
)

// moment returns the zero time or one of a few seconds around the epoch.
func moment(rt *rapid.T, label string) time.Time {
	if n := rapid.IntRange(-3, 3).Draw(rt, label); n != 0 {
		return epoch.Add(time.Duration(n) * time.Second)
	}
	return time.Time{}
}

func (m *model) edit(rt *rapid.T) func(r *token.Record) {
	return func(r *token.Record) {
		r.Owner, r.Name = owners.Draw(rt, "owner"), names.Draw(rt, "name")
		r.Status = statuses.Draw(rt, "status")
		r.NotBefore, r.ExpiresAt = moment(rt, "not before"), moment(rt, "expires")
		if !r.ExpiresAt.IsZero() && !r.ExpiresAt.After(r.NotBefore) {
			r.NotBefore = time.Time{} // Record.Check rejects such records
		}
	}
}

func (m *model) apply(c storage.Change) {
	if err := m.store.Apply(m.t.Context(), c); err != nil {
		m.rt.Fatalf("%s %s: %v", c.Event.Action, c.ID(), err)
	}
	if c.Old != nil {
		m.old = append(m.old, c.Old)
	}
	if c.New == nil {
		delete(m.records, c.ID())
	} else {
		m.records[c.ID()] = c.New
	}
	m.trail = append(m.trail, c.Event.Action+" "+c.ID())
}

func (m *model) pick(rt *rapid.T) *token.Record {
	if len(m.records) == 0 {
		rt.Skip("no records")
	}
	return m.records[rapid.SampledFrom(slices.Sorted(maps.Keys(m.records))).Draw(rt, "id")]
}

func (m *model) create(rt *rapid.T) {
	r := NewRecord(rapid.IntRange(0, 5).Draw(rt, "second"), "", "")
	r.ID = fmt.Sprintf("id%08d", rapid.IntRange(0, 99999999).Draw(rt, "id"))
	m.edit(rt)(r)
	if m.records[r.ID] != nil {
		rt.Skip("id is taken")
	}
	m.apply(Create(r))
}

func (m *model) update(rt *rapid.T) { m.apply(Update(m.pick(rt), m.edit(rt))) }

func (m *model) delete(rt *rapid.T) { m.apply(Delete(m.pick(rt))) }

func (m *model) stale(rt *rapid.T) {
	if len(m.old) == 0 {
		rt.Skip("no old versions")
	}
	r := rapid.SampledFrom(m.old).Draw(rt, "old")
	if current := m.records[r.ID]; current != nil && current.Version == r.Version {
		rt.Skip("deleted and created again, so no longer old")
	}
	wantError(rt, m.store.Apply(m.t.Context(), Update(r, m.edit(rt))), storage.ErrConflict)
}

func (m *model) get(rt *rapid.T) {
	for _, want := range m.records {
		got, err := m.store.Get(m.t.Context(), want.ID)
		if err != nil || asJSON(m.t, got) != asJSON(m.t, want) {
			rt.Fatalf("get %s: %v, %v; want %v", want.ID, got, err, want)
		}
	}
	for _, r := range m.old {
		if m.records[r.ID] == nil {
			_, err := m.store.Get(m.t.Context(), r.ID)
			wantError(rt, err, storage.ErrNotFound)
		}
	}
}

func (m *model) list(rt *rapid.T) {
	q := storage.Query{Now: epoch.Add(time.Duration(rapid.IntRange(-4, 4).Draw(rt, "now")) * time.Second)}
	if rapid.Bool().Draw(rt, "by owner") {
		q.Owner = owners.Draw(rt, "owner")
	}
	if rapid.Bool().Draw(rt, "by state") {
		q.State = rapid.SampledFrom(token.States()).Draw(rt, "state")
	}
	if rapid.Bool().Draw(rt, "by text") {
		q.Search = rapid.SampledFrom([]string{"an", "ci", "BOARD", "ü", "Ω", "id0", "zzz"}).Draw(rt, "text")
	}
	if rapid.Bool().Draw(rt, "by expiry") {
		from := epoch.Add(time.Duration(rapid.IntRange(-4, 4).Draw(rt, "from")) * time.Second)
		q.Expires = []storage.Span{{After: from, Until: from.Add(2 * time.Second)}}
	}
	q.Limit = rapid.IntRange(1, 5).Draw(rt, "limit")

	want := []string{}
	for _, r := range slices.SortedFunc(maps.Values(m.records), newestFirst) {
		if matches(q, r) {
			want = append(want, r.ID)
		}
	}
	if got := listAll(m.t, m.store, q); !slices.Equal(got, want) {
		rt.Fatalf("%+v:\n got %v\nwant %v", q, got, want)
	}
}

func (m *model) events(rt *rapid.T) {
	limit := rapid.IntRange(1, 7).Draw(rt, "limit")
	got, _ := readEvents(m.t, m.store, storage.EventQuery{Limit: limit})
	if !slices.Equal(described(got), m.trail) {
		rt.Fatalf("trail:\n got %v\nwant %v", described(got), m.trail)
	}
	if len(m.trail) == 0 {
		return
	}
	_, id, _ := strings.Cut(rapid.SampledFrom(m.trail).Draw(rt, "event"), " ")
	var want []string
	for _, e := range m.trail {
		if strings.HasSuffix(e, id) {
			want = append(want, e)
		}
	}
	got, _ = readEvents(m.t, m.store, storage.EventQuery{TokenID: id, Limit: limit})
	if !slices.Equal(described(got), want) {
		rt.Fatalf("trail of %s:\n got %v\nwant %v", id, described(got), want)
	}
}
