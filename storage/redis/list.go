package redisstore

import (
	"context"
	"crypto/sha1" //nolint:gosec // G505: what Redis scripts offer; it only distinguishes values
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Index entries are read in chunks: small ones first, which are enough for most
// pages, then larger ones, up to about a millisecond of the server's time.
const (
	firstChunk = 256
	lastChunk  = 8192
)

// List returns the page of records that query asks for, newest first.
func (s *store) List(ctx context.Context, query storage.Query) (storage.Page, error) {
	scan, err := query.Scan()
	if err != nil {
		return storage.Page{}, err
	}
	matching, next, err := s.matching(ctx, scan, query.PageSize(), query.ReadsUses())
	if err != nil {
		return storage.Page{}, s.fail(ctx, "list tokens", err)
	}
	page := storage.Page{Next: next}
	ids := make([]string, len(matching))
	for i, entry := range matching {
		ids[i] = scan.ID(entry)
	}
	if err := s.read(ctx, ids, &page); err != nil {
		return storage.Page{}, err
	}
	// A record may have changed since its entry was read.
	page.Records = slices.DeleteFunc(page.Records, func(r *token.Record) bool { return !query.Match(r) })
	return page, nil
}

// Records returns the records with these ids.
func (s *store) Records(ctx context.Context, ids []string) (page storage.Page, err error) {
	err = s.read(ctx, ids, &page)
	return page, err
}

// matching returns the first entries that match, at most as many as wanted, and the
// cursor of those that follow. If byUse is set, it also reads the tokens' last uses.
func (s *store) matching(ctx context.Context, scan storage.Scan, wanted int, byUse bool) (found []string, next string, err error) {
	var candidates []string
	var failure error
	looked := 0
	// judge moves the candidates whose last use matches.
	judge := func() {
		var uses map[string]storage.Use
		ids := make([]string, len(candidates))
		for i, entry := range candidates {
			ids[i] = scan.ID(entry)
		}
		if uses, failure = s.Uses(ctx, ids); failure != nil {
			return
		}
		looked += len(candidates)
		for i, entry := range candidates {
			if scan.MatchUse(entry, uses[ids[i]].At) {
				found = append(found, entry)
			}
		}
		if looked >= storage.MaxLooked && len(found) <= wanted {
			next = scan.Cursor(candidates[len(candidates)-1])
		}
		candidates = candidates[:0]
	}
	err = s.scan(ctx, scan.Start, scan.End, 2*wanted, func(entry string) (more bool) {
		switch {
		case !scan.Match(entry):
		case !byUse:
			found = append(found, entry)
		default:
			if candidates = append(candidates, entry); len(candidates) == usesRead {
				judge()
			}
		}
		return len(found) <= wanted && failure == nil && next == ""
	})
	if len(found) <= wanted && failure == nil && len(candidates) > 0 {
		judge()
	}
	if err == nil {
		err = failure
	}
	if len(found) > wanted { // so there is another page
		found, next = found[:wanted], scan.Cursor(found[wanted-1])
	}
	return found, next, err
}

// usesRead is how many last uses one command reads while a list is searched.
const usesRead = 1000

// scan calls visit for the entries of the index from start up to but not including
// end, until visit returns false. About expect of them should be enough.
func (s *store) scan(ctx context.Context, start, end string, expect int, visit func(entry string) (more bool)) error {
	from := "[" + start
	for chunk := max(expect, firstChunk); ; chunk = min(4*chunk, lastChunk) {
		bounded, cancel := s.within(ctx)
		entries, err := s.client.ZRangeArgs(bounded, redis.ZRangeArgs{
			Key: s.index, Start: from, Stop: "(" + end, ByLex: true, Count: int64(chunk),
		}).Result()
		cancel()
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if !visit(entry) {
				return nil
			}
		}
		if len(entries) < chunk {
			return nil
		}
		from = "(" + entries[len(entries)-1]
	}
}

// read adds the records with these ids to page, except for those that no longer
// exist.
func (s *store) read(ctx context.Context, ids []string, page *storage.Page) error {
	if len(ids) == 0 {
		return nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.recordKey(id)
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	values, err := s.client.MGet(bounded, keys...).Result()
	if err != nil {
		return s.fail(ctx, "read listed tokens", err)
	}
	for i, value := range values {
		record, err := s.readValue(bounded, ids[i], value)
		var damaged storage.DamagedError
		switch {
		case errors.As(err, &damaged):
			page.Damaged = append(page.Damaged, damaged)
		case errors.Is(err, storage.ErrNotFound):
		case err != nil:
			return err
		default:
			page.Records = append(page.Records, record)
		}
	}
	return nil
}

// readValue decodes what MGET returned for a record, which is nil both for a missing
// key and for a key of another type.
func (s *store) readValue(ctx context.Context, id string, value any) (*token.Record, error) {
	text, ok := value.(string)
	if !ok {
		return s.Get(ctx, id)
	}
	return s.decode(id, []byte(text))
}

// damage returns what apply.lua needs to delete a damaged record: a mark of its
// current value, and its index entries, which it finds by scanning the index. It
// returns storage.ErrConflict if the record does not exist or is not damaged.
func (s *store) damage(ctx context.Context, id string) (mark string, entries []string, err error) {
	bounded, cancel := s.within(ctx)
	data, err := s.client.Get(bounded, s.recordKey(id)).Bytes()
	cancel()
	switch {
	case errors.Is(err, redis.Nil):
		return "", nil, storage.ErrConflict
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		mark = markType
	case err != nil:
		return "", nil, s.fail(ctx, storage.Reading(id), err)
	default:
		if _, err := storage.DecodeRecord(id, data); err == nil {
			return "", nil, storage.ErrConflict
		}
		mark = markOf(data)
	}
	scan, err := new(storage.Query).Scan()
	if err != nil {
		return "", nil, err
	}
	err = s.scan(ctx, scan.Start, scan.End, lastChunk, func(entry string) (more bool) {
		if scan.Match(entry) && scan.ID(entry) == id {
			entries = append(entries, storage.EntriesBeside(entry)...)
		}
		return true
	})
	if err != nil {
		return "", nil, s.fail(ctx, "look for the token "+id, err)
	}
	return mark, entries, nil
}

// markType stands for the version of a key of another type, and markOf for that of
// damaged data, in the arguments of the script that makes changes.
const markType = "=type"

func markOf(data []byte) string {
	sum := sha1.Sum(data) //nolint:gosec // G401: as above
	return "=" + hex.EncodeToString(sum[:])
}

// Count returns the number of records in the index.
func (s *store) Count(ctx context.Context) (int, error) {
	scan, err := new(storage.Query).Scan()
	if err != nil {
		return 0, err
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	n, err := s.client.ZLexCount(bounded, s.index, "["+scan.Start, "("+scan.End).Result()
	if err != nil {
		return 0, s.fail(ctx, "count tokens", err)
	}
	return int(n), nil
}

// CountExpiring returns how many tokens expire within each of these times.
func (s *store) CountExpiring(ctx context.Context, now time.Time, within []time.Duration) ([]int, error) {
	tally := storage.NewTally(now, within)
	for _, scan := range tally.Scans() {
		err := s.scan(ctx, scan.Start, scan.End, lastChunk, func(entry string) (more bool) {
			tally.Add(entry)
			return true
		})
		if err != nil {
			return nil, s.fail(ctx, "count tokens", err)
		}
	}
	return tally.Counts(), nil
}

// Interface guards
var (
	_ storage.Counter       = (*store)(nil)
	_ storage.ExpiryCounter = (*store)(nil)
)
