package registry

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// View is the JSON for a token: the fields that users set, as in an Edit, and what the
// registry adds to them.
type View struct {
	*token.Record
	// Token is the token itself. It is set only when the token is created or rotated.
	Token string
	State token.State
	// StateReason says why the token has its state, for administrators; empty if
	// there is nothing to say.
	StateReason string
	// GatewayURL is the address at which users reach the gateway, if that is known. It is
	// set only when the token is created or rotated.
	GatewayURL string
	// Limits are what the policy leaves of fields.
	Limits []policy.Limit
	// Choices are the fields that the gateway has chosen, and Warnings what the
	// creator of the token should consider. They are set only when the token is
	// created.
	Choices  []policy.Choice
	Warnings []string
	// Handover is the last link with which the token was handed over; nil if there was
	// none.
	Handover *HandoverView
	// LastUsed is nil if the token was never used, and in responses to changes.
	LastUsed *storage.Use
	// ConfineCheck is set only in the answer to a change for which Jira was asked
	// about the token's confinement.
	ConfineCheck *ConfineCheck
	// Error says what is wrong with a damaged record, if the View was decoded from a
	// DamagedView.
	Error string
}

// ConfineCheck is what a Jira says about a confinement that it accepts.
type ConfineCheck struct {
	// Jira is the URL of the Jira that was asked.
	Jira string `json:"jira"`
	// Issues is how many issues are inside now; Jira Cloud counts them
	// approximately. It is nil if all issues are, with only fields hidden.
	Issues *int `json:"issues,omitempty"`
}

// kept is the JSON for the members of a View that are not in the table of fields.
type kept struct {
	ID            string          `json:"id"`
	Token         string          `json:"token,omitempty"`
	GatewayURL    string          `json:"gateway_url,omitempty"`
	State         token.State     `json:"state"`
	StateReason   string          `json:"state_reason,omitempty"`
	Limits        []policy.Limit  `json:"limited_by_policy,omitempty"`
	Choices       []policy.Choice `json:"chosen,omitempty"`
	Warnings      []string        `json:"warnings,omitempty"`
	CreatedAt     time.Time       `json:"created_at"`
	UpdatedAt     time.Time       `json:"updated_at"`
	RotatedAt     time.Time       `json:"rotated_at,omitzero"`
	PreviousUntil time.Time       `json:"previous_until,omitzero"`
	Issuer        string          `json:"issuer,omitempty"`
	VanishesAt    time.Time       `json:"vanishes_at,omitzero"`
	Handover      *HandoverView   `json:"handover,omitempty"`
	LastUsed      *storage.Use    `json:"last_used,omitempty"`
	ConfineCheck  *ConfineCheck   `json:"confine_check,omitempty"`
	Error         string          `json:"error,omitempty"`
	// Version counts the changes. A change that names it fails if the token has
	// changed since.
	Version uint64 `json:"version"`
}

// MarshalJSON implements json.Marshaler. It leaves out the digests.
func (v View) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(kept{
		ID: v.ID, Token: v.Token, GatewayURL: v.GatewayURL, State: v.State, StateReason: v.StateReason, Limits: v.Limits, Choices: v.Choices, Warnings: v.Warnings, CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt,
		RotatedAt: v.RotatedAt, PreviousUntil: v.PreviousUntil, Issuer: v.Issuer, VanishesAt: v.VanishesAt, Handover: v.Handover, LastUsed: v.LastUsed, ConfineCheck: v.ConfineCheck,
		Error: v.Error, Version: v.Version,
	})
	if err != nil {
		return nil, err
	}
	text = text[:len(text)-1] // remove the closing brace
	for _, field := range token.Fields() {
		value, err := json.Marshal(field.Value(v.Record))
		if err != nil {
			return nil, err
		}
		text = append(append(text, `,"`+field.Name+`":`...), value...)
	}
	return append(text, '}'), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *View) UnmarshalJSON(text []byte) error {
	var kept kept
	if err := json.Unmarshal(text, &kept); err != nil {
		return err
	}
	var fields token.Edit
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	*v = View{Token: kept.Token, GatewayURL: kept.GatewayURL, State: kept.State, StateReason: kept.StateReason, Limits: kept.Limits, Choices: kept.Choices, Warnings: kept.Warnings, Handover: kept.Handover, LastUsed: kept.LastUsed, ConfineCheck: kept.ConfineCheck, Error: kept.Error, Record: &token.Record{
		ID: kept.ID, CreatedAt: kept.CreatedAt, UpdatedAt: kept.UpdatedAt,
		RotatedAt: kept.RotatedAt, PreviousUntil: kept.PreviousUntil, Issuer: kept.Issuer, VanishesAt: kept.VanishesAt, Version: kept.Version,
	}}
	for _, field := range token.Fields() {
		if !fields.Has(field.Name) {
			continue
		}
		if err := field.Set(v.Record, fields[field.Name], time.Now()); err != nil {
			return InvalidError{Field: field.Name, Err: err}
		}
	}
	return nil
}

// Views returns the views of records, with their last uses.
func (r *Registry) Views(ctx context.Context, records ...*token.Record) ([]View, error) {
	ids := make([]string, len(records))
	for i, record := range records {
		ids[i] = record.ID
	}
	uses, err := r.uses.Last(ctx, ids)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(records))
	for i, record := range records {
		views[i] = r.View(record)
		if use, ok := uses[record.ID]; ok {
			views[i].LastUsed = &use
		}
	}
	return views, nil
}

// View returns the view of a record, without its last use.
func (r *Registry) View(record *token.Record) View {
	state, reason := r.stateAndReason(record)
	limits := r.owners.Person(record.Owner).Rights.Limits(record)
	return View{Record: record, State: state, StateReason: reason, Limits: limits, Handover: r.viewHandover(record)}
}

// ViewIssued returns the view of a token that was just created or rotated, with the
// token itself.
func (r *Registry) ViewIssued(issued Issued) View {
	view := r.View(issued.Record)
	view.Token, view.Choices = issued.Token.Reveal(), issued.Choices
	if issued.Record.ExpiresAt.IsZero() {
		view.Warnings = append(view.Warnings, "the token never expires: give it an expiry with --expires, or revoke it when it is no longer needed")
	}
	return view
}
