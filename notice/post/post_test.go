package post

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
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
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20))), Request: r}, nil
}

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

// TestTrouble lets receivers fail in several ways: each notice arrives in the end, and the
// trouble of one does not delay another.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := &hook{answer: func(n int, _ *http.Request) (int, http.Header) { return map[bool]int{true: 0, false: 200}[n < 4], nil }}
		fails := &hook{answer: func(n int, _ *http.Request) (int, http.Header) {
			return map[bool]int{true: 500, false: 201}[n < 6], nil
		}}
		redirects := &hook{answer: func(n int, _ *http.Request) (int, http.Header) {
			return map[bool]int{true: 302, false: 200}[n < 3], http.Header{"Location": {"https://elsewhere.example.com/"}}
		}}
		busy := &hook{answer: func(n int, _ *http.Request) (int, http.Header) {
			return map[bool]int{true: 429, false: 200}[n < 2], http.Header{"Retry-After": {"1800"}}
		}}
		fine := &hook{}
		o := open(t, newStore(t), receiver(t, "hangs", hangs), receiver(t, "fails", fails), receiver(t, "redirects", redirects), receiver(t, "busy", busy), receiver(t, "fine", fine))
		defer o.end()
		for i := range 3 {
			o.Notify(expiring(i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if fine.accepted() != 3 || o.count("events delivered") != 3 {
			t.Errorf("after a second, %d notices have arrived at the receiver without trouble, %d as events", fine.accepted(), o.count("events delivered"))
		}
		if s := o.status("fails"); s.State != StateFailing || s.Waiting != 3 || s.Error != "500 Internal Server Error" {
			t.Errorf("status: %+v", s)
		}
		if s := o.status("redirects"); !strings.Contains(s.Error, "redirects are not followed") {
			t.Errorf("status: %+v", s)
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		for name, h := range map[string]*hook{"hangs": hangs, "fails": fails, "redirects": redirects} {
			if s := o.status(name); h.accepted() != 3 || s.Waiting != 0 || s.State != StateOK || s.Delivered != 3 || s.LastFailure.IsZero() {
				t.Errorf("%s has got %d, status %+v", name, h.accepted(), s)
			}
		}
		if busy.attempts() != 1 {
			t.Errorf("%d attempts at a receiver that asked to wait", busy.attempts())
		}
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if busy.accepted() != 3 {
			t.Errorf("%d notices after Retry-After", busy.accepted())
		}
	})
}

// TestDownForADay checks that a receiver that is down for a day gets everything, is asked
// ever more rarely, and that a restart loses nothing.
func TestDownForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		var up atomic.Bool
		h := &hook{answer: func(int, *http.Request) (int, http.Header) {
			return map[bool]int{false: 503, true: 200}[up.Load()], nil
		}}
		o := open(t, store, receiver(t, "a", h))
		for i := range 50 {
			o.Notify(expiring(i))
		}
		time.Sleep(23 * time.Hour)
		o.end()
		if n := h.attempts(); n < 100 || n > 300 {
			t.Errorf("%d attempts in 23 hours", n)
		}
		up.Store(true)
		o = open(t, store, receiver(t, "a", h))
		defer o.end()
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := o.status("a"); h.accepted() != 50 || s.Waiting != 0 || s.Dropped != 0 {
			t.Errorf("%d of 50, status %+v", h.accepted(), s)
		}
	})
}

// TestDownForAMonth checks the bounds of the outbox: by size, and by age.
func TestDownForAMonth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		var up atomic.Bool
		h := &hook{answer: func(int, *http.Request) (int, http.Header) {
			return map[bool]int{false: 503, true: 200}[up.Load()], nil
		}}
		o := open(t, store, receiver(t, "a", h))
		defer o.end()
		var notices []notice.Notice
		for i := range MaxOutbox + 100 {
			notices = append(notices, expiring(i))
		}
		if n, err := o.PublishPatiently(t.Context(), notices...); n != len(notices) || err != nil {
			t.Fatalf("published %d, %v", n, err)
		}
		if s := o.status("a"); s.Waiting != MaxOutbox || s.Dropped != 100 || o.count("a dropped") != 100 {
			t.Errorf("status %+v, counted %d", s, o.count("a dropped"))
		}
		time.Sleep(Keep + time.Hour)
		if n, err := o.Publish(t.Context(), expiring(-1)); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		time.Sleep(time.Hour)
		up.Store(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := o.status("a"); s.Waiting != 0 || h.accepted() != 1 || s.Dropped != MaxOutbox+100 {
			t.Errorf("%d accepted, status %+v", h.accepted(), s)
		}
	})
}

// TestNodesTakeTurns checks that of two nodes one delivers, and that the other goes on when
// the first ends or dies.
func TestNodesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		h := &hook{}
		a, b := open(t, store, receiver(t, "a", h)), open(t, store, receiver(t, "a", h))
		defer b.end()
		for i := range 30 {
			a.Notify(expiring(i))
			b.Notify(expiring(100 + i))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.accepted() != 60 || h.attempts() != 60 || len(a.told) != 30 || len(b.told) != 30 {
			t.Errorf("%d accepted in %d attempts, %d and %d events", h.accepted(), h.attempts(), len(a.told), len(b.told))
		}
		a.end()
		// A node that dies says nothing any more.
		s, version, err := b.readState(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		s.Node = "dead"
		change, _ := stateChange("a", version, s)
		if err := store.ApplyQuietly(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		b.Notify(expiring(1000))
		time.Sleep(storage.ClaimTime / 2)
		synctest.Wait()
		if h.accepted() != 60 {
			t.Error("another node's claim was not respected")
		}
		time.Sleep(storage.ClaimTime)
		synctest.Wait()
		if h.accepted() != 61 {
			t.Errorf("%d accepted after the node was given up", h.accepted())
		}
	})
}

// TestOnce checks that a notice with Once is published once, until it is cleared or
// forgotten.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newStore(t)
		h := &hook{}
		a, b := open(t, store, receiver(t, "a", h)), open(t, store, receiver(t, "a", h))
		defer a.end()
		defer b.end()
		n := expiring(1)
		n.Once, n.Until = "1", time.Now().Add(time.Hour)
		for range 5 {
			a.Notify(n)
			b.Notify(n)
		}
		if _, err := a.Publish(t.Context(), n, n); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.accepted() != 1 || len(a.told)+len(b.told) != 1 {
			t.Errorf("%d accepted, %d events", h.accepted(), len(a.told)+len(b.told))
		}
		if cleared, err := a.Clear(t.Context(), n); !cleared || err != nil {
			t.Error(cleared, err)
		}
		if cleared, err := b.Clear(t.Context(), n); cleared || err != nil {
			t.Error(cleared, err)
		}
		again := func(want int) {
			t.Helper()
			if got, err := b.Publish(t.Context(), n); got != want || err != nil {
				t.Errorf("published %d, %v; want %d", got, err, want)
			}
		}
		again(1)
		again(0)
		if err := a.Forget(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		again(0)
		if err := a.Forget(t.Context(), time.Now().Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		again(1)
	})
}

// TestGone checks that a receiver that answers 410 is left alone until a test succeeds.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status atomic.Int32
		status.Store(410)
		h := &hook{answer: func(int, *http.Request) (int, http.Header) { return int(status.Load()), nil }}
		o := open(t, newStore(t), receiver(t, "a", h))
		defer o.end()
		for i := range 5 {
			o.Notify(expiring(i))
		}
		time.Sleep(time.Hour)
		o.Notify(expiring(9))
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := o.status("a"); h.attempts() != 1 || s.State != StateGone || s.Waiting != 0 || s.Dropped != 6 {
			t.Errorf("%d attempts, status %+v", h.attempts(), s)
		}
		if tested, err := o.Test(t.Context(), "a"); err != nil || len(tested) != 1 || tested[0].OK || tested[0].Answer != "410 Gone" {
			t.Errorf("test: %+v, %v", tested, err)
		}
		status.Store(200)
		if tested, err := o.Test(t.Context(), ""); err != nil || !tested[0].OK {
			t.Errorf("test: %+v, %v", tested, err)
		}
		o.Notify(expiring(10))
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := o.status("a"); s.State != StateOK || s.Delivered != 1 {
			t.Errorf("status %+v", s)
		}
		if _, err := o.Test(t.Context(), "b"); !errors.Is(err, ErrNoReceiver) {
			t.Error(err)
		}
	})
}

// TestEventsAreChosen checks that a receiver gets the types that it asks for.
func TestEventsAreChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens, one, all := &hook{}, &hook{}, &hook{}
		o := open(t, newStore(t), receiver(t, "tokens", tokens, "jira_tokens.token.*"), receiver(t, "one", one, "account.failing"), receiver(t, "all", all))
		defer o.end()
		for _, kind := range []string{notice.TokenExpiring, notice.TokenUnused, notice.AccountFailing} {
			o.Notify(notice.Notice{Type: kind, Subject: kind})
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if tokens.accepted() != 2 || one.accepted() != 1 || all.accepted() != 3 {
			t.Error(tokens.got, one.got, all.got)
		}
	})
}

// TestStoreAway checks that notices wait while the store is away.
func TestStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{}
		store := &away{Store: newStore(t)}
		o := open(t, store, receiver(t, "a", h))
		defer o.end()
		store.set(true)
		for i := range 3 {
			o.Notify(expiring(i))
		}
		time.Sleep(time.Hour)
		store.set(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.accepted() != 3 || h.attempts() != 3 {
			t.Errorf("%d accepted in %d attempts", h.accepted(), h.attempts())
		}
		store.set(true)
		for i := range 2 * maxWaiting {
			o.Notify(expiring(i))
		}
		if n := o.count("events dropped"); n < maxWaiting-atOnce || n > maxWaiting {
			t.Errorf("%d dropped", n)
		}
		store.set(false)
	})
}

type away struct {
	Store
	mu   sync.Mutex
	gone bool
}

func (a *away) set(gone bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gone = gone
}

func (a *away) err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gone {
		return storage.ErrUnavailable
	}
	return nil
}

func (a *away) Document(ctx context.Context, name storage.DocumentName) (storage.Document, error) {
	if err := a.err(); err != nil {
		return storage.Document{}, err
	}
	return a.Store.Document(ctx, name)
}

func (a *away) ApplyQuietly(ctx context.Context, changes ...storage.DocumentChange) error {
	if err := a.err(); err != nil {
		return err
	}
	return a.Store.ApplyQuietly(ctx, changes...)
}

// TestHandlersThatHang checks that webhooks get notices while a handler of events hangs.
func TestHandlersThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hook{}
		o := open(t, newStore(t), receiver(t, "a", h))
		released := make(chan struct{})
		o.Local = func(notice.Notice) { <-released }
		const n = maxWaiting + 200
		for i := range n {
			if _, err := o.Publish(t.Context(), expiring(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if h.accepted() != n || o.count("events dropped") == 0 {
			t.Errorf("%d of %d arrived, %d events were dropped", h.accepted(), n, o.count("events dropped"))
		}
		close(released)
		o.end()
	})
}

// TestSignature checks a request with an independent implementation of Standard Webhooks,
// and the CloudEvent in it.
func TestSignature(t *testing.T) {
	secrets := []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + strings.Repeat("QUJD", 10)}
	var body []byte
	var header http.Header
	r, err := NewReceiver(ReceiverOptions{
		URL: "https://hooks.example.com:8443/x", Secrets: secrets, Header: http.Header{"Authorization": {"Bearer abc"}},
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ = io.ReadAll(r.Body)
			header = r.Header
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}),
	})
	if err != nil || r.Name != "hooks.example.com:8443" {
		t.Fatal(r, err)
	}
	n := expiring(1)
	n.ID, n.At = "msg_1", time.Unix(1_700_000_000, 0)
	event, err := cloudEvent(n, "https://jira.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if answer := r.send(t.Context(), n.ID, event, time.Now()); !answer.ok() {
		t.Fatal(answer)
	}
	for _, secret := range secrets {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(body, header); err != nil {
			t.Errorf("with %.10s…: %v", secret, err)
		}
		if verifier.Verify(append(body, ' '), header) == nil {
			t.Error("a changed body is accepted")
		}
	}
	if header.Get("Content-Type") != "application/cloudevents+json" || header.Get("Authorization") != "Bearer abc" || header.Get("Webhook-Id") != "msg_1" {
		t.Errorf("headers: %v", header)
	}
	want := `{"specversion":"1.0","id":"msg_1","source":"https://jira.example.com","type":"jira_tokens.token.expiring","subject":"tokens/1","time":"2023-11-14T22:13:20Z","datacontenttype":"application/json","data":{"n":1,"sentence":"It ends."}}`
	if string(body) != want {
		t.Errorf("body:\n got %s\nwant %s", body, want)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestMistakes checks errors about receivers: none shows a secret.
func TestMistakes(t *testing.T) {
	for name, options := range map[string]ReceiverOptions{
		"invalid URL":    {URL: "hooks.example.com/hunter2"},
		"invalid name":   {URL: "https://a.example", Name: "a b"},
		"invalid secret": {URL: "https://a.example", Secrets: []string{"hunter2"}},
		"whsec_ and 24":  {URL: "https://a.example", Secrets: []string{"whsec_aHVudGVyMg=="}},
		"unknown event":  {URL: "https://a.example", Events: []string{"token.expired"}},
	} {
		_, err := NewReceiver(options)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := receiver(t, "a", nil)
	r.client.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
	if answer := r.send(t.Context(), "1", nil, time.Now()); answer.ok() || answer.String() != "connection refused" {
		t.Error(answer)
	}
}
