package storage

import (
	"context"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Observer receives the operation, duration and error of every call to a store.
type Observer func(op string, took time.Duration, err error)

// Observe wraps a store so that it reports its calls to observer.
func Observe(store Store, observer Observer) Store {
	return &observed{Store: store, observe: observer}
}

type observed struct {
	Store
	observe Observer
}

func (o *observed) Get(ctx context.Context, id string) (record *token.Record, err error) {
	defer o.done("get", time.Now(), &err)
	return o.Store.Get(ctx, id)
}

func (o *observed) Apply(ctx context.Context, change Change) (err error) {
	defer o.done("apply", time.Now(), &err)
	return o.Store.Apply(ctx, change)
}

func (o *observed) AddEvents(ctx context.Context, events ...Event) (err error) {
	defer o.done("add_events", time.Now(), &err)
	return o.Store.AddEvents(ctx, events...)
}

func (o *observed) List(ctx context.Context, query Query) (page Page, err error) {
	defer o.done("list", time.Now(), &err)
	return o.Store.List(ctx, query)
}

func (o *observed) Records(ctx context.Context, ids []string) (page Page, err error) {
	defer o.done("records", time.Now(), &err)
	return o.Store.Records(ctx, ids)
}

func (o *observed) Events(ctx context.Context, query EventQuery) (page EventPage, err error) {
	defer o.done("events", time.Now(), &err)
	return o.Store.Events(ctx, query)
}

func (o *observed) Document(ctx context.Context, name DocumentName) (document Document, err error) {
	defer o.done("document", time.Now(), &err)
	return o.Store.Document(ctx, name)
}

func (o *observed) ApplyDocument(ctx context.Context, change DocumentChange) (err error) {
	defer o.done("apply_document", time.Now(), &err)
	return o.Store.ApplyDocument(ctx, change)
}

func (o *observed) ApplyQuietly(ctx context.Context, changes ...DocumentChange) (err error) {
	defer o.done("apply_quietly", time.Now(), &err)
	return o.Store.ApplyQuietly(ctx, changes...)
}

func (o *observed) Documents(ctx context.Context, query DocumentQuery) (page DocumentPage, err error) {
	defer o.done("documents", time.Now(), &err)
	return o.Store.Documents(ctx, query)
}

func (o *observed) SaveUses(ctx context.Context, uses map[string]Use) (err error) {
	defer o.done("save_uses", time.Now(), &err)
	return o.Store.SaveUses(ctx, uses)
}

func (o *observed) Uses(ctx context.Context, ids []string) (uses map[string]Use, err error) {
	defer o.done("uses", time.Now(), &err)
	return o.Store.Uses(ctx, ids)
}

func (o *observed) AddActivity(ctx context.Context, batch ActivityBatch) (err error) {
	defer o.done("add_activity", time.Now(), &err)
	return o.Store.AddActivity(ctx, batch)
}

func (o *observed) Activity(ctx context.Context, id string, since Day) (activity []Activity, err error) {
	defer o.done("activity", time.Now(), &err)
	return o.Store.Activity(ctx, id, since)
}

func (o *observed) RawEvents(ctx context.Context, after EventID, limit int) (events []RawEvent, err error) {
	defer o.done("raw_events", time.Now(), &err)
	return o.Store.RawEvents(ctx, after, limit)
}

func (o *observed) TreeValues(ctx context.Context, names ...string) (values [][]byte, err error) {
	defer o.done("tree_values", time.Now(), &err)
	return o.Store.TreeValues(ctx, names...)
}

func (o *observed) SaveTree(ctx context.Context, head []byte, values map[string][]byte) (err error) {
	defer o.done("save_tree", time.Now(), &err)
	return o.Store.SaveTree(ctx, head, values)
}

func (o *observed) RemoveEvents(ctx context.Context, through EventID, limit int) (removed int, err error) {
	defer o.done("remove_events", time.Now(), &err)
	return o.Store.RemoveEvents(ctx, through, limit)
}

// ObserveLimiter wraps a limiter so that it reports its calls to observer.
func ObserveLimiter(l Limiter, observer Observer) Limiter { return observedLimiter{l, observer} }

type observedLimiter struct {
	Limiter
	observe Observer
}

func (o observedLimiter) Take(ctx context.Context, id string, limit token.Limit, n int) (Grant, error) {
	began := time.Now()
	grant, err := o.Limiter.Take(ctx, id, limit, n)
	o.observe("take", time.Since(began), err)
	return grant, err
}

func (o *observed) done(op string, started time.Time, err *error) {
	o.observe(op, time.Since(started), *err)
}
