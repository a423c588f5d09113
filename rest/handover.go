package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func (a *API) lookAtHandover() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodGet, Path: belowEndpoints(registry.HandoverPath) + "{link}", Needs: handler.NeedsNothing, SecretPath: true,
		Does:  "says what a hand-over link is for, without opening it",
		Serve: a.serveHandover,
	}
}

// serveHandover says what a link is for. Mail and chat programs fetch links by
// themselves, so it must not use anything up.
func (a *API) serveHandover(w http.ResponseWriter, r *http.Request, call handler.Call) error {
	_, record, state, err := a.findHandover(r.Context(), call)
	if err != nil {
		return refusedLink(w, r, err)
	}
	if state != registry.HandoverWaiting {
		return refusedLink(w, r, registry.HandoverError{Record: record, State: state})
	}
	if wantsJSON(r) {
		return reply(w, http.StatusOK, newOffer(record))
	}
	return a.writePage(w, http.StatusOK, offerPage(record, time.Now()))
}

func (a *API) openHandover() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodPost, Path: belowEndpoints(registry.HandoverPath) + "{link}", Needs: handler.NeedsNothing, SecretPath: true,
		Does: "opens a hand-over link: it shows the token, once",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			link, _, _, err := a.findHandover(r.Context(), call)
			if err != nil {
				return refusedLink(w, r, err)
			}
			actor := actorOf(r, call)
			actor.Kind = registry.ActorLink
			// Jira is asked first: nothing may get lost once the token has been taken out.
			isCloud := !wantsJSON(r) && a.IsCloud(r.Context(), "")
			issued, err := a.Registry.OpenHandover(r.Context(), actor, link)
			if err != nil {
				a.alarm(call, err)
				return refusedLink(w, r, err)
			}
			if wantsJSON(r) {
				return reply(w, http.StatusOK, newShown(issued))
			}
			return a.writePage(w, http.StatusOK, openedPage(issued, a.baseURL(call), isCloud))
		},
	}
}

func (a *API) findHandover(ctx context.Context, call handler.Call) (token.Link, *token.Record, registry.HandoverState, error) {
	link, err := token.ParseLink(call.Parameter)
	if err != nil {
		return token.Link{}, nil, "", token.ErrNotFound
	}
	record, state, err := a.Registry.FindHandover(ctx, link)
	return link, record, state, err
}

// alarm logs that somebody opened a link that was opened before or is dead: one of those
// who had it should not have. The audit trail has it too.
func (a *API) alarm(call handler.Call, err error) {
	refused, ok := errors.AsType[registry.HandoverError](err)
	if !ok || !refused.Alarm {
		return
	}
	a.Logger.Warn("a hand-over link was opened again or after its end: if its receiver did not get the token, somebody else may have it; revoke the token and make a new one",
		zap.String("jira_token_id", refused.Record.ID), zap.String("jira_token_owner", refused.Record.Owner),
		zap.String("link", string(refused.State)), zap.Time("opened_at", refused.Record.Handover.OpenedAt), zap.Stringer("client_ip", call.Address))
}

// refusedLink returns what somebody gets to see whose link cannot be opened. For unknown
// links the answer is always the same.
func refusedLink(w http.ResponseWriter, r *http.Request, err error) error {
	failed := &handler.EndpointError{
		Reason: handler.ReasonUnknownHandover, Guess: true,
		Message: "There is no such hand-over link. Check that all of it was copied. A newer link to the same token replaces it.",
	}
	if refused, ok := errors.AsType[registry.HandoverError](err); ok {
		failed = handoverEnded(refused)
		failed.Guess = r.Method == http.MethodPost
	} else if !errors.Is(err, token.ErrNotFound) {
		return err
	}
	if !wantsJSON(r) {
		text, err := renderPage(plainPage{Title: "This link cannot be opened", Text: failed.Message})
		if err != nil {
			return err
		}
		setPageHeaders(w.Header())
		failed.Page = text
	}
	return failed
}

func handoverEnded(refused registry.HandoverError) *handler.EndpointError {
	failed := &handler.EndpointError{Reason: handler.ReasonHandoverEnded}
	opened := refused.Record.Handover.OpenedAt
	switch refused.State {
	case registry.HandoverOpened:
		failed.Message = "This link was already opened, on " + token.FormatTime(opened) + ", and shows its token only once. " +
			"If that was not you, tell whoever sent you the link at once: somebody else may have the token."
	case registry.HandoverSuspended:
		failed.Reason = handler.ReasonConflict
		failed.Message = "The token of this link is suspended. Ask an administrator; the link can still be opened until " +
			token.FormatTime(refused.Record.Handover.ExpiresAt) + " if that changes."
	default:
		failed.Message = "This link has ended. Ask whoever sent it to you for a new one."
	}
	return failed
}

// offer is what a program sees of a link that can be opened.
type offer struct {
	Owner     string     `json:"owner"`
	Name      string     `json:"name"`
	Does      string     `json:"does"`
	By        string     `json:"by,omitempty"`
	ExpiresAt *time.Time `json:"expires_at"`
	// LinkExpiresAt is when the link ends, ExpiresAt when the token does.
	LinkExpiresAt *time.Time `json:"link_expires_at"`
	Open          string     `json:"open"`
}

func newOffer(record *token.Record) offer {
	return offer{
		Owner: record.Owner, Name: record.Name, Does: record.Sentence(), By: record.Handover.By,
		ExpiresAt: timestamp(record.ExpiresAt), LinkExpiresAt: timestamp(record.Handover.ExpiresAt),
		Open: "POST to this address to see the token, once.",
	}
}

// wantsJSON reports whether a client is a program that asks for JSON. Browsers ask for
// HTML, whatever else they accept.
func wantsJSON(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	return strings.Contains(accept, "application/json") && !strings.Contains(accept, "text/html")
}
