package due

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// pageSize is how many records are read at once.
const pageSize = 200

// scan publishes what is due at now and was not when the last scan began, and returns how
// far it came. An error ends it early; the next scan then begins where this one did, and
// what was published is not published again.
func (w *Watch) scan(ctx context.Context, last progress, now time.Time) (progress, error) {
	next := last
	next.ScannedAt = now
	next.SteadySince = background.SteadySince(last.SteadySince, last.ScannedAt, now)
	if err := w.scanExpiring(ctx, &next, last, now); err != nil {
		return last, err
	}
	if err := w.scanUnused(ctx, &next, now); err != nil {
		return last, err
	}
	if w.Counter != nil {
		counts, err := w.Counter.CountExpiring(ctx, now, w.Before)
		if err != nil {
			return last, err
		}
		next.Expiring = make(map[string]int, len(counts))
		for i, n := range counts {
			next.Expiring[w.Before[i].String()] = n
		}
	}
	if now.Sub(next.SteadySince) > keepMarks && (now.Sub(last.ForgotAt) > 24*time.Hour || now.Before(last.ForgotAt)) {
		if err := w.Forget(ctx, now.Add(-keepMarks)); err != nil {
			return last, err
		}
		next.ForgotAt = now
	}
	return next, nil
}

// scanExpiring publishes notices about tokens and accounts that expire.
func (w *Watch) scanExpiring(ctx context.Context, next *progress, last progress, now time.Time) error {
	if len(w.Before) == 0 {
		return nil
	}
	var spans []storage.Span
	next.Covered = maps.Clone(last.Covered)
	if next.Covered == nil {
		next.Covered = make(map[string]time.Time)
	}
	for _, before := range w.Before {
		until := now.Add(before)
		if after := last.Covered[before.String()]; after.Before(until) {
			spans = append(spans, storage.Span{After: after, Until: until})
		}
		// If the clock was set back, what has been looked at becomes due again, and is
		// looked at again.
		next.Covered[before.String()] = until
	}
	if len(spans) == 0 {
		return nil
	}
	query := storage.Query{Expires: spans, Now: now, Limit: pageSize}
	for {
		page, err := w.Store.List(ctx, query)
		if err != nil {
			return err
		}
		var notices []notice.Notice
		for _, record := range page.Records {
			since := record.CreatedAt
			if record.ExpirySetAt.After(since) {
				since = record.ExpirySetAt
			}
			if before, ok := w.due(record.ExpiresAt, since, now); ok {
				notices = append(notices, w.tokenExpiring(record, before, now))
			}
		}
		if _, err := w.Publish(ctx, notices...); err != nil {
			return err
		}
		if page.Next == "" {
			break
		}
		query.Cursor = page.Next
	}
	var notices []notice.Notice
	for _, account := range w.Accounts() {
		in := func(span storage.Span) bool { return span.Contains(account.ExpiresAt) }
		if !account.ExpiresAt.After(now) || !slices.ContainsFunc(spans, in) {
			continue
		}
		if before, ok := w.due(account.ExpiresAt, account.Since, now); ok {
			notices = append(notices, w.accountExpiring(account, before, now))
		}
	}
	_, err := w.Publish(ctx, notices...)
	return err
}

// due returns which of Before has come for something that expires, unless it had come
// already when the expiry was set, at since. Of several that have come, only the last
// matters.
func (w *Watch) due(expires, since, now time.Time) (before time.Duration, ok bool) {
	for _, candidate := range slices.Backward(w.Before) {
		if at := expires.Add(-candidate); !at.After(now) {
			return candidate, at.After(since)
		}
	}
	return 0, false
}

// scanUnused publishes notices about tokens that nobody uses, and disables them if that
// is configured.
func (w *Watch) scanUnused(ctx context.Context, next *progress, now time.Time) error {
	if w.UnusedAfter <= 0 {
		return nil
	}
	every := max(w.every, min(w.UnusedAfter/60, maxEvery))
	if gap := now.Sub(next.UnusedAt); gap >= 0 && gap < every {
		return nil
	}
	// Do not act at once when the clock seems to have jumped: it may be wrong.
	if now.Sub(next.SteadySince) < min(time.Hour, w.UnusedAfter/24) {
		return nil
	}
	until := now.Add(-w.UnusedAfter)
	if next.UnusedCovered.Before(until) {
		query := storage.Query{Unused: storage.Span{After: next.UnusedCovered, Until: until}, Now: now, Limit: pageSize}
		for {
			page, err := w.Store.List(ctx, query)
			if err != nil {
				return err
			}
			if err := w.reportUnused(ctx, page.Records, until, now); err != nil {
				return err
			}
			if page.Next == "" {
				break
			}
			query.Cursor = page.Next
		}
	}
	next.UnusedCovered, next.UnusedAt = until, now
	return nil
}

// reportUnused publishes notices about those of the tokens that have not been used after
// until.
func (w *Watch) reportUnused(ctx context.Context, records []*token.Record, until, now time.Time) error {
	ids := make([]string, len(records))
	for i, record := range records {
		ids[i] = record.ID
	}
	uses, err := w.LastUses(ctx, ids)
	if err != nil {
		return err
	}
	var notices []notice.Notice
	var unused []*token.Record
	for _, record := range records {
		use := uses[record.ID].At
		if use.After(until) {
			continue // used on this node a moment ago
		}
		notices, unused = append(notices, w.tokenUnused(record, use, now)), append(unused, record)
	}
	if _, err := w.Publish(ctx, notices...); err != nil || !w.DisableUnused {
		return err
	}
	for _, record := range unused {
		if err := w.Disable(ctx, record.ID, w.unusedReason()); err != nil {
			return err
		}
	}
	return nil
}
