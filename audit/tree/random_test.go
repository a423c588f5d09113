package tree

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestAnyTamperingIsFound changes a store at random. Whoever has saved a checkpoint finds
// that out, unless the events are still what they were: then the tree was made again.
func TestAnyTamperingIsFound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, keep := newMemoryStore(), newKeep()
		l, _ := newLog(s, keep)
		addEvents(t, s, rapid.IntRange(2, 600).Draw(rt, "events"))
		integrate(t, l)
		addEvents(t, s, rapid.IntRange(0, 300).Draw(rt, "later events"))
		saved := integrate(t, l)
		_, texts, _ := l.Head(t.Context())
		keys, err := proof.ParseKeys(texts)
		if err != nil {
			rt.Fatal(err)
		}
		l.flush(t.Context())
		original := s.copied()

		for range rapid.IntRange(1, 3).Draw(rt, "changes") {
			if len(s.events) > 0 {
				tamper(rt, s, original)
			}
		}
		same := slices.EqualFunc(s.events, original.events, func(a, b storage.RawEvent) bool {
			return a.ID == b.ID && bytes.Equal(a.Data, b.Data)
		})
		if rapid.Bool().Draw(rt, "another gateway") {
			keep = keep.onlyKey()
		}
		l, _ = newLog(s, keep)
		if rapid.Bool().Draw(rt, "more events") {
			addEvents(t, s, 3)
		}
		var exported bytes.Buffer
		if err := l.Export(t.Context(), &exported); errors.As(err, new(untrustedError)) {
			return // there is no checkpoint to compare with
		} else if err != nil {
			rt.Fatal(err)
		}
		report, err := proof.Verify(&exported, proof.Options{Keys: keys, Checkpoints: []proof.Saved{{Name: "F", Note: saved.Note}}})
		if err != nil {
			rt.Fatal(err)
		}
		if report.OK && !same {
			rt.Fatalf("nothing was found: %+v", report)
		}
		if report.OK && len(report.Matched) != 1 {
			rt.Fatalf("the checkpoint does not match, and nothing is said: %+v", report)
		}
	})
}

// tamper changes one thing in a store.
func tamper(rt *rapid.T, s, original *memoryStore) {
	i := rapid.IntRange(0, len(s.events)-1).Draw(rt, "i")
	j := rapid.IntRange(0, len(s.events)-1).Draw(rt, "j")
	names := make([]string, 0, len(s.tree))
	for name := range s.tree {
		names = append(names, name)
	}
	slices.Sort(names)
	name := rapid.SampledFrom(append(names, "x")).Draw(rt, "value")
	switch rapid.SampledFrom([]string{"edit", "delete", "swap", "insert", "truncate", "copy", "value", "no value", "old", "removed"}).Draw(rt, "change") {
	case "edit":
		at := rapid.IntRange(0, len(s.events[i].Data)-1).Draw(rt, "at")
		s.events[i].Data[at] ^= byte(rapid.IntRange(1, 255).Draw(rt, "byte"))
	case "delete":
		s.events = slices.Delete(s.events, i, i+1)
	case "swap":
		s.events[i].Data, s.events[j].Data = s.events[j].Data, s.events[i].Data
	case "insert":
		insert(s, i, rapid.SampledFrom([]string{`{"id":"","action":"x"}`, `{"seq":7,"id":"","action":"x"}`, "", "{"}).Draw(rt, "data"))
	case "truncate":
		s.events = s.events[:i]
	case "copy":
		s.events[i].Data = bytes.Clone(s.events[j].Data)
	case "value":
		if value := s.tree[name]; len(value) > 0 {
			value[rapid.IntRange(0, len(value)-1).Draw(rt, "at")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "byte"))
		}
	case "no value":
		delete(s.tree, name)
	case "old":
		if value := original.tree[checkpointName(1)]; value != nil {
			s.tree[storage.TreeHead] = bytes.Clone(value)
		}
	case "removed":
		s.tree[storage.TreeRemoved] = []byte("5")
	}
}
