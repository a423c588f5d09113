package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// traffic is a token that one node keeps changing while another reads it and is
// notified of the changes.
type traffic struct {
	t           *testing.T
	here, there storage.Store
	id          string

	// acknowledged is the newest version that the store has acknowledged.
	acknowledged atomic.Uint64
	// distrust allows reads to be older than that, until nodes have had time to notice
	// which server is the primary now.
	distrust atomic.Bool

	mu       sync.Mutex
	versions []uint64 // acknowledged ones
	reads    int      // number of successful reads
	failed   []error  // errors of changes
	heard    int      // number of announced changes
	lost     int
	restored int
}

// startTraffic starts changing, reading and watching, and returns once all work.
func startTraffic(t *testing.T, here, there storage.Store) *traffic {
	t.Helper()
	r := storagetest.NewRecord(1, "anna", "a")
	tr := &traffic{t: t, here: here, there: there, id: r.ID}
	redistest.Eventually(t, "the first change", func() error { return here.Apply(t.Context(), storagetest.Create(r)) })
	tr.acknowledge(r.Version)

	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { tr.change(ctx, r) })
	running.Go(func() { tr.read(ctx) })
	running.Go(func() { here.Watch(ctx, new(deaf)) }) // like every node
	running.Go(func() { there.Watch(ctx, tr) })
	t.Cleanup(func() { cancel(); running.Wait() })
	tr.wantWorking()
	return tr
}

// deaf is a watcher that does nothing.
type deaf struct{}

func (deaf) Changed(string) {}
func (deaf) Lost(error)     {}
func (deaf) Restored()      {}

// Changed implements storage.Watcher.
func (tr *traffic) Changed(id string) {
	if id != tr.id {
		tr.t.Errorf("notified of a change of %q", id)
	}
	tr.count(&tr.heard)
}

// Lost implements storage.Watcher.
func (tr *traffic) Lost(error) { tr.count(&tr.lost) }

// Restored implements storage.Watcher.
func (tr *traffic) Restored() { tr.count(&tr.restored) }

func (tr *traffic) count(n *int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	*n++
}

func (tr *traffic) acknowledge(version uint64) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.versions = append(tr.versions, version)
	tr.acknowledged.Store(version)
}

// change makes one change after the other. If one fails, it checks whether it was made,
// as the error advises.
func (tr *traffic) change(ctx context.Context, r *token.Record) {
	unsure := false
	for ; ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
		if unsure {
			acknowledged := tr.acknowledged.Load()
			now, err := tr.here.Get(ctx, tr.id)
			switch {
			case err == nil && now.Version >= acknowledged:
				r, unsure = now, false
			case err == nil && !tr.distrust.Load():
				tr.t.Errorf("version %d was acknowledged, but the store has %d", acknowledged, now.Version)
				return
			case err != nil && !tr.outage(ctx, err):
				return
			}
			continue
		}
		change := storagetest.Update(r, func(*token.Record) {})
		err := tr.here.Apply(ctx, change)
		if err == nil {
			r = change.New
			tr.acknowledge(r.Version)
			continue
		}
		// What it found after an unconfirmed change may since have been lost with
		// the primary: then it checks again.
		unsure = true
		if errors.Is(err, storage.ErrConflict) && r.Version > tr.acknowledged.Load() {
			continue
		}
		if !tr.outage(ctx, err) {
			return
		}
		tr.mu.Lock()
		tr.failed = append(tr.failed, err)
		tr.mu.Unlock()
	}
}

// read keeps reading, and checks that it sees every acknowledged change.
func (tr *traffic) read(ctx context.Context) {
	for ; ctx.Err() == nil; time.Sleep(2 * time.Millisecond) {
		acknowledged, distrust := tr.acknowledged.Load(), tr.distrust.Load()
		r, err := tr.there.Get(ctx, tr.id)
		switch {
		case err != nil && !tr.outage(ctx, err):
			return
		case err == nil && r.Version < acknowledged && !distrust:
			tr.t.Errorf("read version %d after %d was acknowledged", r.Version, acknowledged)
			return
		case err == nil:
			tr.count(&tr.reads)
		}
	}
}

// outage checks that err is an outage or due to the end of the test.
func (tr *traffic) outage(ctx context.Context, err error) bool {
	if ctx.Err() == nil && (!errors.Is(err, storage.ErrUnavailable) || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrConflict)) {
		tr.t.Errorf("%v: want ErrUnavailable", err)
		return false
	}
	return true
}

// now returns the current counts.
func (tr *traffic) now() (acknowledged, reads, heard, lost, restored int) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return len(tr.versions), tr.reads, tr.heard, tr.lost, tr.restored
}

// wantWorking waits until new changes, reads and notifications get through, and returns
// how long that took.
func (tr *traffic) wantWorking() time.Duration {
	tr.t.Helper()
	began := time.Now()
	acknowledged, reads, heard, _, _ := tr.now()
	redistest.Eventually(tr.t, "all works", func() error {
		a, r, h, _, restored := tr.now()
		if a < acknowledged+10 || r < reads+10 || h < heard+10 || restored == 0 {
			return fmt.Errorf("%d changes, %d reads, %d notifications; failed: %v", a-acknowledged, r-reads, h-heard, tr.last())
		}
		return nil
	})
	return time.Since(began)
}

// wantReading waits until new reads get through.
func (tr *traffic) wantReading() {
	tr.t.Helper()
	_, before, _, _, _ := tr.now()
	redistest.Eventually(tr.t, "reads work", func() error {
		if _, reads, _, _, _ := tr.now(); reads < before+5 {
			return fmt.Errorf("%d reads", reads-before)
		}
		return nil
	})
}

// wantLostAndRestored waits until the watch has been lost and restored.
func (tr *traffic) wantLostAndRestored() {
	tr.t.Helper()
	redistest.Eventually(tr.t, "the watch was lost and is restored", func() error {
		if _, _, _, lost, restored := tr.now(); lost == 0 || restored < 2 {
			return fmt.Errorf("lost %d times, restored %d times", lost, restored)
		}
		return nil
	})
}

func (tr *traffic) last() error {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.failed) == 0 {
		return nil
	}
	return tr.failed[len(tr.failed)-1]
}

// wantTrail checks that every acknowledged change is in the audit trail exactly once.
func (tr *traffic) wantTrail() {
	tr.t.Helper()
	tr.mu.Lock()
	want := slices.Clone(tr.versions)
	tr.mu.Unlock()
	seen := make(map[string]int)
	query := storage.EventQuery{TokenID: tr.id, Limit: storage.MaxPageSize}
	for {
		page, err := tr.there.Events(tr.t.Context(), query)
		if err != nil {
			tr.t.Fatal(err)
		}
		for _, event := range page.Events {
			seen[string(event.Changes[0].New)]++
		}
		if query.Cursor = page.Next; !page.More {
			break
		}
	}
	for version, n := range seen {
		if n > 1 {
			tr.t.Errorf("the change to version %s is in the trail %d times", version, n)
		}
	}
	for _, version := range want {
		if seen[fmt.Sprint(version)] == 0 {
			tr.t.Errorf("the change to version %d was acknowledged but is not in the trail", version)
		}
	}
	tr.t.Logf("%d changes, %d failed: %v", len(want), len(tr.failed), tr.last())
}
