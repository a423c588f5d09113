package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// outcome is the result for one record of an import.
type outcome struct {
	kind outcomeKind
	why  string // if the record here was kept
	// linkEnded is set if the record had a hand-over link that could still be opened.
	linkEnded bool
}

type outcomeKind int

const (
	recordFailed outcomeKind = iota
	recordImported
	recordUpdated
	recordUnchanged
	recordDeleted
	recordKept
)

func (r *Registry) importRecord(ctx context.Context, actor storage.Actor, record *token.Record, options ImportOptions) (outcome, error) {
	existing, err := r.store.Get(ctx, record.ID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		ended := r.endLink(record, nil)
		o, err := r.importNew(ctx, actor, record, options)
		o.linkEnded = ended && o.kind == recordImported
		return o, err
	case errors.Is(err, storage.ErrDamaged):
		return outcome{kind: recordKept, why: "its record here is damaged: delete it, then import it with --restore"}, nil
	case err != nil:
		return outcome{}, fmt.Errorf("token %s: %w", record.ID, err)
	}
	same, err := sameJSON(existing, record)
	ended := false
	if err == nil && !same {
		ended = r.endLink(record, existing.Handover)
		same, err = sameJSON(existing, record)
	}
	switch {
	case err != nil:
		return outcome{}, err
	case same:
		return outcome{kind: recordUnchanged}, nil
	}
	o, err := r.importLater(ctx, actor, existing, record, options)
	o.linkEnded = ended && o.kind == recordUpdated
	return o, err
}

// endLink ends the hand-over link of a record from another store, where it works: in both,
// it would show the token once more, without an alarm. known is the link here, which an
// earlier import may have ended. It reports whether the link could still be opened.
func (r *Registry) endLink(record *token.Record, known *token.Handover) bool {
	link := record.Handover
	switch {
	case link == nil || !link.OpenedAt.IsZero():
		return false
	case known != nil && known.Digest.Equal(link.Digest) && known.OpenedAt.IsZero() && !known.Waiting(r.now()):
		ended := *link
		ended.ExpiresAt = known.ExpiresAt
		record.Handover = &ended
		return false
	}
	record.Handover = link.EndedAt(r.timestamp())
	return record.Handover != link
}

func (r *Registry) importNew(ctx context.Context, actor storage.Actor, record *token.Record, options ImportOptions) (outcome, error) {
	if !options.Restore {
		last, err := r.lastChange(ctx, record.ID)
		if err != nil || last == ActionDelete || last == storage.ActionDamaged {
			return outcome{kind: recordDeleted}, err
		}
	}
	if options.Check {
		return outcome{kind: recordImported}, nil
	}
	return outcome{kind: recordImported}, r.apply(ctx, actor, ActionImport, nil, record)
}

// importLater replaces a record by a later version of itself. Only a record that nobody
// has changed here since it was imported is the same token's past: otherwise the change
// that was made here, such as a revocation, would be lost. A revocation there is permanent,
// so it holds here too, whatever else has happened.
func (r *Registry) importLater(ctx context.Context, actor storage.Actor, existing, record *token.Record, options ImportOptions) (outcome, error) {
	revoked := record.Status == token.StatusRevoked
	switch {
	case !existing.CreatedAt.Equal(record.CreatedAt) || existing.Kind != record.Kind:
		return outcome{kind: recordKept, why: "another token has this ID here: delete it, or leave it out of the import"}, nil
	case existing.Status == token.StatusRevoked && revoked:
		return outcome{kind: recordUnchanged}, nil
	case existing.Version >= record.Version && !revoked:
		return outcome{kind: recordKept, why: fmt.Sprintf("it has changed here: version %d, and %d in the export", existing.Version, record.Version)}, nil
	case existing.Status == token.StatusRevoked:
		return outcome{kind: recordKept, why: "it is revoked here"}, nil
	}
	last, err := r.lastChange(ctx, record.ID)
	later := last == ActionImport && existing.Version < record.Version
	switch {
	case err != nil:
		return outcome{}, err
	case !later && !revoked:
		return outcome{kind: recordKept, why: "it has changed here since it was imported, and in the export too: delete one of them"}, nil
	case options.Check:
		return outcome{kind: recordUpdated}, nil
	case !later:
		return outcome{kind: recordUpdated}, r.importRevocation(ctx, actor, record)
	}
	return outcome{kind: recordUpdated}, r.apply(ctx, actor, ActionImport, existing, record)
}

// importRevocation revokes a token that was revoked where it comes from, and leaves
// everything else about it as it is here.
func (r *Registry) importRevocation(ctx context.Context, actor storage.Actor, from *token.Record) error {
	_, err := r.change(ctx, actor, ActionRevoke, from.ID, 0, func(record *token.Record) error {
		record.Status, record.StatusReason, record.Unapproved = token.StatusRevoked, from.StatusReason, false
		record.Handover = record.Handover.EndedAt(r.timestamp())
		return nil
	})
	return err
}

// lastChange returns the action of the last change of a token in this store, or "" if the
// trail has none, or storage.ActionDamaged if that can no longer be read. Other events about the token, such as those about its requests, are no
// changes, whoever caused them.
func (r *Registry) lastChange(ctx context.Context, id string) (action string, err error) {
	err = r.eachEvent(ctx, EventQuery{TokenID: id, Actions: changesOfTokens}, func(event Event) { action = event.Action })
	return action, err
}

func sameJSON(a, b any) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return string(x) == string(y), err
}
