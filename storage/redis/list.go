package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Entries are read in chunks: few at first, for most pages are full at once,
// then more, as long as a chunk takes the server about a millisecond.
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
	limit := query.PageSize()
	var matching []string
	err = s.scan(ctx, scan.Start, scan.End, 2*limit, func(entry string) (more bool) {
		if scan.Match(entry) {
			matching = append(matching, entry)
		}
		return len(matching) <= limit // one more: is this the last page?
	})
	if err != nil {
		return storage.Page{}, s.fail(ctx, "list tokens", err)
	}

	var page storage.Page
	if len(matching) > limit {
		matching = matching[:limit]
		page.Next = scan.Cursor(matching[limit-1])
	}
	ids := make([]string, len(matching))
	for i, entry := range matching {
		ids[i] = scan.ID(entry)
	}
	records, err := s.records(ctx, ids)
	if err != nil {
		return storage.Page{}, err
	}
	// A record can have been changed since its entry was read.
	for _, record := range records {
		if query.Match(record) {
			page.Records = append(page.Records, record)
		}
	}
	return page, nil
}

// scan calls visit for the entries of the index from start to before end,
// until it wants no more. It expects to need about expect of them.
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

// records reads the records with these ids, without those that are gone.
func (s *store) records(ctx context.Context, ids []string) ([]*token.Record, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = s.recordKey(id)
	}
	bounded, cancel := s.within(ctx)
	defer cancel()
	values, err := s.client.MGet(bounded, keys...).Result()
	if err != nil {
		return nil, s.fail(ctx, "read listed tokens", err)
	}
	records := make([]*token.Record, 0, len(ids))
	for i, value := range values {
		text, ok := value.(string)
		if !ok {
			continue
		}
		record, err := s.decode(ids[i], []byte(text))
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}
