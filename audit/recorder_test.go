package audit

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// trail is a store's audit trail that can fail, and a recorder that writes to it.
type trail struct {
	*Recorder
	log *observer.ObservedLogs
	end func()

	mu      sync.Mutex
	events  []storage.Event
	batches []int
	failure error
	away    error
	lost    uint64
}

// withTrail runs test with a recorder, in a bubble in which time passes only while all
// wait.
func withTrail(t *testing.T, test func(t *testing.T, to *trail)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		core, log := observer.New(zapcore.DebugLevel)
		to := &trail{log: log}
		to.Recorder = NewRecorder(Options{Write: to.write, Away: to.isAway, Lost: func(n uint64) { to.lost += n }, Logger: zap.New(core), Now: time.Now})
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			to.Run(ctx)
			close(ended)
		}()
		to.end = func() {
			end()
			<-ended
		}
		defer to.end()
		test(t, to)
	})
}

func (to *trail) write(_ context.Context, events ...storage.Event) error {
	to.mu.Lock()
	defer to.mu.Unlock()
	if to.failure != nil {
		return to.failure
	}
	to.events = append(to.events, events...)
	to.batches = append(to.batches, len(events))
	return nil
}

func (to *trail) isAway() error {
	to.mu.Lock()
	defer to.mu.Unlock()
	return to.away
}

func (to *trail) fail(failure, away error) {
	to.mu.Lock()
	defer to.mu.Unlock()
	to.failure, to.away = failure, away
}

// written returns what has been written since the last call, as "action name×count".
func (to *trail) written() []string {
	to.mu.Lock()
	defer to.mu.Unlock()
	texts := []string{}
	for _, e := range to.events {
		text := e.Action
		if e.Name != "" {
			text += " " + e.Name
		}
		if e.Count > 0 {
			text += fmt.Sprintf("×%d over %s", e.Count, e.Until.Sub(e.At))
		}
		texts = append(texts, text)
	}
	to.events = nil
	return texts
}

func (to *trail) want(t *testing.T, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := to.written(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: written %v, want %v", when, got, want)
	}
}

func write(name string) storage.Event {
	return storage.Event{At: time.Now(), Action: storage.ActionWrite, Name: name}
}

func deniedOf(tokenID string) (Kind, time.Time, func() storage.Event) {
	return Kind{Reason: "scope_insufficient", TokenID: tokenID}, time.Now(), func() storage.Event {
		return storage.Event{Action: storage.ActionDenied, Name: tokenID}
	}
}

func strangerDenied(n int) (Kind, time.Time, func() storage.Event) {
	network := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 32)
	return Kind{Reason: "invalid_token", Network: network}, time.Now(), func() storage.Event {
		return storage.Event{Action: storage.ActionDenied, Name: "stranger"}
	}
}

func TestWritesAreBatchedInOrder(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		var want []string
		for i := range 3 {
			to.Add(write(fmt.Sprint(i)))
			want = append(want, fmt.Sprintf("write %d", i))
		}
		to.want(t, "at once")
		time.Sleep(flushInterval)
		to.want(t, "after the interval", want...)
		if len(to.batches) != 1 {
			t.Errorf("batches of %v", to.batches)
		}
		for i := range 2*storage.MaxEvents + 1 {
			to.Add(write(fmt.Sprint(i)))
		}
		time.Sleep(flushInterval)
		synctest.Wait()
		got := to.written()
		if len(got) != 2*storage.MaxEvents+1 || got[storage.MaxEvents] != fmt.Sprintf("write %d", storage.MaxEvents) {
			t.Errorf("%d events are written", len(got))
		}
		for _, n := range to.batches {
			if n > storage.MaxEvents {
				t.Errorf("a batch of %d events", n)
			}
		}
	})
}

// TestDenialsInAnyOrder: requests of the same moment are counted in whatever order they
// come.
func TestDenialsInAnyOrder(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		kind, at, describe := deniedOf("a")
		for _, offset := range []time.Duration{0, -2 * time.Millisecond, -time.Millisecond} {
			to.Denied(kind, at.Add(offset), describe)
		}
		time.Sleep(time.Minute)
		to.want(t, "after a minute", "denied a×3 over 2ms")
	})
}

func TestDenialsAreCountedTogether(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		for range 5 {
			to.Denied(deniedOf("a"))
			time.Sleep(100 * time.Millisecond)
		}
		to.Denied(deniedOf("b"))
		time.Sleep(quietAfter + flushInterval)
		to.want(t, "once they have stopped", "denied a×5 over 400ms", "denied b")
		for range 10 {
			to.Denied(deniedOf("a"))
			time.Sleep(3 * time.Second)
		}
		to.want(t, "in the same minute")
		time.Sleep(denialPeriod)
		to.want(t, "after the minute", "denied a×10 over 27s")

		for range 120 {
			to.Denied(deniedOf("a"))
			time.Sleep(time.Second)
		}
		time.Sleep(denialPeriod)
		synctest.Wait()
		if got := to.written(); len(got) > 4 {
			t.Errorf("one denial a second for two minutes: %v", got)
		}
	})
}

// TestFloodIsBounded sends denials of a million kinds.
func TestFloodIsBounded(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		for i := range 1_000_000 {
			to.Denied(strangerDenied(i))
		}
		to.Denied(deniedOf("a")) // those with a token are counted apart
		time.Sleep(denialPeriod)
		synctest.Wait()
		got := to.written()
		if len(got) != maxStrangerDenials+2 {
			t.Fatalf("%d events", len(got))
		}
		want := map[string]int{"denied stranger": maxStrangerDenials, "denied a": 1, fmt.Sprintf("denied×%d over 0s", 1_000_000-maxStrangerDenials): 1}
		for _, text := range got {
			want[text]--
		}
		for text, n := range want {
			if n != 0 {
				t.Errorf("%q: %d too few", text, n)
			}
		}
		if len(to.denials.groups) > 0 {
			t.Errorf("%d kinds are still in memory", len(to.denials.groups))
		}
		to.Denied(strangerDenied(0))
		time.Sleep(quietAfter + flushInterval)
		to.want(t, "in the next minute", "denied stranger")
	})
}

// TestStrictFloodIsBounded sends denials that wait for their event.
func TestStrictFloodIsBounded(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		var all sync.WaitGroup
		for i := range 2000 {
			all.Go(func() {
				kind, at, describe := strangerDenied(i)
				if err := to.WriteDenied(t.Context(), kind, at, describe); err != nil {
					t.Error(err)
				}
			})
			if i%100 == 0 {
				time.Sleep(100 * time.Millisecond)
			}
		}
		all.Wait()
		count := 0
		to.mu.Lock()
		for _, e := range to.events {
			count += int(max(1, e.Count))
		}
		to.mu.Unlock()
		if n := len(to.written()); count != 2000 || n > maxStrangerDenials+5 {
			t.Errorf("%d events for %d denials", n, count)
		}
	})
}

func TestStrictWaits(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		if err := to.Begin(t.Context(), write("1")); err != nil {
			t.Fatal(err)
		}
		to.want(t, "begun", "write 1")
		kind, at, describe := deniedOf("a")
		for range 2 {
			if err := to.WriteDenied(t.Context(), kind, at, describe); err != nil {
				t.Fatal(err)
			}
			to.want(t, "denied", "denied a")
		}

		failure := errors.New("the disk is full")
		to.fail(failure, nil)
		for name, do := range map[string]func() error{
			"begin":  func() error { return to.Begin(t.Context(), write("dropped")) },
			"write":  func() error { return to.Write(t.Context(), write("kept")) },
			"denied": func() error { return to.WriteDenied(t.Context(), kind, at, describe) },
		} {
			if err := do(); !errors.Is(err, failure) || !errors.Is(err, token.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		to.fail(nil, token.ErrUnavailable)
		began := time.Now()
		for name, do := range map[string]func() error{
			"begin":  func() error { return to.Begin(t.Context(), write("dropped")) },
			"denied": func() error { return to.WriteDenied(t.Context(), kind, at, describe) },
			"write":  func() error { return to.Write(t.Context(), write("kept too")) },
		} {
			if err := do(); !errors.Is(err, token.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if time.Since(began) > 0 {
			t.Errorf("while the store is known to be away, requests wait for %s", time.Since(began))
		}
		to.fail(nil, nil)
		time.Sleep(denialPeriod)
		synctest.Wait()
		found := make(map[string]int)
		for _, text := range to.written() {
			found[text]++
		}
		if found["write kept"] != 1 || found["write kept too"] != 1 || found["denied a"] != 2 || found["write dropped"] != 0 {
			t.Errorf("after the outage: %v", found)
		}
	})
}

func TestStrictWaitEnds(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		to.options.Write = func(ctx context.Context, _ ...storage.Event) error {
			<-ctx.Done()
			return ctx.Err()
		}
		began := time.Now()
		if err := to.Write(t.Context(), write("1")); !errors.Is(err, token.ErrUnavailable) || time.Since(began) > 2*writeTimeout {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := to.Begin(ctx, write("2")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

// TestLossIsTold lets the store be away for longer than events fit into memory.
func TestLossIsTold(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		to.fail(nil, token.ErrUnavailable)
		for range maxQueued + 7 {
			to.Add(write("x"))
		}
		time.Sleep(time.Minute)
		to.Denied(deniedOf("a")) // is kept in memory
		time.Sleep(time.Minute)
		to.Add(write("late"))
		synctest.Wait()
		if to.lost != 8 || to.log.FilterMessageSnippet("losing audit events").Len() != 1 {
			t.Errorf("%d events are lost; log: %v", to.lost, to.log.All())
		}
		to.fail(nil, nil)
		time.Sleep(2 * flushInterval)
		synctest.Wait()
		got := to.written()
		if len(got) != maxQueued+2 {
			t.Fatalf("%d events are written", len(got))
		}
		told := 0
		for _, text := range got {
			if text == "events_lost×8 over 2m0s" {
				told++
			}
		}
		if told != 1 || to.log.FilterMessage("audit events were lost").Len() != 1 {
			t.Errorf("the loss is told %d times; the last events: %v", told, got[maxQueued:])
		}
	})
}

func TestEndWritesWhatIsLeft(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		to.Add(write("1"))
		to.Denied(deniedOf("a"))
		to.Denied(deniedOf("a"))
		to.end()
		to.want(t, "at the end", "write 1", "denied a×2 over 0s")
		to.Add(write("2"))
		to.Denied(deniedOf("a"))
		if err := to.Begin(t.Context(), write("3")); err == nil {
			t.Error("an event is accepted after the end")
		}
		if to.lost != 2 {
			t.Errorf("%d events are lost", to.lost)
		}
	})
	withTrail(t, func(t *testing.T, to *trail) {
		to.fail(errors.New("the disk is full"), nil)
		to.Add(write("1"))
		to.Denied(deniedOf("a"))
		to.end()
		if to.lost != 2 || to.log.FilterMessageSnippet("before the end").Len() != 1 {
			t.Errorf("%d events are lost; log: %v", to.lost, to.log.All())
		}
	})
}

// TestFailureIsLoggedOnce checks that the log says when the trail cannot be written and
// when it can again, unless the store is away, which has log lines of its own.
func TestFailureIsLoggedOnce(t *testing.T) {
	withTrail(t, func(t *testing.T, to *trail) {
		to.Add(write("1"))
		to.fail(nil, token.ErrUnavailable)
		time.Sleep(time.Minute)
		to.fail(errors.New("no permission"), nil)
		time.Sleep(time.Minute)
		to.fail(nil, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if to.log.Len() != 2 || to.log.FilterMessageSnippet("cannot write audit events").Len() != 1 || to.log.FilterMessageSnippet("again").Len() != 1 {
			t.Errorf("log: %v", to.log.All())
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	r := NewRecorder(Options{
		Write: func(context.Context, ...storage.Event) error { return nil }, Away: func() error { return nil },
		Lost: func(uint64) {}, Logger: zap.NewNop(), Now: time.Now,
	})
	ctx, end := context.WithCancel(b.Context())
	defer end()
	go r.Run(ctx)
	event := write("x")
	b.ReportAllocs()
	for b.Loop() {
		r.Add(event)
	}
}

func BenchmarkDenied(b *testing.B) {
	r := NewRecorder(Options{
		Write: func(context.Context, ...storage.Event) error { return nil }, Away: func() error { return nil },
		Lost: func(uint64) {}, Logger: zap.NewNop(), Now: time.Now,
	})
	for _, test := range []struct {
		name  string
		kinds int
	}{{"alike", 1}, {"flood", 1 << 20}} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				r.Denied(strangerDenied(n % test.kinds))
				n++
			}
		})
	}
}
