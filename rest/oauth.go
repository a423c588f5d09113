package rest

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// connectCookie is the cookie that binds an attempt to connect to the browser in which it
// began. Nobody can make another browser finish it: a login CSRF (RFC 6749, section 10.12)
// would connect somebody else's consent. SameSite is Lax because Jira sends the browser
// back from another site.
const connectCookie = "jira_tokens_connect"

// openLink sends an owner who opens a link on to Jira, to consent there.
func (a *API) openLink() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodGet, Path: belowEndpoints(accounts.ConnectPath) + "{link}", Needs: handler.NeedsNothing, SecretPath: true,
		Does: "sends an owner to Jira, to let the gateway act for the owner there",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			setPageHeaders(w.Header())
			opened, err := a.Accounts.OpenLink(r.Context(), call.Parameter)
			if err != nil {
				return pageError(err, "")
			}
			a.setConnectCookie(w, opened.Browser, int(opened.Lifetime.Seconds()))
			w.Header().Set("Location", opened.ConsentURL)
			w.WriteHeader(http.StatusSeeOther)
			return nil
		},
	}
}

// finishLink is where Jira sends owners back to.
func (a *API) finishLink() handler.Endpoint {
	return handler.Endpoint{
		Method: http.MethodGet, Path: belowEndpoints(accounts.CallbackPath), Needs: handler.NeedsNothing, SecretPath: true,
		Does: "saves the account of an owner who has consented in Jira",
		Serve: func(w http.ResponseWriter, r *http.Request, call handler.Call) error {
			setPageHeaders(w.Header())
			a.setConnectCookie(w, "", -1)
			query := r.URL.Query()
			back := accounts.Return{State: query.Get("state"), Code: query.Get("code"), Refused: query.Get("error"), Actor: actorOf(r, call)}
			back.Actor.Kind = registry.ActorOwner
			if cookie, err := r.Cookie(connectCookie); err == nil {
				back.Browser = cookie.Value
			}
			ctx, cancel := context.WithTimeout(r.Context(), jiraTimeout)
			defer cancel()
			view, from, err := a.Accounts.Finish(ctx, back)
			if err != nil {
				return pageError(err, from)
			}
			text := "Connected. The gateway now acts as " + view.ValidatedAs + " in " + view.Jira + " for tokens of " + view.Owner + " with the account “own”."
			if from == "" {
				text += " You can close this page."
			}
			return a.writePage(w, http.StatusOK, plainPage{Title: "Connected", Text: text, From: from})
		},
	}
}

func belowEndpoints(path string) string { return strings.TrimPrefix(path, handler.EndpointsPath) }

// setConnectCookie sets the cookie for a number of seconds, or deletes it.
func (a *API) setConnectCookie(w http.ResponseWriter, value string, seconds int) {
	path, _, _ := strings.Cut(accounts.CallbackPath, "callback")
	public, err := url.Parse(a.PublicURL)
	if err == nil {
		path = public.EscapedPath() + path
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // G124: without HTTPS, browsers would drop a secure cookie
		Name: connectCookie, Value: value, Path: path, MaxAge: seconds,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: err == nil && public.Scheme == "https",
	})
}

// pageError returns an error as the page that an owner gets to see, with a link to the one
// from which the owner came, if any.
func pageError(err error, from string) error {
	failed := &handler.EndpointError{Reason: handler.ReasonInvalidRequest, Cause: err}
	link, isLink := errors.AsType[accounts.LinkError](err)
	invalid, isInvalid := errors.AsType[token.InvalidError](err)
	described, isDescribed := errors.AsType[accounts.Error](err)
	switch {
	case isLink:
		failed.Message, failed.Cause, failed.Guess = link.Text, nil, link.Guess
	case errors.Is(err, token.ErrUnavailable):
		failed.Reason, failed.Message = handler.ReasonStoreUnavailable, "The gateway cannot reach its store at the moment. Open the link again in a few minutes."
	case isInvalid:
		failed.Message = "Not connected: " + invalid.Error() + "."
	case isDescribed:
		failed.Reason, failed.Message = handler.ReasonConflict, "Not connected: "+described.Text+"."
	default:
		failed.Reason, failed.Message = handler.ReasonJiraUnreachable, "Not connected: the gateway could not get an answer from Jira. Open the link again in a few minutes, or tell an administrator."
	}
	text, err := renderPage(plainPage{Title: "Not connected", Text: failed.Message, From: from})
	if err != nil {
		return err
	}
	failed.Page = text
	return failed
}
