package manager

import (
	"bytes"
	"errors"
	"net/http"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// newPages returns the pages, which cut tokens out of what was typed.
func newPages() (*page.Pages, error) {
	return page.New(func(text string) string {
		text, _ = token.CutSecrets(text)
		return text
	})
}

// say returns a text of the page. A key without words is a mistake that tests find.
func (h *Handler) say(key string, values ...any) string {
	text, err := h.pages.Words().Say(key, values...)
	if err != nil {
		h.logger.Error("a text of the page is missing", zap.Error(err))
		return key
	}
	return text
}

// count returns a text of the page about a number of things.
func (h *Handler) count(key string, n int, values ...any) string {
	text, err := h.pages.Words().Count(key, n, values...)
	if err != nil {
		h.logger.Error("a text of the page is missing", zap.Error(err))
		return key
	}
	return text
}

// render writes a page. It is rendered whole before anything is sent, so that an error
// does not leave half a page.
func (h *Handler) render(w http.ResponseWriter, r *http.Request, status int, name string, v *visit, frame page.Frame) {
	frame.Base = mounted(r).base
	if v == nil {
		v = visitIn(r)
	}
	if v != nil {
		frame.Looks = v.looksOnly
		frame.Me = &page.Me{Name: v.person(), Manage: v.desk.Manages(), MaySignOut: v.session != nil, MaySignIn: v.session == nil && h.mayOverrule(v.place), MayConnect: h.mayNotKeepAccounts() == ""}
		if frame.Me.Manage {
			frame.Me.Waiting = h.waiting(r, v)
		}
	}
	var out bytes.Buffer
	if err := h.pages.Render(&out, name, frame); err != nil {
		h.logger.Error("rendering a page of the token manager", zap.String("page", name), zap.Error(err))
		http.Error(w, h.say("problem.failed"), http.StatusInternalServerError)
		return
	}
	keepSize(w.Header(), r, name)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the browser may be gone
}

// problem writes a page that says what went wrong.
func (h *Handler) problem(w http.ResponseWriter, r *http.Request, status int, key string) {
	h.trouble(w, r, status, h.say(key))
}

func (h *Handler) trouble(w http.ResponseWriter, r *http.Request, status int, text string) {
	h.fail(w, r, status, nil, text)
}

// fail writes a page that says what went wrong, with what was typed. Where it helps to wait,
// the form can be sent again.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, status int, v *visit, text string) {
	again := status == http.StatusServiceUnavailable || status == http.StatusBadGateway || status == http.StatusTooManyRequests
	h.render(w, r, status, "error", v, page.Frame{Title: h.say("problem.title"), Content: page.Problem{Text: text, URL: h.back(r), Kept: h.kept(r, again)}})
}

// failed writes a page for an error.
func (h *Handler) failed(w http.ResponseWriter, r *http.Request, err error) {
	status, text := h.answerTo(r, err)
	h.trouble(w, r, status, text)
}

// answerTo returns how to answer a request if it is not known who sends it, or something else
// went wrong. What only the log can say is logged.
func (h *Handler) answerTo(r *http.Request, err error) (status int, text string) {
	if denied, ok := errors.AsType[identity.DeniedError](err); ok {
		return http.StatusForbidden, denied.Why
	}
	if errors.Is(err, token.ErrUnavailable) {
		return http.StatusServiceUnavailable, h.say("problem.store")
	}
	h.logger.Error("the token manager cannot answer", zap.String("path", r.URL.Path), zap.Error(err))
	if errors.Is(err, session.ErrKey) {
		return http.StatusServiceUnavailable, h.say("problem.key")
	}
	if asked, ok := errors.AsType[identity.AskError](err); ok {
		return http.StatusBadGateway, h.say("problem.ask", asked.Whom, asked.What)
	}
	return http.StatusBadGateway, h.say("problem.failed")
}
