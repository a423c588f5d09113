package manager

import (
	"errors"
	"net/http"
	"path"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// apiBase is where the JSON API is, below the mount.
const apiBase = "/api/v1"

// newRoutes returns the handler of everything below the mount.
func (h *Handler) newRoutes() (http.Handler, error) {
	h.checked = new(sync.Map)
	mux := http.NewServeMux()
	mux.Handle("GET /assets/{file}", h.pages.Assets())
	mux.HandleFunc("GET /signin", h.signInPage)
	mux.HandleFunc("POST /signin", h.signInWithCredential)
	mux.HandleFunc("GET /signin/{way}", h.signInElsewhere)
	mux.HandleFunc("GET /signin/{way}/callback", h.backFromElsewhere)
	mux.HandleFunc("POST /signout", h.signOut)
	h.endpoints = admin.ForPeople(h.app, callerIn)

	h.addPages(mux)
	h.mux = mux

	// A change must come from a page of ours: Sec-Fetch-Site and Origin say so.
	sameOrigin := http.NewCrossOriginProtection()
	if h.public != nil {
		if err := sameOrigin.AddTrustedOrigin(h.public.Scheme + "://" + h.public.Host); err != nil {
			return nil, err
		}
	}
	sameOrigin.SetDenyHandler(http.HandlerFunc(h.fromElsewhere))
	return h.atMount(sameOrigin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ofAPI(r) {
			h.serveAPI(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))), nil
}

// fromElsewhere refuses a change that another site has asked for. What was sent is not shown.
func (h *Handler) fromElsewhere(w http.ResponseWriter, r *http.Request) {
	if ofAPI(r) {
		h.answerAPI(w, r, caller{err: caddy.APIError{HTTPStatus: http.StatusForbidden, Err: errors.New(h.say("problem.origin"))}})
		return
	}
	h.render(w, r, http.StatusForbidden, "error", nil, page.Frame{Title: h.say("problem.title"), Content: page.Problem{Text: h.say("problem.origin"), URL: mounted(r).base}})
}

// ofAPI reports whether a request is for the JSON API.
func ofAPI(r *http.Request) bool {
	clean := cleaned(r.URL.Path)
	return clean == apiBase || strings.HasPrefix(clean, apiBase+"/")
}

// cleaned returns a path without empty segments and dots. It may end with a slash.
func cleaned(text string) string {
	clean := path.Clean("/" + text)
	if clean != "/" && strings.HasSuffix(text, "/") {
		clean += "/"
	}
	return clean
}

// atMount finds out where the manager is mounted, and keeps addresses below it: ServeMux would
// redirect to a path without what was removed before.
func (h *Handler) atMount(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := h.mountOf(r)
		r = r.WithContext(withMount(r.Context(), at))
		escaped := r.URL.EscapedPath()
		switch clean := cleaned(escaped); {
		case ofAPI(r):
			w.Header().Set(admin.VersionHeader, "1")
		case r.URL.Path == "" || r.URL.Path == "/" && !strings.HasSuffix(originalPath(r), "/"):
			http.Redirect(w, r, at.base, http.StatusSeeOther)
			return
		case clean != escaped:
			to := at.base + strings.TrimPrefix(clean, "/")
			if r.URL.RawQuery != "" {
				to += "?" + r.URL.RawQuery
			}
			http.Redirect(w, r, to, http.StatusTemporaryRedirect) //nolint:gosec // the base is a path of this site
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forPerson is a page for somebody who has signed in.
type forPerson func(w http.ResponseWriter, r *http.Request, v *visit)

// person returns a handler that leads to the sign-in page unless somebody has signed in.
func (h *Handler) person(serve forPerson) http.HandlerFunc {
	return h.looks(func(w http.ResponseWriter, r *http.Request, v *visit) {
		if v.looksOnly && r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.problem(w, r, http.StatusForbidden, "problem.looks")
			return
		}
		serve(w, r, v)
	})
}

// looks is as person, for what changes nothing whatever the method: people who may only look
// may do it.
func (h *Handler) looks(serve forPerson) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, err := h.visitOf(w, r)
		if v == nil {
			h.nobody(w, r, err)
			return
		}
		serve(w, withVisit(r, v), v)
	}
}

// changes returns a page that leads to a change, and is not for people who may only look.
func (h *Handler) changes(serve forPerson) forPerson {
	return func(w http.ResponseWriter, r *http.Request, v *visit) {
		if v.looksOnly {
			h.problem(w, r, http.StatusForbidden, "problem.looks")
			return
		}
		serve(w, r, v)
	}
}

// noPage answers requests for pages that do not exist.
func (h *Handler) noPage(w http.ResponseWriter, r *http.Request) {
	if v, err := h.visitOf(w, r); err == nil && v != nil { // for the navigation
		r = withVisit(r, v)
	}
	h.problem(w, r, http.StatusNotFound, "problem.none")
}

// manager returns a handler for people whom the policy lets manage everybody's tokens.
func (h *Handler) manager(serve forPerson) http.HandlerFunc {
	return h.person(h.managing(serve))
}

// managing returns a page that is only for people who manage.
func (h *Handler) managing(serve forPerson) forPerson {
	return func(w http.ResponseWriter, r *http.Request, v *visit) {
		if !v.desk.Manages() {
			h.problem(w, r, http.StatusForbidden, "problem.manage")
			return
		}
		serve(w, r, v)
	}
}
