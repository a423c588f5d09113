package manager

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// visit is a request of somebody who has signed in.
type visit struct {
	desk    *registry.Desk
	actor   registry.Actor
	session *session.Session // nil if every request says who it is from
	// looksOnly means that the visitor must not change anything.
	looksOnly bool
	// newID is the ID of a token that the visitor creates; empty for a random one.
	newID string
	// waiting is what Handler.waiting returns, once it has counted.
	waiting *string
}

type visitKey struct{}

// withVisit returns a request that carries its visit, so that pages about what went wrong have
// the navigation, too.
func withVisit(r *http.Request, v *visit) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
}

// visitIn returns the visit that a request carries; nil if nobody has signed in.
func visitIn(r *http.Request) *visit {
	v, _ := r.Context().Value(visitKey{}).(*visit)
	return v
}

func (v *visit) person() string { return v.desk.Person() }

// visitOf returns who sends a request, or nil if that is not known.
func (h *Handler) visitOf(w http.ResponseWriter, r *http.Request) (*visit, error) {
	for _, candidate := range h.identities {
		recognizer, ok := candidate.(identity.Recognizer)
		if !ok {
			continue
		}
		person, err := recognizer.Recognize(r)
		if err != nil {
			return nil, err
		}
		if person == nil {
			continue
		}
		v, err := h.visit(r, person.Name, nameOf(candidate), nil)
		if err == nil {
			err = h.learn(r, v, candidate, person)
		}
		if err != nil {
			return nil, err
		}
		return v, nil
	}
	signedIn, err := h.sessions.Read(r.Context(), w, r, mounted(r).cookies())
	if err != nil || signedIn == nil || !h.has(signedIn.Via) {
		return nil, err
	}
	if works, err := h.tokenWorks(r, signedIn); err != nil || !works {
		return nil, err
	}
	return h.visit(r, signedIn.Person, signedIn.Via, signedIn)
}

// tokenWorks reports whether the token of a session, if it began with one, would still
// begin it: it works, was not replaced, and neither it nor its owner was limited since.
func (h *Handler) tokenWorks(r *http.Request, signedIn *session.Session) (bool, error) {
	if signedIn.TokenID == "" {
		return true, nil
	}
	record, err := h.app.Registry().Show(r.Context(), signedIn.TokenID)
	switch {
	case errors.Is(err, token.ErrUnavailable):
		return false, err
	case err != nil:
		return false, nil //nolint:nilerr // it was deleted, or is damaged
	}
	address, _ := handler.ClientAddress(r)
	if !record.OwnedBy(signedIn.Person) || record.RotatedAt.After(signedIn.Began.Time()) || identity.LooksOnly(record) && !signedIn.LooksOnly {
		return false, nil
	}
	return identity.Admits(h.app, record, address) == nil, nil
}

// learn records the groups that an identity tells.
func (h *Handler) learn(r *http.Request, v *visit, from identity.Identity, person *identity.Person) error {
	if grouper, ok := from.(identity.Grouper); !ok || !grouper.TellsGroups() {
		return nil
	}
	return h.app.SignIns().Record(r.Context(), v.actor, person.Name, nameOf(from), person.Subject, person.Groups)
}

// visit returns the visit of a person for whom an identity has vouched, unless the person
// has left.
func (h *Handler) visit(r *http.Request, person, via string, signedIn *session.Session) (*visit, error) {
	desk := h.app.Registry().DeskVia(person, via)
	if why := desk.Left(); why != "" {
		return nil, identity.DeniedError{Why: h.say("problem.left", why)}
	}
	actor := registry.Actor{Kind: registry.ActorOwner, Name: person}
	if address, ok := handler.ClientAddress(r); ok {
		actor.Address = address.String()
	}
	actor.Claim = token.Claim(r.UserAgent())
	return &visit{desk: desk, actor: actor, session: signedIn, looksOnly: signedIn != nil && signedIn.LooksOnly}, nil
}

// has reports whether the configuration still has the identity with this name.
func (h *Handler) has(via string) bool {
	for _, candidate := range h.identities {
		if nameOf(candidate) == via {
			return true
		}
	}
	return false
}

// nameOf returns what sessions call an identity: another provider is another identity.
func nameOf(i identity.Identity) string {
	name := string(i.CaddyModule().ID)
	if provider, ok := i.(identity.Provider); ok {
		return name + " " + provider.Provider()
	}
	return name
}

func (v *visit) visitor() *admin.Visitor {
	return &admin.Visitor{Desk: v.desk, Actor: v.actor, LooksOnly: v.looksOnly, NewID: v.newID}
}

// next returns where to go after signing in: the page that was asked for.
func next(r *http.Request) string {
	to := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	return url.QueryEscape(to)
}

// safeNext returns a path below the mount that somebody may be sent to. Other sites, and
// paths outside, become the first page.
func safeNext(text string) string {
	to, err := url.Parse(text)
	if err != nil || to.IsAbs() || to.Host != "" || to.Opaque != "" || strings.HasPrefix(text, "/") || strings.ContainsAny(text, "\\\r\n\t") {
		return ""
	}
	clean := strings.TrimPrefix(path.Clean("/"+to.Path), "/")
	if clean == "signin" || strings.HasPrefix(clean, "signin/") {
		return ""
	}
	return (&url.URL{Path: clean, RawQuery: to.RawQuery}).String()
}

func originalPath(r *http.Request) string {
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || original.URL == nil {
		return r.URL.Path
	}
	return original.URL.Path
}
