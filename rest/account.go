package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// selfAccount is the path of the endpoints about the own account of a token's owner.
//
// Any working token of a person may use them, whatever its scope: those who need an own
// account most have only tokens that read. A stolen token gains little. Jira must say that
// a credential is the owner's before it is saved, the link to connect is of use only to
// the owner, nothing shows a credential, and an account in use is not removed.
const selfAccount = version + "self/account"

// jiraTimeout bounds how long Jira is asked about an account.
const jiraTimeout = 30 * time.Second

// ownAccount is the own account of an owner, as the owner sees it.
type ownAccount struct {
	Jira         string         `json:"jira"`
	Kind         accounts.Kind  `json:"kind"`
	User         string         `json:"user,omitempty"`
	State        accounts.State `json:"state"`
	FailingSince *time.Time     `json:"failing_since,omitempty"`
	Error        string         `json:"error,omitempty"`
	ExpiresAt    *time.Time     `json:"expires_at,omitempty"`
	// ValidatedAs is who Jira says that it is.
	ValidatedAs string     `json:"validated_as"`
	ValidatedAt *time.Time `json:"validated_at"`
}

func newOwnAccount(view accounts.View) ownAccount {
	own := ownAccount{
		Jira: view.Jira, Kind: view.Kind, User: view.User, State: view.State, FailingSince: timestamp(view.FailingSince), Error: view.Error,
		ExpiresAt: view.ExpiresAt, ValidatedAs: view.ValidatedAs, ValidatedAt: timestamp(view.ValidatedAt),
	}
	if view.Kind == accounts.KindConsent {
		own.User = "" // it is the app's client ID
	}
	return own
}

func (a *API) lodgeAccount() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodPost, Path: selfAccount, Needs: handler.NeedsToken,
		Does: "saves the owner's own Jira credential once Jira says that it is the owner's, or answers with a link to connect by OAuth",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			var request struct {
				Kind      accounts.Kind `json:"kind"`
				User      string        `json:"user"`
				Secret    string        `json:"secret"`
				Scoped    *bool         `json:"scoped"`
				ExpiresAt string        `json:"expires_at"`
				Connect   bool          `json:"connect"`
				// Jira is only needed if the gateways forward to several.
				Jira string `json:"jira"`
			}
			if err := decode(r, &request); err != nil {
				return err
			}
			at, err := a.jiraOfOwner(call, request.Jira)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(r.Context(), jiraTimeout)
			defer cancel()
			ref, actor := accounts.Own(call.Record.Owner, at.URL), holder(r, call)
			if request.Connect {
				if request.Kind != "" || request.User != "" || request.Secret != "" || request.ExpiresAt != "" || request.Scoped != nil {
					return invalidRequest("connect needs no credential: Jira asks for the owner's consent.")
				}
				link, err := a.Accounts.NewLink(ctx, actor, ref, "", "")
				if err != nil {
					return accountError(err)
				}
				return reply(w, http.StatusCreated, link)
			}
			if request.Kind != accounts.KindBasic && request.Kind != accounts.KindBearer {
				return invalidRequest("kind: expected bearer for a personal access token, or basic for a user and an API token or password; or \"connect\": true.")
			}
			edit := accounts.Edit{Kind: request.Kind, User: request.User, Secret: request.Secret, Scoped: request.Scoped, ExpiresAt: request.ExpiresAt}
			view, added, err := a.Accounts.Lodge(ctx, actor, ref, edit, at)
			if err != nil {
				return accountError(err)
			}
			status := http.StatusOK
			if added {
				status = http.StatusCreated
			}
			return reply(w, status, newOwnAccount(view))
		},
	}
}

func (a *API) showAccount() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodGet, Path: selfAccount, Needs: handler.NeedsToken,
		Does: "shows the state of the owner's own account, but not its credential",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			at, err := a.jiraOfOwner(call, r.URL.Query().Get("jira"))
			if err != nil {
				return err
			}
			view, err := a.Accounts.Show(r.Context(), accounts.Own(call.Record.Owner, at.URL))
			if err != nil {
				return accountError(err)
			}
			return reply(w, http.StatusOK, newOwnAccount(view))
		},
	}
}

func (a *API) removeAccount() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodDelete, Path: selfAccount, Needs: handler.NeedsToken,
		Does: "removes the owner's own account if no token uses it",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			at, err := a.jiraOfOwner(call, r.URL.Query().Get("jira"))
			if err != nil {
				return err
			}
			err = a.Accounts.Remove(r.Context(), holder(r, call), accounts.Own(call.Record.Owner, at.URL), func(ctx context.Context) (int, error) {
				return a.Registry.TokensOf(ctx, token.OwnAccount, call.Record.Owner)
			})
			if err != nil {
				return accountError(err)
			}
			w.WriteHeader(http.StatusNoContent)
			return nil
		},
	}
}

// jiraOfOwner returns the Jira with this base URL, or the only one, for the own account of
// a token's owner.
func (a *API) jiraOfOwner(call handler.Call, url string) (accounts.Jira, error) {
	if call.Record.Kind != token.KindUser {
		return accounts.Jira{}, &handler.EndpointError{Reason: handler.ReasonScopeInsufficient, Message: "Only people have an account of their own in Jira: the tokens of services and external people have none."}
	}
	if url, _ = token.CutSecrets(url); len(url) > 2000 {
		return accounts.Jira{}, invalidRequest("jira: the URL is too long.")
	}
	at, err := a.Jira(url)
	if err != nil {
		return accounts.Jira{}, accountError(err)
	}
	return at, nil
}

// accountError returns an error about an account as the client gets to see it.
func accountError(err error) error {
	failed := &handler.EndpointError{Cause: err}
	invalid, isInvalid := errors.AsType[token.InvalidError](err)
	described, isDescribed := errors.AsType[accounts.Error](err)
	tried, isTried := errors.AsType[accounts.TriesError](err)
	switch {
	case isTried:
		failed.Reason, failed.RetryAfter, failed.Message, failed.Cause = handler.ReasonRateLimited, tried.RetryAfter, "Too many credentials were tried for this owner. Wait a minute.", nil
	case errors.Is(err, token.ErrUnavailable):
		return err
	case isInvalid:
		failed.Reason, failed.Message = handler.ReasonInvalidRequest, invalid.Field+": "+invalid.Error()+"."
		failed.Guess = errors.As(err, new(jira.RefusedError)) || invalid.Field == "owner"
	case errors.As(err, new(accounts.UnreachableError)):
		failed.Reason, failed.Message = handler.ReasonJiraUnreachable, "Nothing was saved: the gateway cannot ask Jira who the account is. Try again in a moment."
	case isDescribed && errors.Is(err, token.ErrNotFound):
		failed.Reason, failed.Message = handler.ReasonUnknownEndpoint, "The gateway has no Jira credential of the token's owner. POST one here."
	case isDescribed:
		failed.Reason, failed.Message = handler.ReasonConflict, described.Text+"."
	default:
		return err
	}
	return failed
}
