package storage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// DenialsKind is the kind of the documents that count denied requests by reason: one for
// each day in UTC, with an hour of the day as name for the counts of that hour.
const DenialsKind = "denials"

const (
	// denialDays is how many of these documents are kept: those of the last 7 days, which
	// begin in the course of a day.
	denialDays = 8
	// maxDenialAttempts is how often a document is written, since other nodes change it too.
	maxDenialAttempts = 5
)

// DenialCounts are numbers of denied requests by reason.
type DenialCounts map[string]uint64

func (c DenialCounts) add(other DenialCounts) {
	for reason, n := range other {
		c[reason] += n
	}
}

// denialLog counts denied requests in memory, by hour, and adds them to the store.
type denialLog struct {
	mu    sync.Mutex
	hours map[time.Time]DenialCounts
}

// Denied counts a request that was denied just now.
func (l *UseLog) Denied(reason string) { l.denials.count(l.now(), reason) }

func (l *denialLog) count(now time.Time, reason string) {
	hour := now.UTC().Truncate(time.Hour)
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := l.hours[hour]
	if counts == nil {
		if l.hours == nil {
			l.hours = make(map[time.Time]DenialCounts)
		}
		counts = make(DenialCounts)
		l.hours[hour] = counts
		maps.DeleteFunc(l.hours, func(hour time.Time, _ DenialCounts) bool { return isOldDenial(hour, now) }) // while the store is away
	}
	counts[reason]++
}

func isOldDenial(hour, now time.Time) bool { return DayOf(hour) <= DayOf(now)-denialDays }

// write adds what was counted to the store. If that fails, it is kept for the next time; if
// only the response is lost, it may be counted twice.
func (l *denialLog) write(ctx context.Context, store Store, now time.Time) error {
	l.mu.Lock()
	hours := l.hours
	l.hours = nil
	l.mu.Unlock()
	days := make(map[Day]map[string]DenialCounts)
	for hour, counts := range hours {
		day := DayOf(hour)
		if days[day] == nil {
			days[day] = make(map[string]DenialCounts)
		}
		days[day][hour.Format("15")] = counts
	}
	var failure error
	begun := false // whether a day has begun
	for day, counts := range days {
		first, err := addDenials(ctx, store, day, counts)
		if err != nil {
			failure = err
			continue
		}
		begun = begun || first
		maps.DeleteFunc(hours, func(hour time.Time, _ DenialCounts) bool { return DayOf(hour) == day })
	}
	if failure != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.hours == nil {
			l.hours = make(map[time.Time]DenialCounts)
		}
		for hour, counts := range hours {
			if l.hours[hour] == nil {
				l.hours[hour] = make(DenialCounts)
			}
			l.hours[hour].add(counts)
		}
	}
	if failure == nil && begun {
		failure = removeOldDenials(ctx, store, now)
	}
	return failure
}

// addDenials adds counts to the document of a day, and reports whether they are its first.
func addDenials(ctx context.Context, store Store, day Day, counts map[string]DenialCounts) (first bool, err error) {
	name := DocumentName{Kind: DenialsKind, ID: day.String()}
	for range maxDenialAttempts {
		var document Document
		document, err = store.Document(ctx, name)
		if first = errors.Is(err, ErrNotFound); err != nil && !first {
			return false, fmt.Errorf("counting denied requests: %w", err)
		}
		sums := make(map[string]DenialCounts)
		_ = json.Unmarshal(document.Data, &sums) // counts that cannot be read begin anew
		for hour, more := range counts {
			if sums[hour] == nil {
				sums[hour] = make(DenialCounts)
			}
			sums[hour].add(more)
		}
		var data []byte
		if data, err = json.Marshal(sums); err != nil {
			return false, err
		}
		if err = store.ApplyQuietly(ctx, DocumentChange{DocumentName: name, Version: document.Version, Data: data}); !errors.Is(err, ErrConflict) {
			break
		}
	}
	if err != nil {
		return false, fmt.Errorf("counting denied requests: %w", err)
	}
	return first, nil
}

// removeOldDenials deletes the documents of days that no longer count. Several nodes may do
// so at once.
func removeOldDenials(ctx context.Context, store Store, now time.Time) error {
	page, err := store.Documents(ctx, DocumentQuery{Kind: DenialsKind})
	if err != nil {
		return fmt.Errorf("counting denied requests: %w", err)
	}
	for _, document := range page.Documents {
		var day Day
		if day.UnmarshalText([]byte(document.ID)) == nil && day > DayOf(now)-denialDays {
			continue
		}
		err := store.ApplyQuietly(ctx, DocumentChange{DocumentName: document.DocumentName, Version: document.Version})
		if err != nil && !errors.Is(err, ErrConflict) {
			return fmt.Errorf("deleting old counts of denied requests: %w", err)
		}
	}
	return nil
}

// Denials returns how many requests were denied within each of the spans before now, by
// reason: on all nodes as far as the store knows, and on this node up to now. A span is at
// most 7 days, and begins with the hour in which it began.
func (l *UseLog) Denials(ctx context.Context, spans ...time.Duration) ([]DenialCounts, error) {
	page, err := l.store.Documents(ctx, DocumentQuery{Kind: DenialsKind})
	if err != nil {
		return nil, fmt.Errorf("reading how many requests were denied: %w", err)
	}
	now, sums := l.now().UTC(), make([]DenialCounts, len(spans))
	for i := range sums {
		sums[i] = make(DenialCounts)
	}
	add := func(hour time.Time, counts DenialCounts) {
		for i, span := range spans {
			if !hour.Before(now.Add(-span).Truncate(time.Hour)) {
				sums[i].add(counts)
			}
		}
	}
	for _, document := range page.Documents {
		var hours map[string]DenialCounts
		if json.Unmarshal(document.Data, &hours) != nil {
			continue
		}
		for hour, counts := range hours {
			if at, err := time.Parse("2006-01-02 15", document.ID+" "+hour); err == nil {
				add(at, counts)
			}
		}
	}
	l.denials.mu.Lock()
	defer l.denials.mu.Unlock()
	for hour, counts := range l.denials.hours {
		add(hour, counts)
	}
	return sums, nil
}
