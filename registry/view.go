package registry

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// View is a token as programs see it, in JSON.
type View struct {
	ID string `json:"id"`
	// Token is the token itself: only in the answer that made it.
	Token    string      `json:"token,omitempty"`
	Owner    string      `json:"owner"`
	Name     string      `json:"name"`
	Scope    token.Scope `json:"scope"`
	State    token.State `json:"state"`
	AllowIP  []string    `json:"allow_ip"`
	DenyIP   []string    `json:"deny_ip"`
	Account  string      `json:"account"`
	Created  time.Time   `json:"created_at"`
	Updated  time.Time   `json:"updated_at"`
	Rotated  *time.Time  `json:"rotated_at,omitempty"`
	Previous *time.Time  `json:"previous_until,omitempty"`
	// NotBefore and ExpiresAt are null when there is no bound.
	NotBefore *time.Time `json:"not_before"`
	ExpiresAt *time.Time `json:"expires_at"`
	// Limit and MaxConcurrent are the token's own; "" and 0: those of the
	// configuration.
	Limit         string `json:"limit"`
	MaxConcurrent int    `json:"max_concurrent"`
	// LastUsed is left out when the token was never used, and of the answer to
	// a change.
	LastUsed *storage.Use `json:"last_used,omitempty"`
	// Version counts the changes; naming it in a change refuses the change
	// when somebody else was faster.
	Version uint64 `json:"version"`
}

// Views returns records as programs see them, with their last uses.
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

// View returns a record as programs see it, without its last use.
func (r *Registry) View(record *token.Record) View {
	return View{
		ID: record.ID, Owner: record.Owner, Name: record.Name, Scope: record.Scope,
		State:   record.State(r.now()),
		AllowIP: networkTexts(record.Networks.Allow), DenyIP: networkTexts(record.Networks.Deny),
		Account: record.Account, Created: record.CreatedAt, Updated: record.UpdatedAt,
		Rotated: timeOrNil(record.RotatedAt), Previous: timeOrNil(record.PreviousUntil),
		NotBefore: timeOrNil(record.NotBefore), ExpiresAt: timeOrNil(record.ExpiresAt),
		Limit: record.Limit.String(), MaxConcurrent: record.MaxConcurrent,
		Version: record.Version,
	}
}

func networkTexts(prefixes []netip.Prefix) []string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return texts
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Request is what programs ask for when they create or change a token, in
// JSON. In a change a field that is left out stays as it is.
type Request struct {
	Owner   *string   `json:"owner"`
	Name    *string   `json:"name"`
	Scope   *string   `json:"scope"`
	AllowIP *[]string `json:"allow_ip"`
	DenyIP  *[]string `json:"deny_ip"`
	Account *string   `json:"account"`
	// Limit is what token.ParseLimit reads; "" and 0 take a bound of the
	// token's own away.
	Limit         *string `json:"limit"`
	MaxConcurrent *int    `json:"max_concurrent"`
	// NotBefore and ExpiresAt are what ParseMoment reads.
	NotBefore *string `json:"not_before"`
	ExpiresAt *string `json:"expires_at"`
	Version   *uint64 `json:"version"`
}

// Spec reads a request for a new token.
func (r *Registry) Spec(request Request) (Spec, error) {
	if request.Version != nil {
		return Spec{}, invalid("version", errors.New("a new token has none"))
	}
	patch, err := r.patch(request)
	if err != nil {
		return Spec{}, err
	}
	spec := Spec{}
	set(&spec.Owner, request.Owner)
	set(&spec.Name, patch.Name)
	set(&spec.Scope, patch.Scope)
	set(&spec.Networks.Allow, patch.Allow)
	set(&spec.Networks.Deny, patch.Deny)
	set(&spec.Account, patch.Account)
	set(&spec.Limit, patch.Limit)
	set(&spec.MaxConcurrent, patch.MaxConcurrent)
	set(&spec.NotBefore, patch.NotBefore)
	set(&spec.ExpiresAt, patch.ExpiresAt)
	return spec, nil
}

// Patch reads a request for a change.
func (r *Registry) Patch(request Request) (Patch, error) {
	if request.Owner != nil {
		return Patch{}, invalid("owner", errors.New("the owner of a token cannot be changed; create a new one"))
	}
	return r.patch(request)
}

func (r *Registry) patch(request Request) (patch Patch, err error) {
	if request.Version != nil && *request.Version == 0 {
		return patch, invalid("version", errors.New("want the version that the token was read with, from 1"))
	}
	patch.Name, patch.Account, patch.MaxConcurrent = request.Name, request.Account, request.MaxConcurrent
	set(&patch.Version, request.Version)
	if request.Scope != nil {
		scope, err := token.ParseScope(*request.Scope)
		if err != nil {
			return patch, invalid("scope", err)
		}
		patch.Scope = &scope
	}
	if patch.Limit, err = parseLimit(request.Limit); err != nil {
		return patch, err
	}
	if patch.Allow, err = parseNetworks("allow_ip", request.AllowIP); err != nil {
		return patch, err
	}
	if patch.Deny, err = parseNetworks("deny_ip", request.DenyIP); err != nil {
		return patch, err
	}
	if patch.NotBefore, err = r.parseTime("not_before", request.NotBefore); err != nil {
		return patch, err
	}
	patch.ExpiresAt, err = r.parseTime("expires_at", request.ExpiresAt)
	return patch, err
}

func parseLimit(text *string) (*token.Limit, error) {
	if text == nil {
		return nil, nil
	}
	limit := new(token.Limit)
	return limit, invalid("limit", limit.UnmarshalText([]byte(*text)))
}

func parseNetworks(field string, texts *[]string) (*[]netip.Prefix, error) {
	if texts == nil {
		return nil, nil
	}
	if len(*texts) > token.MaxNetworks {
		return nil, invalid(field, fmt.Errorf("%d networks: want at most %d", len(*texts), token.MaxNetworks))
	}
	prefixes, err := token.ParseNetworks(*texts)
	return &prefixes, invalid(field, err)
}

func (r *Registry) parseTime(field string, text *string) (*time.Time, error) {
	if text == nil {
		return nil, nil
	}
	t, err := ParseMoment(*text, r.now())
	return &t, invalid(field, err)
}

// ParseMoment reads a moment as people write it: a time from now (90d, 12h,
// 30m), a date (2027-01-31: its beginning in UTC), a time (RFC 3339), or never
// for the zero time.
func ParseMoment(text string, now time.Time) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	if ahead, err := ParseSpan(text); err == nil {
		return now.UTC().Add(ahead).Truncate(time.Second), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC().Truncate(time.Second), nil
		}
	}
	return time.Time{}, fmt.Errorf("time %q: want a time from now in d, h, m or s such as 90d or 12h, a date such as 2027-01-31, a time such as 2027-01-31T18:00:00Z, or never", text)
}

// ParseSpan reads a length of time: 90d, 12h, 30m, 45s.
func ParseSpan(text string) (time.Duration, error) {
	span := fmt.Errorf("length of time %q: want one such as 90d, 12h, 30m or 45s", text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return 0, span
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, span
	}
	return d, nil
}
