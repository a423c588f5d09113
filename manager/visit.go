package manager

import (
	"context"
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
	// place is that of the identity that vouches for the visitor, in the configuration's order.
	place int
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

// visitOf returns who sends a request, or nil if that is not known: whoever the first of the
// identities vouches for that knows, by the request itself or by a session that began with it.
// An identity that cannot say it does not stop those after it; its error is only returned if
// none of them knows. A person who is recognized, but has left, is nobody else.
func (h *Handler) visitOf(w http.ResponseWriter, r *http.Request) (*visit, error) {
	signedIn, sessionErr := h.sessions.Read(r.Context(), w, r, mounted(r).cookies())
	var firstErr error
	for place, candidate := range h.identities {
		v, found, err := h.visitVia(r, candidate, signedIn)
		if found {
			if v != nil {
				v.place = place
			}
			return v, err
		}
		if firstErr == nil {
			firstErr = err
		}
	}
	if firstErr == nil {
		firstErr = sessionErr
	}
	return nil, firstErr
}

// visitVia returns the visit of the person for whom an identity vouches. It reports whether it
// knows one: v is nil if that person is not let in.
func (h *Handler) visitVia(r *http.Request, candidate identity.Identity, signedIn *session.Session) (v *visit, found bool, err error) {
	recognizer, ok := candidate.(identity.Recognizer)
	if !ok {
		if signedIn == nil || signedIn.Via != nameOf(candidate) {
			return nil, false, nil
		}
		v, err := h.goesOn(r, signedIn)
		return v, v != nil, err
	}
	person, err := recognizer.Recognize(r)
	if person == nil || err != nil {
		return nil, false, err
	}
	v, err = h.visit(r, person.Name, nameOf(candidate), nil)
	if err == nil {
		err = h.learn(r, v, candidate, person)
	}
	if err != nil {
		return nil, true, err
	}
	return v, true, nil
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
	return &visit{desk: desk, actor: actorOf(r, person), session: signedIn, looksOnly: signedIn != nil && signedIn.LooksOnly}, nil
}

// actorOf returns what the audit trail says about a person who sends a request.
func actorOf(r *http.Request, person string) registry.Actor {
	actor := registry.Actor{Kind: registry.ActorOwner, Name: person, Claim: token.Claim(r.UserAgent())}
	if address, ok := handler.ClientAddress(r); ok {
		actor.Address = address.String()
	}
	return actor
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
	return to
}

// maxNext is the maximum length of the address of the page to go to after signing in, in bytes.
// After a longer one, it is the first page.
const maxNext = 2000

// landing returns the page below the mount to go to after signing in: the one that was asked for,
// if there is such a page. Everything else becomes the first page.
func (h *Handler) landing(text string) string {
	if len(text) > maxNext {
		return ""
	}
	to := safeNext(text)
	parsed, err := url.Parse("/" + to)
	if err != nil || len(to) > maxNext {
		return ""
	}
	_, pattern := h.mux.Handler(&http.Request{Method: http.MethodGet, URL: parsed})
	if !strings.HasPrefix(pattern, "GET ") || strings.HasPrefix(pattern, "GET /assets/") {
		return ""
	}
	return to
}

// safeNext returns a path below the mount that somebody may be sent to. Other sites, and
// paths outside, become the first page.
func safeNext(text string) string {
	to, err := url.Parse(text)
	if err != nil || to.IsAbs() || to.Host != "" || to.Opaque != "" || strings.HasPrefix(text, "/") || strings.ContainsAny(text, "\\\r\n\t") {
		return ""
	}
	clean := strings.TrimPrefix(path.Clean("/"+to.Path), "/")
	first, _, _ := strings.Cut(clean, "/")
	if first == "signin" || first == "signout" {
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
