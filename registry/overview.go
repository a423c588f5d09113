package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// What an overview counts.
const (
	overviewExpiring = 30 * 24 * time.Hour
	overviewUnused   = 90 * 24 * time.Hour
	overviewDay      = 24 * time.Hour
	overviewWeek     = 7 * overviewDay
)

// Overview says in numbers what there is and what happens.
type Overview struct {
	// At is when the numbers were counted.
	At time.Time `json:"at"`
	// States counts tokens by state. Tokens that were exchanged for JWTs and have ended do
	// not count.
	States map[token.State]int `json:"states"`
	// Scopes counts active tokens by scope.
	Scopes map[token.Scope]int `json:"scopes"`
	// Expiring, Unused and NeverUsed count tokens that work or will work, as lists with
	// these filters show them: those that expire within 30 days, that have not been used
	// for 90 days, and that were never used.
	Expiring  int `json:"expiring"`
	Unused    int `json:"unused"`
	NeverUsed int `json:"never_used"`
	// Denials counts denied requests by reason.
	Denials struct {
		// Day and Week are the last 24 hours and 7 days. They begin with a full hour.
		Day  storage.DenialCounts `json:"day"`
		Week storage.DenialCounts `json:"week"`
	} `json:"denials"`
}

// errNoFinder cannot happen at a gateway: it has a catalog of every store.
var errNoFinder = fmt.Errorf("%w: it cannot count tokens", storage.ErrUnavailable)

// Overview counts what there is.
func (r *Registry) Overview(ctx context.Context) (*Overview, error) {
	query := storage.CensusQuery{Now: r.now(), Judge: r, Uses: r.uses.Noted(), Expiring: overviewExpiring, Unused: overviewUnused}
	if r.finder == nil {
		return nil, errNoFinder
	}
	census, err := r.finder.Census(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("counting tokens: %w", err)
	}
	view := &Overview{
		At: query.Now.UTC().Truncate(time.Second), States: census.States, Scopes: census.Scopes,
		Expiring: census.Expiring, Unused: census.Unused, NeverUsed: census.NeverUsed,
	}
	denials, err := r.uses.Denials(ctx, overviewDay, overviewWeek)
	if err != nil {
		return nil, err
	}
	view.Denials.Day, view.Denials.Week = denials[0], denials[1]
	return view, nil
}
