package audit

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Logged wraps a store so that it logs every event that it has written.
func Logged(store storage.Store, logger *zap.Logger) storage.Store {
	return &logged{Store: store, logger: logger}
}

type logged struct {
	storage.Store
	logger *zap.Logger
}

func (l *logged) Apply(ctx context.Context, change storage.Change) error {
	err := l.Store.Apply(ctx, change)
	l.log(err, change.Event)
	return err
}

func (l *logged) ApplyDocument(ctx context.Context, change storage.DocumentChange) error {
	err := l.Store.ApplyDocument(ctx, change)
	change.Event.Document = change.DocumentName.String()
	l.log(err, change.Event)
	return err
}

func (l *logged) AddEvents(ctx context.Context, events ...storage.Event) error {
	err := l.Store.AddEvents(ctx, events...)
	l.log(err, events...)
	return err
}

func (l *logged) log(err error, events ...storage.Event) {
	if err != nil {
		return
	}
	for _, event := range events {
		if line := l.logger.Check(zapcore.InfoLevel, event.Action); line != nil {
			line.Write(zap.Inline(eventLine(event)))
		}
	}
}

// eventLine adds an event's fields to a log line, under the same names as in JSON.
type eventLine storage.Event

func (e eventLine) MarshalLogObject(line zapcore.ObjectEncoder) error {
	texts(line, "token_id", e.TokenID, "document", e.Document, "owner", e.Owner, "name", e.Name)
	line.AddString("at", e.At.UTC().Format(time.RFC3339Nano))
	if e.Count > 0 {
		line.AddUint64("count", e.Count)
		line.AddString("until", e.Until.UTC().Format(time.RFC3339Nano))
	}
	err := line.AddObject("actor", zapcore.ObjectMarshalerFunc(func(line zapcore.ObjectEncoder) error {
		texts(line, "kind", e.Actor.Kind, "name", e.Actor.Name, "address", e.Actor.Address, "claim", e.Actor.Claim)
		return nil
	}))
	if err == nil && e.Request != nil {
		err = line.AddObject("request", zapcore.ObjectMarshalerFunc(e.addRequest))
	}
	if err == nil && len(e.Changes) > 0 {
		err = line.AddReflected("changes", json.RawMessage(e.changes()))
	}
	return err
}

func (e eventLine) addRequest(line zapcore.ObjectEncoder) error {
	r := e.Request
	texts(line, "method", r.Method, "path", r.Path, "operation", r.Operation, "access", r.Access, "account", r.Account,
		"project", r.Project, "issue", r.Issue, "reason", r.Reason, "jira_request_id", r.JiraRequestID, "claimed_token_id", r.ClaimedTokenID)
	if r.Status > 0 {
		line.AddInt("status", r.Status)
	}
	return nil
}

func (e eventLine) changes() []byte {
	text, err := json.Marshal(e.Changes)
	if err != nil {
		return []byte(`"(not shown)"`) // cannot happen
	}
	return text
}

// texts adds the fields, given as names and values, that are not empty.
func texts(line zapcore.ObjectEncoder, fields ...string) {
	var name string
	for i, text := range fields {
		switch {
		case i%2 == 0:
			name = text
		case text != "":
			line.AddString(name, text)
		}
	}
}
