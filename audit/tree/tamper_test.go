package tree

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// nextID returns an ID between that of an entry and those of later ones.
func nextID(t testing.TB, e entry) string {
	t.Helper()
	id, err := storage.ParseEventID(e.id)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(e.id, "-00") { // a key of the file store
		return storage.EventID{Millis: id.Millis, Seq: id.Seq + 1000}.Key()
	}
	return storage.EventID{Millis: id.Millis, Seq: id.Seq + 1000}.String()
}

// spread gives the events IDs that leave room for others in between. Their JSON keeps
// an empty ID, as Redis stores it.
func spread(m image) image {
	m = m.clone()
	for i := range m.events {
		id := storage.EventID{Millis: int64(1000 + i)}
		key := id.String()
		if strings.Contains(m.events[i].id, "-00") {
			key = id.Key()
		}
		_, rest, _ := strings.Cut(m.events[i].data, `,"at"`)
		m.events[i] = entry{key, fmt.Sprintf(`{"seq":%d,"id":"","at"%s`, i+1, rest)}
	}
	return m
}

// tamperings are ways to change a trail of 700 events, all of which are in the tree,
// behind the gateway's back, and what is found. A gateway with the same memory verifies.
var tamperings = []struct {
	name   string
	tamper func(t testing.TB, m *image)
	want   string
}{
	{"nothing", func(testing.TB, *image) {}, ""},
	{"one letter", func(_ testing.TB, m *image) {
		m.events[4].data = strings.Replace(m.events[4].data, "anna", "Anna", 1)
	}, "changed 5"},
	{"a space", func(_ testing.TB, m *image) { m.events[299].data += " " }, "changed 300"},
	{"no JSON", func(_ testing.TB, m *image) { m.events[299].data = "{]\n" }, "changed 300"},
	{"the first and the last event", func(_ testing.TB, m *image) {
		m.events[0].data = strings.Replace(m.events[0].data, "anna", "bert", 1)
		m.events[699].data = strings.Replace(m.events[699].data, "anna", "bert", 1)
	}, "changed 1, changed 700"},
	{"an event is deleted", func(_ testing.TB, m *image) { m.events = slices.Delete(m.events, 99, 100) }, "missing 100"},
	{"the first events are deleted", func(_ testing.TB, m *image) { m.events = m.events[10:] }, "missing 1-10"},
	{"as if they were old", func(_ testing.TB, m *image) {
		m.events = m.events[300:]
		m.tree[storage.TreeRemoved] = "300"
	}, "missing 1-300"},
	{"as if they were old, with an event about it", func(t testing.TB, m *image) {
		last := m.events[len(m.events)-1]
		m.events = append(m.events[300:], entry{nextID(t, last), `{"seq":701,"id":"","at":"2026-03-01T12:00:00Z","action":"audit_trimmed",` +
			`"actor":{"kind":"system","name":"node"},"changes":[{"field":"removed_through","old":0,"new":300}]}`})
		m.tree[storage.TreeRemoved], m.sequence = "300", 701
	}, "missing 1-300"},
	{"as if they were old, with a removal that another key has signed", func(t testing.TB, m *image) {
		m.events = m.events[300:]
		m.tree[storage.TreeRemoved], m.tree[valueRemoval] = "300", string(foreign(t, m.tree[storage.TreeHead]))
	}, "missing 1-300"},
	{"as if they were old, with a signed checkpoint that removes nothing", func(_ testing.TB, m *image) {
		m.events = m.events[300:]
		m.tree[storage.TreeRemoved], m.tree[valueRemoval] = "300", m.tree[checkpointName(500)]
	}, "missing 1-300"},
	{"the last events are deleted", func(_ testing.TB, m *image) { m.events = m.events[:600] }, "missing 601-700"},
	{"all but one are deleted", func(_ testing.TB, m *image) { m.events = m.events[500:501] }, "missing 1-500, missing 502-700"},
	{"two are swapped", func(_ testing.TB, m *image) {
		m.events[9].data, m.events[10].data = m.events[10].data, m.events[9].data
	}, "changed 10, changed 11"},
	{"one is moved", func(_ testing.TB, m *image) {
		moved := m.events[9].data
		m.events[9].data, m.events[10].data = m.events[10].data, m.events[11].data
		m.events[11].data = moved
	}, "changed 10, changed 11, changed 12"},
	{"one is replaced by a copy of another", func(_ testing.TB, m *image) { m.events[9].data = m.events[300].data }, "changed 10"},
	{"one is inserted", func(t testing.TB, m *image) {
		forged := entry{nextID(t, m.events[9]), `{"id":"","action":"approve"}`}
		m.events = slices.Insert(m.events, 10, forged)
	}, "extra 11"},
	{"one is inserted with a number", func(t testing.TB, m *image) {
		forged := entry{nextID(t, m.events[9]), `{"seq":11,"id":"","action":"approve"}`}
		m.events = slices.Insert(m.events, 10, forged)
	}, "extra 11"},
	{"a number is changed", func(_ testing.TB, m *image) {
		m.events[9].data = strings.Replace(m.events[9].data, `{"seq":10,`, `{"seq":650,`, 1)
	}, "changed 10"},
	{"a number is changed to a lower one", func(_ testing.TB, m *image) {
		m.events[9].data = strings.Replace(m.events[9].data, `{"seq":10,`, `{"seq":3,`, 1)
	}, "changed 10"},
	{"an event and its hash are changed", func(_ testing.TB, m *image) {
		m.events[4].data = strings.Replace(m.events[4].data, "anna", "Anna", 1)
		rehash(m, 4)
	}, "tree 1-500"},
	{"an event and its hash are changed, after a checkpoint", func(_ testing.TB, m *image) {
		m.events[505].data = strings.Replace(m.events[505].data, "anna", "Anna", 1)
		rehash(m, 505)
	}, "tree 501-700"},
	{"the newest event and its hash are changed", func(_ testing.TB, m *image) {
		m.events[699].data = strings.Replace(m.events[699].data, "anna", "Anna", 1)
		rehash(m, 699)
	}, "lost 701"},
	{"a tile is deleted", func(_ testing.TB, m *image) { delete(m.tree, tileName(0, 0)) }, "tree 1-256"},
	{"the last tile is deleted: it is made again", func(_ testing.TB, m *image) { delete(m.tree, tileName(0, 2)) }, ""},
	{"the last tile is cut off: it is made again", func(_ testing.TB, m *image) {
		m.tree[tileName(0, 2)] = m.tree[tileName(0, 2)][:100]
	}, ""},
	{"a tile of the second level is changed: it is made again", func(_ testing.TB, m *image) { m.tree[tileName(1, 0)] = strings.Repeat("x", 64) }, ""},
	{"the tree is deleted: it is made again", func(_ testing.TB, m *image) { clear(m.tree) }, ""},
	{"the checkpoint is deleted: it is made again", func(_ testing.TB, m *image) { delete(m.tree, storage.TreeHead) }, ""},
	{"the checkpoint is cut off: it is made again", func(_ testing.TB, m *image) { m.tree[storage.TreeHead] = m.tree[storage.TreeHead][:50] }, ""},
	{"the checkpoint is signed by somebody else: it is made again", func(t testing.TB, m *image) {
		m.tree[storage.TreeHead] = string(foreign(t, m.tree[storage.TreeHead]))
	}, ""},
	{"the tree is deleted and an event is changed", func(_ testing.TB, m *image) {
		clear(m.tree)
		m.events[4].data = strings.Replace(m.events[4].data, "anna", "Anna", 1)
	}, "lost 701"},
	{"everything is deleted", func(_ testing.TB, m *image) { *m = image{} }, "lost 1"},
}

// rehash makes the hash of an event in its tile that of the event now.
func rehash(m *image, index int) {
	name := tileName(0, int64(index/tileWidth))
	tile := []byte(m.tree[name])
	id, _ := storage.ParseEventID(m.events[index].id)
	hash := tlog.RecordHash(storage.RawData(id.String(), []byte(m.events[index].data)))
	copy(tile[index%tileWidth*tlog.HashSize:], hash[:])
	m.tree[name] = string(tile)
}

// foreign returns a checkpoint with the signature of another key.
func foreign(t testing.TB, note string) []byte {
	t.Helper()
	signed, err := proof.Open([]byte(note), nil)
	if signed.Size == 0 {
		t.Fatal(err)
	}
	_, verifier, err := GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(verifier, "+")
	other := Key{seed: []byte(strings.Repeat("x", 32)), name: name}
	signer, err := other.signer(signed.Origin)
	if err != nil {
		t.Fatal(err)
	}
	signed.Removal, signed.Loss = new(proof.Removal), &proof.Loss{Known: signed.Size, Cause: proof.CauseFailover}
	forged, err := signed.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	return forged
}

func TestTampering(t *testing.T) {
	eachBacking(t, func(t *testing.T, b backing) {
		first := b.open(t)
		addEvents(t, first, 700)
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		b.write(t, spread(b.read(t)))

		keep := newKeep()
		s := b.open(t)
		l, _ := newLog(s, keep)
		integrateTo(t, l, 500)
		signed := integrate(t, l)
		if signed.Size != 700 {
			t.Fatalf("the tree has %d events", signed.Size)
		}
		l.flush(t.Context())
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		original := b.read(t)
		for _, test := range tamperings {
			t.Run(test.name, func(t *testing.T) {
				m := original.clone()
				test.tamper(t, &m)
				b.write(t, m)
				s := b.open(t)
				kept := &memoryKeep{values: map[string][]byte{}}
				for key, value := range keep.values {
					kept.values[key] = value
				}
				l, logs := newLog(s, kept)
				report := verify(t, l, proof.Options{})
				if got := findings(report); got != test.want {
					t.Errorf("found %q, want %q", got, test.want)
					for _, entry := range logs.All() {
						t.Logf("%.300s", fmt.Sprint(entry.Message, entry.ContextMap()))
					}
				}
				if report.OK != (test.want == "") {
					t.Errorf("OK: %v", report.OK)
				}
				// Whoever has the last checkpoint sees what was done to the tree, too.
				report = verify(t, l, proof.Options{Checkpoints: []proof.Saved{{Name: "F", Note: signed.Note}}})
				if ok := len(report.Matched) == 1 && report.OK; ok != (test.want == "") {
					t.Errorf("with the last checkpoint: %+v", report)
				}
				addEvents(t, s, 3) // nothing stops
				integrate(t, l)
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// integrateTo adds the first events of the store to the tree.
func integrateTo(t testing.TB, l *Log, n int) {
	t.Helper()
	whole := l.store
	l.store = firstEvents{whole.(storage.Store), n}
	integrate(t, l)
	l.store = whole
}

// firstEvents is a store with only its first events.
type firstEvents struct {
	storage.Store
	n int
}

func (f firstEvents) RawEvents(ctx context.Context, after storage.EventID, limit int) ([]storage.RawEvent, error) {
	if after != (storage.EventID{}) {
		return nil, nil
	}
	return f.Store.RawEvents(ctx, after, min(limit, f.n))
}
