package post

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// hook is a receiver that answers as the test says.
type hook struct {
	mu     sync.Mutex
	got    []string // the types of accepted notices
	all    int
	answer func(n int, r *http.Request) (int, http.Header) // status 0: no answer
}

func (h *hook) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var event struct{ Type, Subject string }
	if err := json.Unmarshal(body, &event); err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.all++
	n := h.all
	h.mu.Unlock()
	status, header := 204, http.Header{}
	if h.answer != nil {
		status, header = h.answer(n, r)
	}
	if status == 0 {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if status < 300 {
		h.got = append(h.got, event.Subject)
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(io.LimitReader(endless{}, 1<<20)), Request: r}, nil
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func (h *hook) accepted() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.got)
}

func (h *hook) attempts() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all
}

// office is an office that a test starts and stops.
type office struct {
	*Office
	t    *testing.T
	mu   sync.Mutex
	told []string
	lost map[string]int
	end  func()
}

// memory is a store of documents in memory, since thousands of writes to a file take long.
type memory struct {
	mu        sync.Mutex
	documents map[string]storage.Document
	names     []string // sorted
}

func newStore(*testing.T) *memory { return &memory{documents: make(map[string]storage.Document)} }

func (m *memory) Document(_ context.Context, name storage.DocumentName) (storage.Document, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	document, ok := m.documents[name.String()]
	if !ok {
		return document, storage.DocumentError{Name: name, Err: storage.ErrNotFound}
	}
	return document, nil
}

func (m *memory) Documents(_ context.Context, query storage.DocumentQuery) (page storage.DocumentPage, err error) {
	start, end, err := query.Range()
	if err != nil {
		return page, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	first, _ := slices.BinarySearch(m.names, start+"\x00")
	for _, name := range m.names[first:] {
		if name >= end {
			break
		}
		if len(page.Documents) == query.PageSize() {
			page.Next = page.Documents[len(page.Documents)-1].String()
			return page, nil
		}
		page.Documents = append(page.Documents, m.documents[name])
	}
	return page, nil
}

func (m *memory) ApplyQuietly(_ context.Context, changes ...storage.DocumentChange) error {
	if err := storage.CheckQuiet(changes); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if m.documents[c.DocumentName.String()].Version != c.Version {
			return storage.ErrConflict
		}
	}
	for _, c := range changes {
		name := c.DocumentName.String()
		at, known := slices.BinarySearch(m.names, name)
		if c.Data == nil {
			delete(m.documents, name)
			m.names = slices.Delete(m.names, at, at+1)
		} else {
			if !known {
				m.names = slices.Insert(m.names, at, name)
			}
			m.documents[name] = storage.Document{DocumentName: c.DocumentName, Version: c.Version + 1, Data: c.Data}
		}
	}
	return nil
}

func (*memory) ApplyDocument(context.Context, storage.DocumentChange) error {
	return errors.ErrUnsupported
}

func receiver(t *testing.T, name string, h *hook, events ...string) *Receiver {
	t.Helper()
	r, err := NewReceiver(ReceiverOptions{Name: name, URL: "https://hooks.example.com/" + name + "?key=hunter2", Transport: h, Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t *testing.T, store Store, receivers ...*Receiver) *office {
	o := &office{t: t, lost: make(map[string]int)}
	mirror := storage.NewMirror(store, KindReceiver, storage.CacheOptions{TTL: 30 * time.Second, ReadTimeout: 5 * time.Second})
	o.Office = New(Options{
		Store: store, Mirror: mirror, Receivers: receivers, Source: "urn:test", Logger: zap.NewNop(), Now: time.Now,
		Local: func(n notice.Notice) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.told = append(o.told, n.Subject)
		},
		Counted: func(receiver, result string, n int) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.lost[receiver+" "+result] += n
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { mirror.Run(ctx) })
	running.Go(func() { o.Run(ctx) })
	o.end = func() {
		cancel()
		running.Wait()
	}
	return o
}

func (o *office) count(what string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost[what]
}

func (o *office) status(name string) Status {
	o.t.Helper()
	statuses, err := o.Statuses(o.t.Context())
	if err != nil {
		o.t.Fatal(err)
	}
	for _, s := range statuses {
		if s.Name == name {
			return s
		}
	}
	o.t.Fatalf("no receiver %s", name)
	return Status{}
}

func expiring(i int) notice.Notice {
	return notice.Notice{Type: notice.TokenExpiring, Subject: fmt.Sprint("tokens/", i), Sentence: "It ends.", Data: map[string]any{"n": i}}
}
