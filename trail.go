package jiratokens

import (
	"context"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/audit"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Trail implements handler.App.
func (a *App) Trail() handler.Trail {
	return requestTrail{a.tokens.Store.Recorder, a.Audit != nil && a.Audit.Strict}
}

// requestTrail records requests as events of the audit trail.
type requestTrail struct {
	recorder *audit.Recorder
	strict   bool
}

// Denied implements handler.Trail.
func (t requestTrail) Denied(ctx context.Context, kind handler.DenialKind, at time.Time, describe func() handler.Recorded) error {
	counted := audit.Kind{Reason: string(kind.Reason), TokenID: kind.TokenID, Network: kind.Network, Operation: kind.Operation}
	event := func() storage.Event { return requestEvent(storage.ActionDenied, describe()) }
	if t.strict {
		return t.recorder.WriteDenied(ctx, counted, at, event)
	}
	t.recorder.Denied(counted, at, event)
	return nil
}

// WriteBegins implements handler.Trail.
func (t requestTrail) WriteBegins(ctx context.Context, describe func() handler.Recorded) error {
	if !t.strict {
		return nil
	}
	return t.recorder.Begin(ctx, requestEvent(storage.ActionWriteBegun, describe()))
}

// Wrote implements handler.Trail. If the event cannot be written now, it is kept in
// memory, and the client still gets Jira's answer: Jira has made the change.
func (t requestTrail) Wrote(ctx context.Context, write handler.Recorded) {
	event := requestEvent(storage.ActionWrite, write)
	if t.strict {
		_ = t.recorder.Write(ctx, event)
		return
	}
	t.recorder.Add(event)
}

func requestEvent(action string, r handler.Recorded) storage.Event {
	event := storage.Event{
		At: r.At.UTC(), Action: action, Actor: storage.Actor{Kind: storage.ActorClient, Claim: r.UserAgent},
		Request: &storage.EventRequest{
			Method: r.Method, Path: r.Path, Operation: r.Operation, Access: r.Access, Account: r.Account,
			Project: r.Project, Issue: r.Issue, Reason: string(r.Reason), Status: r.Status,
			JiraRequestID: r.JiraRequestID, ClaimedTokenID: r.ClaimedTokenID,
		},
	}
	if r.Address.IsValid() {
		event.Actor.Address = r.Address.String()
	}
	if r.Token != nil {
		event.TokenID, event.Owner, event.Name = r.Token.ID, r.Token.Owner, r.Token.Name
		event.Actor.Name = r.Token.Owner
	}
	return event
}

// Interface guard
var _ handler.Trail = requestTrail{}
