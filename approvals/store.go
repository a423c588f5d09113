package approvals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The actions of the audit trail.
const (
	ActionRequest = "approval_request"
	ActionApprove = "approval_approve"
	ActionReject  = "approval_reject"
	ActionUse     = "approval_use"
	// ActionExpire is for requests that were not decided or not sent again in time, and
	// for those whose token was changed.
	ActionExpire = "approval_expire"
	// ActionForget is for requests that ended some time ago.
	ActionForget = "approval_forget"
)

// read reads the document with this name. A missing document is not an error, and a
// damaged one is replaced by the next request.
func (k *Keeper) read(ctx context.Context, name storage.DocumentName) (stored, error) {
	found, err := k.Store.Document(ctx, name)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return stored{name: name}, nil
	case errors.Is(err, storage.ErrDamaged):
		return stored{name: name, damaged: true}, nil
	case err != nil:
		return stored{}, fmt.Errorf("reading a held request: %w", err)
	}
	return decode(found), nil
}

func decode(found storage.Document) stored {
	s := stored{name: found.DocumentName, version: found.Version}
	if err := json.Unmarshal(found.Data, &s.document); err != nil || !ValidID(s.ID) {
		s.document = document{} // it has expired, and is replaced
	}
	return s
}

// change changes a document and drops the request's body, which is only kept until
// somebody has decided. It returns what the document becomes.
func (k *Keeper) change(ctx context.Context, s stored, action string, actor storage.Actor, reason string, edit func(*document)) (stored, error) {
	edit(&s.document)
	s.Body = nil
	return s, k.apply(ctx, s, s.event(action, actor, k.now(), reason))
}

// end deletes a document whose time is over.
func (k *Keeper) end(ctx context.Context, s stored) error {
	action := ActionForget
	if s.State == StatePending || s.State == StateApproved {
		action = ActionExpire
	}
	event := s.event(action, storage.Actor{Kind: storage.ActorSystem}, k.now(), "")
	return k.Store.ApplyDocument(ctx, storage.DocumentChange{DocumentName: s.name, Version: s.version, Event: event})
}

func (k *Keeper) apply(ctx context.Context, s stored, event storage.Event) error {
	data, err := json.Marshal(s.document)
	if err != nil {
		return err
	}
	return k.Store.ApplyDocument(ctx, storage.DocumentChange{DocumentName: s.name, Version: s.version, Damaged: s.damaged, Data: data, Event: event})
}

// event returns the audit event of a change. It has the request's path, but neither its
// query nor its body.
func (d *document) event(action string, actor storage.Actor, now time.Time, reason string) storage.Event {
	path, _, _ := strings.Cut(d.Request.URI, "?")
	event := storage.Event{
		At: now.UTC(), Action: action, Actor: actor, TokenID: d.TokenID, Owner: d.Owner, Name: d.TokenName,
		Changes: []storage.FieldChange{{Field: "approval", New: quoted(d.ID)}, {Field: "request", New: quoted(d.Request.Method + " " + path)}},
	}
	if reason != "" {
		event.Changes = append(event.Changes, storage.FieldChange{Field: "reason", New: quoted(reason)})
	}
	return event
}

func quoted(text string) json.RawMessage {
	encoded, err := json.Marshal(text)
	if err != nil {
		return nil // cannot happen
	}
	return encoded
}

// clientOf returns who sent a request, as an actor.
func clientOf(r *handler.HeldRequest) storage.Actor {
	actor := storage.Actor{Kind: storage.ActorClient, Name: r.Record.Owner, Claim: token.Claim(r.UserAgent)}
	if r.Address.IsValid() {
		actor.Address = r.Address.String()
	}
	return actor
}

// each calls visit with the documents of a budget, or all if that is empty, until it
// returns false.
func (k *Keeper) each(ctx context.Context, budget string, visit func(storage.Document) bool) error {
	query := storage.DocumentQuery{Kind: Kind}
	if budget != "" {
		query.Cursor = nameOf(budget + "-").String() // before all of the budget's
	}
	for {
		page, err := k.Store.Documents(ctx, query)
		if err != nil {
			return fmt.Errorf("listing held requests: %w", err)
		}
		for _, found := range page.Documents {
			if budget != "" && !strings.HasPrefix(found.ID, budget+"-") || !visit(found) {
				return nil
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Cursor = page.Next
	}
}

// Sweep deletes what has expired, with the bodies that are kept.
func (k *Keeper) Sweep(ctx context.Context) error {
	var over []stored
	err := k.each(ctx, "", func(found storage.Document) bool {
		s := decode(found)
		if s.stateAt(k.now()) == StateExpired {
			over = append(over, stored{name: s.name, version: s.version, document: s.document})
		}
		return len(over) < 1000
	})
	for _, s := range over {
		if failed := k.end(ctx, s); failed != nil && !errors.Is(failed, storage.ErrConflict) {
			err = errors.Join(err, failed)
			break
		}
	}
	return err
}
