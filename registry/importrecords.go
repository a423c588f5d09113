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

// record imports a record.
func (i *importer) record(ctx context.Context, record *token.Record) (outcome, error) {
	r := i.registry
	existing, err := r.store.Get(ctx, record.ID)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		ended := r.endLink(record, nil)
		o, err := i.recordNew(ctx, record)
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
	o, err := i.recordLater(ctx, existing, record)
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

func (i *importer) recordNew(ctx context.Context, record *token.Record) (outcome, error) {
	if !i.options.Restore {
		last, err := i.registry.lastChange(ctx, record.ID)
		switch {
		case err != nil || last == ActionDelete || last == storage.ActionDamaged:
			return outcome{kind: recordDeleted}, err
		case last == "" && i.forgotten:
			return outcome{kind: recordKept, why: maybeDeleted}, nil
		}
	}
	if i.options.Check {
		return outcome{kind: recordImported}, nil
	}
	return outcome{kind: recordImported}, i.registry.apply(ctx, i.actor, ActionImport, nil, record)
}

// recordLater replaces a record by a later version of itself. Only a record that nobody
// has changed here since it was imported is the same token's past: otherwise the change
// that was made here, such as a revocation, would be lost. A revocation there is permanent,
// so it holds here too, whatever else has happened.
func (i *importer) recordLater(ctx context.Context, existing, record *token.Record) (outcome, error) {
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
	last, err := i.registry.lastChange(ctx, record.ID)
	later := last == ActionImport && existing.Version < record.Version
	switch {
	case err != nil:
		return outcome{}, err
	case !later && !revoked:
		return outcome{kind: recordKept, why: "it has changed here since it was imported, and in the export too: delete one of them"}, nil
	case i.options.Check:
		return outcome{kind: recordUpdated}, nil
	case !later:
		return outcome{kind: recordUpdated}, i.registry.importRevocation(ctx, i.actor, record)
	}
	return outcome{kind: recordUpdated}, i.registry.apply(ctx, i.actor, ActionImport, existing, record)
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
// trail has none, or storage.ActionDamaged if that can no longer be read. Other events about the
// token, such as those about its requests, are not changes, whoever caused them.
func (r *Registry) lastChange(ctx context.Context, id string) (action string, err error) {
	action, _, err = r.lastChangeAndAlarms(ctx, id)
	return action, err
}

// lastChangeAndAlarms also returns how many alarms there have been since about the token's
// hand-over link. An alarm changes nothing about what the token can do.
func (r *Registry) lastChangeAndAlarms(ctx context.Context, id string) (action string, alarms int, err error) {
	err = r.eachEvent(ctx, EventQuery{TokenID: id, Actions: changesOfTokens}, func(event Event) {
		if event.Action == ActionHandoverAlarm {
			alarms++
		} else {
			action, alarms = event.Action, 0
		}
	})
	return action, alarms, err
}

func sameJSON(a, b any) (bool, error) {
	x, err := json.Marshal(a)
	if err != nil {
		return false, err
	}
	y, err := json.Marshal(b)
	return string(x) == string(y), err
}
