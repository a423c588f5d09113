package handler

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// Look reads JSON in Jira as the holder of a token would see it: with the token's
// account, and nothing outside its confinement. It is for people who decide about the
// token's requests, so the token's state, networks and limits do not matter. The
// question's URI is relative to Jira's base URL.
func (h *Handler) Look(ctx context.Context, q Question) (status int, answer []byte, err error) {
	r, err := newQuestion(q)
	if err != nil {
		return 0, nil, err
	}
	d := &Decision{now: h.now(), Record: q.Record}
	if denied := h.decideToLook(r, d); denied != nil {
		return 0, nil, errors.New(denied.message)
	}
	if denied := h.forJira(ctx, d, q.Jira); denied != nil {
		return 0, nil, errors.New(denied.message)
	}
	out := h.outbound(r, d).WithContext(ctx)
	err = d.Account.Ask(ctx, q.Transport, q.Jira, func(asker jira.Asker) error {
		status, answer, err = d.look(ctx, out, asker)
		return err
	})
	return status, answer, err
}

// look asks Jira, and leaves out of its answer what the token may not see.
func (d *Decision) look(ctx context.Context, out *http.Request, asker jira.Asker) (status int, answer []byte, err error) {
	if d.confined == nil {
		return asker.Ask(ctx, http.MethodGet, out.URL.RequestURI(), nil)
	}
	if err := d.confined.admit(out, asker); err != nil {
		return 0, nil, err
	}
	response := d.confined.ownAnswer(out)
	if response == nil {
		if status, answer, err = asker.Ask(ctx, http.MethodGet, out.URL.RequestURI(), nil); err != nil {
			return 0, nil, err
		}
		response = &http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Request: out,
			Body: io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)),
		}
	}
	defer response.Body.Close()
	seen, err := d.confined.answer(response)
	if err != nil {
		return 0, nil, err
	}
	defer seen.Body.Close()
	answer, err = io.ReadAll(seen.Body)
	return seen.StatusCode, answer, err
}

// decideToLook takes the steps that decide what a token may see.
func (h *Handler) decideToLook(r *http.Request, d *Decision) *denial {
	for _, take := range []func(*Handler, *http.Request, *Decision) *denial{(*Handler).scope, (*Handler).query, (*Handler).account, (*Handler).confine} {
		if denied := take(h, r, d); denied != nil {
			return denied
		}
	}
	if d.changes || r.Method != http.MethodGet {
		return deny(ReasonScopeInsufficient, fmt.Sprintf("%s %s is not a read", r.Method, r.URL.Path))
	}
	return nil
}
