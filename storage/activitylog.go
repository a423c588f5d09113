package storage

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
)

// maxCounted is the maximum number of a token's days that are counted in memory, some
// 25 MB. Only if the store is away while more tokens are used, requests remain uncounted.
const maxCounted = 250_000

// activityLog counts the requests of each token in memory, and adds them to the store in
// batches.
type activityLog struct {
	// crowded makes UseLog.Run write at once.
	crowded chan struct{}

	mu     sync.Mutex
	counts map[TokenDay]*Counts
	// batch is being added, or may have been added without a response.
	batch ActivityBatch
}

func newActivityLog() activityLog {
	return activityLog{crowded: make(chan struct{}, 1), counts: make(map[TokenDay]*Counts)}
}

// Count counts a request with the token with this id that ended just now: whether it was
// denied, and the size of the body of Jira's response.
func (l *UseLog) Count(id string, denied bool, bytes uint64) {
	l.activity.count(TokenDay{id, DayOf(l.now())}, denied, bytes)
}

func (l *activityLog) count(day TokenDay, denied bool, bytes uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts, ok := l.counts[day]
	if !ok {
		if len(l.counts) >= maxCounted {
			return
		}
		counts = new(Counts)
		if l.counts[day] = counts; len(l.counts) == maxCounted/2 {
			select {
			case l.crowded <- struct{}{}:
			default:
			}
		}
	}
	counts.Requests++
	counts.Bytes += bytes
	if denied {
		counts.Denials++
	}
}

// write adds what was counted to the store. If that fails, the rest is kept for the next
// time.
func (l *activityLog) write(ctx context.Context, store Store, today Day) error {
	l.mu.Lock()
	batches := (len(l.counts)+MaxActivity-1)/MaxActivity + 1 // including the one that failed last
	l.mu.Unlock()
	for range batches {
		batch := l.next(today)
		if len(batch.Counts) == 0 {
			break
		}
		if err := store.AddActivity(ctx, batch); err != nil {
			return err
		}
		l.mu.Lock()
		l.batch = ActivityBatch{}
		l.mu.Unlock()
	}
	return nil
}

// next returns the batch to add next: the last one if that failed.
func (l *activityLog) next(today Day) ActivityBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.batch.Today = today
	if len(l.batch.Counts) > 0 {
		return l.batch
	}
	l.batch.ID, l.batch.Counts = rand.Text(), make(map[TokenDay]Counts)
	for day, counts := range l.counts {
		if len(l.batch.Counts) == MaxActivity {
			break
		}
		l.batch.Counts[day] = *counts
		delete(l.counts, day)
	}
	return l.batch
}

// Activity returns how much a token was used on each of the last days, oldest first: on
// all nodes as far as the store knows, and on this node up to now. There can be at most
// DaysKept days.
func (l *UseLog) Activity(ctx context.Context, id string, days int) ([]Activity, error) {
	today := DayOf(l.now())
	activity := make([]Activity, min(days, DaysKept))
	since := today - Day(len(activity)) + 1
	for i := range activity {
		activity[i].Day = since + Day(i)
	}
	stored, err := l.store.Activity(ctx, id, since)
	if err != nil {
		return nil, fmt.Errorf("reading how much token %s was used: %w", id, err)
	}
	for _, day := range stored {
		if day.Day >= since && day.Day <= today {
			activity[day.Day-since].Add(day.Counts)
		}
	}
	l.activity.mu.Lock()
	defer l.activity.mu.Unlock()
	for i := range activity {
		day := TokenDay{id, activity[i].Day}
		activity[i].Add(l.activity.batch.Counts[day])
		if counts := l.activity.counts[day]; counts != nil {
			activity[i].Add(*counts)
		}
	}
	return activity, nil
}
