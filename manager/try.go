package manager

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// triedPath is what a token is tried with: a read that changes nothing and that every
	// scope allows.
	triedPath = "/rest/api/2/myself"
	// maxTried is how much of the answer is shown, in bytes.
	maxTried = 32 << 10
)

// tryToken sends a request through the gateway with a token that was just shown, and shows
// the token again with the answer. Browsers without JavaScript send the token along, in the
// body of the form: only its digest is kept here.
func (h *Handler) tryToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	presented, err := token.Parse(values.Get("token"))
	if err != nil {
		h.problem(w, r, http.StatusNotFound, "problem.try")
		return
	}
	gateway, isHere := h.gatewayURL(r)
	if !isHere {
		h.problem(w, r, http.StatusConflict, "shown.try.elsewhere")
		return
	}
	// The gateway comes first: it counts the attempts of somebody who guesses.
	tried := h.try(r, gateway, values.Get("holder"), presented)
	t, err := h.presented(r, v, values.Get("holder"), presented)
	switch {
	case errors.Is(err, token.ErrNotFound):
		h.problem(w, r, http.StatusNotFound, "problem.try")
		return
	case err != nil:
		h.failed(w, r, err)
		return
	}
	t.Token = presented.Reveal()
	h.renderShown(w, r, v, http.StatusOK, t, tried)
}

// presented returns the token that somebody has sent with its owner's name. It returns
// token.ErrNotFound unless that person may see it and its secret is the current one: it must
// not tell anything about the tokens of others.
func (h *Handler) presented(r *http.Request, v *visit, owner string, presented token.Token) (admin.Token, error) {
	record, err := h.app.Lookup(r.Context(), presented)
	switch {
	case errors.Is(err, token.ErrRotated):
		return admin.Token{}, token.ErrNotFound
	case err != nil:
		return admin.Token{}, err
	case !record.OwnedBy(owner), record.Replaced(presented.Digest()), record.Status == token.StatusRevoked:
		return admin.Token{}, token.ErrNotFound
	}
	if seen, err := h.sees(r, v, record.ID); err != nil {
		return admin.Token{}, err
	} else if !seen {
		return admin.Token{}, token.ErrNotFound
	}
	return h.app.Registry().View(record), nil
}

// sees reports whether somebody may see a token on the page.
func (h *Handler) sees(r *http.Request, v *visit, id string) (bool, error) {
	_, err := v.desk.Show(r.Context(), id)
	if errors.Is(err, token.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// try sends a request to the server that r came to, as the holder of a token would send it
// from where r came from, so that every check of the gateway applies.
func (h *Handler) try(r *http.Request, gateway, owner string, presented token.Token) page.Tried {
	server, isServer := r.Context().Value(caddyhttp.ServerCtxKey).(http.Handler)
	base, err := url.Parse(gateway)
	if err != nil || !isServer {
		return page.Tried{Answer: h.say("problem.failed")}
	}
	ctx, cancel := context.WithTimeout(r.Context(), jiraTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base.EscapedPath()+triedPath, http.NoBody)
	if err != nil {
		return page.Tried{Answer: h.say("problem.failed")}
	}
	request.RequestURI, request.Host, request.RemoteAddr, request.TLS = request.URL.RequestURI(), r.Host, r.RemoteAddr, r.TLS
	for _, name := range saysWhoAsks(server) {
		if values := r.Header.Values(name); len(values) > 0 {
			request.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	request.Header.Set("Accept", "application/json")
	request.SetBasicAuth(owner, presented.Reveal())
	var answer excerpt
	if !answer.receive(server, request) {
		return page.Tried{Answer: h.say("shown.try.broken")}
	}
	return h.tried(answer)
}

// saysWhoAsks lists the headers of a browser's request, or of proxies on its way, by which
// Caddy and the gateway know where it comes from.
func saysWhoAsks(server http.Handler) []string {
	names := []string{"User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}
	if server, ok := server.(*caddyhttp.Server); ok {
		names = append(names, server.ClientIPHeaders...)
	}
	return names
}

// tried puts an answer of Jira or of the gateway into words, as the page's script does.
func (h *Handler) tried(answer excerpt) page.Tried {
	tried, status := page.Tried{Body: string(answer.body)}, strconv.Itoa(answer.status)
	var said struct {
		DisplayName   string   `json:"displayName"`
		Name          string   `json:"name"`
		ErrorMessages []string `json:"errorMessages"`
	}
	var indented bytes.Buffer
	if json.Indent(&indented, answer.body, "", "  ") == nil {
		tried.Body = indented.String()
		_ = json.Unmarshal(answer.body, &said) // what it says is only for comfort
	}
	who := "shown.try."
	if answer.header.Get("X-Jira-Token-Reason") != "" {
		who += "gateway." // Jira was not asked
	}
	text := strings.Join(said.ErrorMessages, " ")
	if answer.status < http.StatusMultipleChoices {
		text = said.DisplayName
		if text == "" {
			text = said.Name
		}
	}
	tried.Answer = h.say(who+"answers", status)
	if text != "" {
		tried.Answer = h.say(who+"says", status, strings.TrimSuffix(text, "."))
	}
	return tried
}

// excerpt is a ResponseWriter that keeps the beginning of a response.
type excerpt struct {
	header http.Header
	status int
	body   []byte
}

// receive has a request served, and reports whether it was answered whole.
func (e *excerpt) receive(server http.Handler, r *http.Request) (whole bool) {
	defer func() {
		if aborted := recover(); aborted != nil && aborted != http.ErrAbortHandler { //nolint:errorlint // it is that very value
			panic(aborted)
		}
	}()
	e.header = make(http.Header)
	server.ServeHTTP(e, r)
	return e.status != 0
}

// Header implements http.ResponseWriter.
func (e *excerpt) Header() http.Header { return e.header }

// WriteHeader implements http.ResponseWriter. Informational responses come before the
// final one.
func (e *excerpt) WriteHeader(status int) {
	if e.status == 0 && status >= http.StatusOK {
		e.status = status
	}
}

// Write implements http.ResponseWriter.
func (e *excerpt) Write(p []byte) (int, error) {
	e.WriteHeader(http.StatusOK)
	e.body = append(e.body, p[:min(len(p), maxTried-len(e.body))]...)
	return len(p), nil
}
