package storagetest

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// mirrored is a watcher that keeps a mirror current.
type mirrored struct {
	Heard
	*storage.Mirror
}

func (m mirrored) Restored() {
	m.Mirror.Restored()
	m.Heard.Restored()
}

// testMirror checks that a mirror follows the store: what others change reaches it
// without a call.
func testMirror(t *testing.T, s storage.Store) {
	applyDocuments(t, s, documentChange("group", "early", 0, "1"))
	mirror := storage.NewMirror(s, "group", storage.CacheOptions{TTL: time.Hour, ReadTimeout: patience})
	seen := make(chan storage.Mirrored, 1000)
	defer mirror.Subscribe(func(documents storage.Mirrored) { seen <- documents })()
	go mirror.Run(t.Context())
	watcher := mirrored{make(Heard, 100), mirror}
	go s.Watch(t.Context(), watcher)
	watcher.Want(t, "restored")

	wait := func(want string) {
		t.Helper()
		for end := time.After(patience); ; {
			select {
			case got := <-seen:
				if text := summary(got); text == want {
					return
				}
			case <-end:
				t.Fatalf("the mirror never had %s", want)
			}
		}
	}
	wait("early:1=1")
	applyDocuments(t, s, documentChange("group", "b i", 0, "1"), documentChange("account", "a", 0, "1"))
	wait("b i:1=1 early:1=1")
	applyDocuments(t, s, documentChange("group", "b i", 1, "2"))
	wait("b i:2=2 early:1=1")
	applyDocuments(t, s, documentChange("group", "early", 1, ""))
	wait("b i:2=2")
	// Created again, it has the version that it had before.
	applyDocuments(t, s, documentChange("group", "b i", 2, ""), documentChange("group", "b i", 0, "1"), documentChange("group", "b i", 1, "3"))
	wait("b i:2=3")

	// A node sees its own change at once.
	applyDocuments(t, s, documentChange("group", "own", 0, "1"))
	if err := mirror.Refresh(t.Context(), "own"); err != nil {
		t.Fatal(err)
	}
	if now, _ := mirror.Documents(); summary(now) != "b i:2=3 own:1=1" {
		t.Errorf("after Refresh: %s", summary(now))
	}
}

func summary(documents storage.Mirrored) (text string) {
	for _, id := range slices.Sorted(maps.Keys(documents)) {
		if text != "" {
			text += " "
		}
		text += fmt.Sprintf("%s:%d=%s", id, documents[id].Version, documents[id].Data)
	}
	return text
}
