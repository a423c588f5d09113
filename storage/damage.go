package storage

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// DamagedError describes a stored record that cannot be used: it cannot be decoded,
// belongs to another token, or fails token.Record.Check. Somebody else may have
// written it, so nothing in it is trusted.
type DamagedError struct {
	// ID is the id under which the record was read or listed.
	ID  string
	Err error
}

func (e DamagedError) Error() string { return fmt.Sprintf("token %s: %s: %s", e.ID, ErrDamaged, e.Err) }

// Unwrap returns ErrDamaged and the cause.
func (e DamagedError) Unwrap() []error { return []error{ErrDamaged, e.Err} }

// DecodeRecord decodes the record that a store holds under id. Its errors are
// DamagedErrors.
func DecodeRecord(id string, data []byte) (*token.Record, error) {
	record := new(token.Record)
	if err := decode(data, record); err != nil {
		return nil, DamagedError{id, fmt.Errorf("invalid JSON: %w", err)}
	}
	if err := vet(id, record); err != nil {
		return nil, err
	}
	return record, nil
}

// decode accepts what encoding/json accepts, which read records and events at first, and
// gives it the same meaning, but takes a third of the time.
func decode(data []byte, into any) error {
	return json.Unmarshal(data, into, json.MatchCaseInsensitiveNames(true), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func vet(id string, record *token.Record) error {
	if record == nil {
		return DamagedError{id, errors.New("it is empty")}
	}
	if record.ID != id {
		return DamagedError{id, fmt.Errorf("it belongs to another token, %.20q", record.ID)}
	}
	if err := record.Check(); err != nil {
		return DamagedError{id, err}
	}
	return nil
}

// DecodeEvent decodes the audit event that a store holds under id. It returns an
// event with ActionDamaged if that fails, so that one bad event does not hide the
// others.
func DecodeEvent(id string, data []byte) Event {
	var event Event
	if err := decode(data, &event); err != nil {
		return Event{ID: id, Action: ActionDamaged}
	}
	event.ID = id
	return event
}

// ActionDamaged is the action of an event that cannot be decoded.
const ActionDamaged = "damaged"

// Vet wraps a store so that it returns only records that pass token.Record.Check,
// whoever wrote them. It calls report for each one that does not, for the log.
func Vet(store Store, report func(DamagedError)) Store { return &vetted{Store: store, report: report} }

type vetted struct {
	Store
	report func(DamagedError)
}

func (v *vetted) Get(ctx context.Context, id string) (*token.Record, error) {
	record, err := v.Store.Get(ctx, id)
	if err == nil {
		err = vet(id, record)
	}
	var damaged DamagedError
	switch {
	case errors.As(err, &damaged):
		v.report(damaged)
		return nil, err
	case err != nil:
		return nil, err
	}
	return record, nil
}

func (v *vetted) List(ctx context.Context, query Query) (Page, error) {
	return v.vetPage(v.Store.List(ctx, query))
}

func (v *vetted) Records(ctx context.Context, ids []string) (Page, error) {
	return v.vetPage(v.Store.Records(ctx, ids))
}

func (v *vetted) vetPage(page Page, err error) (Page, error) {
	if err != nil {
		return Page{}, err
	}
	whole := make([]*token.Record, 0, len(page.Records))
	for _, record := range page.Records {
		if damaged, ok := errors.AsType[DamagedError](vet(record.ID, record)); ok {
			page.Damaged = append(page.Damaged, damaged)
		} else {
			whole = append(whole, record)
		}
	}
	page.Records = whole
	for _, damaged := range page.Damaged {
		v.report(damaged)
	}
	return page, nil
}
