package post

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// tooOld is why a notice is dropped that has waited for longer than Keep.
const tooOld = "it has waited for more than 7 days"

// Clear removes the mark of a notice that is published once, so that it can be published
// again. It reports whether there was one.
func (o *Office) Clear(ctx context.Context, n notice.Notice) (bool, error) {
	name := storage.DocumentName{Kind: kindMark, ID: n.OnceID()}
	document, err := o.Store.Document(ctx, name)
	if errors.Is(err, storage.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = o.Store.ApplyQuietly(ctx, storage.DocumentChange{DocumentName: name, Version: document.Version})
	if errors.Is(err, storage.ErrConflict) { // another node has removed it
		return false, nil
	}
	return err == nil, err
}

// Forget removes the marks of notices that could come up again only before a time, and the
// notices that wait for any receiver, also for one that is no longer configured, for longer
// than Keep.
func (o *Office) Forget(ctx context.Context, before time.Time) error {
	err := o.each(ctx, kindMark, func(document storage.Document) error {
		var m mark
		if json.Unmarshal(document.Data, &m) != nil || m.Until.IsZero() || !m.Until.Before(before) || !m.At.Before(before) {
			return nil
		}
		err := o.Store.ApplyQuietly(ctx, storage.DocumentChange{DocumentName: document.DocumentName, Version: document.Version})
		if errors.Is(err, storage.ErrConflict) {
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	oldest := o.Now().Add(-Keep)
	dropped := make(map[string]int)
	err = o.each(ctx, kindOutbox, func(document storage.Document) error {
		receiver, at, ok := parseEntryID(document.ID)
		if !ok || !at.Before(oldest) {
			return nil
		}
		removed, err := o.dropEntry(ctx, receiver, document)
		if removed {
			dropped[receiver]++
		}
		return err
	})
	for receiver, n := range dropped {
		o.reportDrop(drop{receiver, n, tooOld})
	}
	return err
}

// each calls do with all documents of a kind.
func (o *Office) each(ctx context.Context, kind string, do func(storage.Document) error) error {
	query := storage.DocumentQuery{Kind: kind, Limit: storage.MaxPageSize}
	for {
		page, err := o.Store.Documents(ctx, query)
		if err != nil {
			return err
		}
		for _, document := range page.Documents {
			if err := do(document); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Cursor = page.Next
	}
}

// parseEntryID returns the receiver and the time in the ID of a notice in an outbox: see
// entryName.
func parseEntryID(id string) (receiver string, at time.Time, ok bool) {
	receiver, rest, _ := strings.Cut(id, "/")
	text, _, ok := strings.Cut(rest, "-")
	millis, err := strconv.ParseInt(text, 10, 64)
	return receiver, time.UnixMilli(millis), ok && err == nil
}

// dropEntry removes a notice from an outbox, whichever node delivers what is in it. It
// reports whether the notice was still there.
func (o *Office) dropEntry(ctx context.Context, receiver string, document storage.Document) (bool, error) {
	for range attempts {
		s, version, err := o.readState(ctx, receiver)
		if err != nil {
			return false, err
		}
		s.Waiting, s.Dropped = max(s.Waiting-1, 0), s.Dropped+1
		change, err := stateChange(receiver, version, s)
		if err != nil {
			return false, err
		}
		err = o.Store.ApplyQuietly(ctx, change, storage.DocumentChange{DocumentName: document.DocumentName, Version: document.Version})
		if !errors.Is(err, storage.ErrConflict) {
			return err == nil, err
		}
		if _, err := o.Store.Document(ctx, document.DocumentName); errors.Is(err, storage.ErrNotFound) {
			return false, nil // delivered or dropped in the meantime
		}
	}
	return false, storage.ErrConflict
}
