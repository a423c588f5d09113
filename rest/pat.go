package rest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The endpoints of Data Center's API for personal access tokens, for gateways with
// pat_api.
// https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html

// patToken is a token as Data Center shows its own.
type patToken struct {
	ID             int64  `json:"id"`
	Name           string `json:"name"`
	CreatedAt      string `json:"createdAt"`
	LastAccessedAt string `json:"lastAccessedAt,omitempty"`
	ExpiringAt     string `json:"expiringAt,omitempty"`
	RawToken       string `json:"rawToken,omitempty"`
}

func newPATToken(record *token.Record) patToken {
	return patToken{ID: patID(record.ID), Name: record.Name, CreatedAt: patTime(record.CreatedAt), ExpiringAt: patTime(record.ExpiresAt)}
}

// patID returns the number that stands for a token's ID: Data Center's are numbers. It
// has 52 bits, which even JavaScript can hold.
func patID(id string) int64 {
	hash := sha256.Sum256([]byte("personal access token\n" + id))
	return int64(binary.BigEndian.Uint64(hash[:8]) >> 12) //nolint:gosec // G115: 52 bits
}

// patTime formats a time as Data Center does, or returns "" for the zero time.
func patTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

func (a *API) listPATs() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodGet, Path: handler.PATPath, Needs: handler.NeedsToken,
		Does: "lists the owner's tokens in Data Center's format, as far as they may do no more than this one",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			tokens := []patToken{}
			err := a.eachPAT(r.Context(), call.Record, func(view registry.View) {
				shown := newPATToken(view.Record)
				if view.LastUsed != nil {
					shown.LastAccessedAt = patTime(view.LastUsed.At)
				}
				tokens = append(tokens, shown)
			})
			if err != nil {
				return err
			}
			return reply(w, http.StatusOK, tokens)
		},
	}
}

func (a *API) createPAT() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodPost, Path: handler.PATPath, Needs: handler.NeedsToken,
		Does: "creates another token that may do what this one may",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			var request struct {
				Name string `json:"name"`
				// ExpirationDuration is in days; null means as long as possible.
				ExpirationDuration *int `json:"expirationDuration"`
			}
			if err := decode(r, &request); err != nil {
				return err
			}
			if err := a.mayMint(call); err != nil {
				return err
			}
			edit, err := likeness(call.Record)
			if err != nil {
				return err
			}
			if edit["name"], err = json.Marshal(request.Name); err != nil {
				return err
			}
			if days := request.ExpirationDuration; days != nil {
				if *days < 1 || *days > maxPATDays {
					return invalidRequest(fmt.Sprintf("expirationDuration: expected a number of days from 1 to %d.", maxPATDays))
				}
				edit["expires_at"] = json.RawMessage(strconv.Quote(strconv.Itoa(*days) + "d"))
			}
			issued, err := a.Registry.Create(r.Context(), holder(r, call), edit, asConfined(call.Record))
			if err != nil {
				return refusedPAT(err)
			}
			created := newPATToken(issued.Record)
			created.RawToken = issued.Token.Reveal()
			return reply(w, http.StatusCreated, created)
		},
	}
}

// maxPATDays is the longest life of a token that can be asked for, in days.
const maxPATDays = 36500

// mayMint returns an error if a token must not create another one, since the two
// together, or the other after this one has ended, could do more than this one may.
func (a *API) mayMint(call handler.Call) error {
	record := call.Record
	refuse := func(reason handler.Reason, message string) error {
		return &handler.EndpointError{Reason: reason, Message: message}
	}
	switch {
	case !record.Scope.Changes():
		return refuse(handler.ReasonScopeInsufficient, "This API token has scope "+record.Scope.String()+", creating and revoking tokens needs scope write.")
	case record.Exchanged():
		return refuse(handler.ReasonPathDenied, "This API token was exchanged for a JWT and is short-lived. It cannot create other tokens.")
	case record.Kind == token.KindExternal:
		return refuse(handler.ReasonPathDenied, "This API token is for an external person, whose tokens only an administrator can create.")
	case record.Replaced(call.Presented.Digest()):
		return refuse(handler.ReasonPathDenied, "This secret was replaced by a rotation and is about to end. It cannot create other tokens: use the new one.")
	case record.HoldWrites:
		return refuse(handler.ReasonPathDenied, "The changes of this API token must be approved, and nobody has approved another token. It cannot create other tokens.")
	}
	if limit := a.limitOn(record); limit != "" {
		return refuse(handler.ReasonPathDenied, "There is a limit on this API token ("+limit+"), which another token would double. It cannot create other tokens.")
	}
	return nil
}

// limitOn names a limit that applies to the token, its own or the gateway's, or returns ""
// if there is none.
func (a *API) limitOn(record *token.Record) string {
	switch {
	case a.Limits.RateOf(record) != token.Limit{}:
		return "limit"
	case a.Limits.WritesOf(record) != token.Limit{}:
		return "limit_writes"
	case a.Limits.ConcurrencyOf(record) > 0:
		return "max_concurrent"
	}
	return ""
}

// likeness returns the fields of a token that may do what another one may. It copies all
// but those that are about the other one itself, so that it also copies restrictions
// that are yet to be invented. Exemptions are for one token only.
func likeness(record *token.Record) (token.Edit, error) {
	edit := make(token.Edit)
	for _, field := range token.Fields() {
		switch field.Name {
		case "name", "not_before", "expires_at", "exempt":
			continue
		}
		value, err := json.Marshal(field.Value(record))
		if err != nil {
			return nil, err
		}
		switch string(value) {
		case "null", `""`, "[]", "0", "false":
			continue
		}
		edit[field.Name] = value
	}
	return edit, nil
}

// asConfined returns a Vet that gives a token the confinement of another one, with the
// IDs of projects, and no later end.
func asConfined(like *token.Record) registry.Vet {
	return func(_ context.Context, record *token.Record) error {
		record.Confine = like.Confine
		if !like.ExpiresAt.IsZero() && (record.ExpiresAt.IsZero() || record.ExpiresAt.After(like.ExpiresAt)) {
			record.ExpiresAt = like.ExpiresAt
		}
		return nil
	}
}

func (a *API) revokePAT() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodDelete, Path: handler.PATPath + "/{id}", Needs: handler.NeedsToken,
		Does: "revokes one of the owner's tokens that may do no more than this one",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			var found []string
			err := a.eachPAT(r.Context(), call.Record, func(view registry.View) {
				if call.Parameter == view.ID || call.Parameter == strconv.FormatInt(patID(view.ID), 10) {
					found = append(found, view.ID)
				}
			})
			switch {
			case err != nil:
				return err
			case len(found) != 1: // several only by the most unlikely chance
				return &handler.EndpointError{Reason: handler.ReasonUnknownEndpoint, Message: "There is no such token that this one may revoke."}
			case found[0] != call.Record.ID && !call.Record.Scope.Changes():
				return a.mayMint(call)
			case call.Record.Replaced(call.Presented.Digest()):
				return &handler.EndpointError{Reason: handler.ReasonPathDenied, Message: "This secret was replaced by a rotation and is about to end. It cannot revoke tokens: use the new one."}
			}
			if _, err := a.Registry.Revoke(r.Context(), holder(r, call), found[0]); err != nil {
				return refusedPAT(err)
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		},
	}
}

// eachPAT calls visit for each token of the owner that works or may work, and that may
// do no more than the one that asks.
func (a *API) eachPAT(ctx context.Context, asking *token.Record, visit func(registry.View)) error {
	var query registry.Query
	query.Owner, query.Limit = asking.Owner, registry.MaxPageSize
	for {
		page, err := a.Registry.List(ctx, query)
		if err != nil {
			return err
		}
		views, err := a.Registry.Views(ctx, page.Records...)
		if err != nil {
			return err
		}
		for _, view := range views {
			if view.State != token.StateRevoked && view.State != token.StateExpired && within(asking, view.Record) {
				visit(view)
			}
		}
		if query.Cursor = page.Next; page.Next == "" {
			return nil
		}
	}
}

// within reports whether a token may do no more than another one of the same owner.
func within(most, record *token.Record) bool {
	return record.ID == most.ID || most.Scope.Includes(record.Scope) && record.Account == most.Account && (record.HoldWrites || !most.HoldWrites) &&
		(most.Confine.IsZero() || reflect.DeepEqual(most.Confine, record.Confine)) &&
		(most.Networks.IsZero() || reflect.DeepEqual(most.Networks, record.Networks))
}

// refusedPAT returns an error of the registry as the client gets to see it.
func refusedPAT(err error) error {
	if forbidden, ok := errors.AsType[registry.PolicyError](err); ok {
		return &handler.EndpointError{Reason: handler.ReasonPathDenied, Message: "The gateway's policy does not allow this token, because of its " + forbidden.Field + ".", Cause: err}
	}
	return refused(err)
}
