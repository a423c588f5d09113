package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func (c *call) list() (int, any, error) {
	parameters, err := c.parameters("owner", "kind", "state", "search", "account", "expiring", "unused", "exchanged", "cursor", "limit")
	if err != nil {
		return 0, nil, err
	}
	var query registry.Query
	query.Owner, query.Search, query.Cursor = parameters.Get("owner"), parameters.Get("search"), parameters.Get("cursor")
	query.Account = parameters.Get("account")
	if text := parameters.Get("kind"); text != "" {
		kind, err := token.ParseKind(text)
		if err != nil {
			return 0, nil, registry.InvalidError{Field: "kind", Err: err}
		}
		query.Kinds = []token.Kind{kind}
	}
	if state := parameters.Get("state"); state != "" {
		if query.State, err = token.ParseState(state); err != nil {
			return 0, nil, registry.InvalidError{Field: "state", Err: err}
		}
	}
	if text := parameters.Get("exchanged"); text != "" {
		exchanged, err := strconv.ParseBool(text)
		if err != nil {
			return 0, nil, registry.InvalidError{Field: "exchanged", Err: fmt.Errorf("invalid exchanged %q: expected true or false", text)}
		}
		query.Exchanged = &exchanged
	}
	for name, span := range map[string]*time.Duration{"expiring": &query.Expiring, "unused": &query.UnusedFor} {
		if *span, err = positiveSpan(parameters.Get(name)); err != nil {
			return 0, nil, registry.InvalidError{Field: name, Err: err}
		}
	}
	if query.Limit, err = limit(parameters.Get("limit")); err != nil {
		return 0, nil, err
	}
	page, err := c.tokens.List(c.Context(), query)
	if err != nil {
		return 0, nil, err
	}
	views, err := c.app.Registry().Views(c.Context(), page.Records...)
	if err != nil {
		return 0, nil, err
	}
	listed := TokenPage{Tokens: make([]any, 0, len(views)+len(page.Damaged)), Next: page.Next}
	for _, view := range views {
		listed.Tokens = append(listed.Tokens, view)
	}
	for _, damaged := range page.Damaged {
		listed.Tokens = append(listed.Tokens, registry.ViewDamaged(damaged))
	}
	return http.StatusOK, listed, nil
}

// positiveSpan parses a length of time, and returns 0 for an empty text.
func positiveSpan(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	span, err := token.ParseSpan(text)
	if err == nil && span == 0 {
		err = fmt.Errorf("invalid length of time %q: expected more than 0", text)
	}
	return span, err
}

func (c *call) create() (int, any, error) {
	var edit token.Edit
	if err := c.decode(&edit); err != nil {
		return 0, nil, err
	}
	check, err := c.newConfineCheck(edit)
	if err != nil {
		return 0, nil, err
	}
	handover, err := c.newHandover(edit["handover"])
	if err != nil {
		return 0, nil, err
	}
	delete(edit, "handover")
	var issued registry.Issued
	if handover != nil {
		issued, err = c.tokens.CreateHandedOver(c.Context(), c.actor(), edit, handover.lasts, check.vet)
	} else {
		issued, err = c.tokens.Create(c.Context(), c.actor(), edit, check.vet)
	}
	if err != nil {
		return 0, nil, err
	}
	view := handover.view(c.app.Registry(), issued)
	view.ConfineCheck = check.result
	return http.StatusCreated, view, nil
}

// id returns the id in the path. If that is a whole token, it drops the secret.
func (c *call) id() string {
	id, _ := token.CutSecrets(c.PathValue("id"))
	return id
}

func (c *call) show() (int, any, error) {
	record, err := c.tokens.Show(c.Context(), c.id())
	if damaged, ok := errors.AsType[registry.DamagedError](err); ok {
		return http.StatusOK, registry.ViewDamaged(damaged), nil
	}
	if err != nil {
		return 0, nil, err
	}
	views, err := c.app.Registry().Views(c.Context(), record)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, views[0], nil
}

func (c *call) update() (int, any, error) {
	var edit token.Edit
	if err := c.decode(&edit); err != nil {
		return 0, nil, err
	}
	check, err := c.newConfineCheck(edit)
	if err != nil {
		return 0, nil, err
	}
	record, err := c.tokens.Update(c.Context(), c.actor(), c.id(), edit, check.vet)
	if err != nil {
		return 0, nil, err
	}
	view := c.app.Registry().View(record)
	view.ConfineCheck = check.result
	return http.StatusOK, view, nil
}

func (c *call) delete() (int, any, error) {
	return http.StatusNoContent, nil, c.app.Registry().Delete(c.Context(), c.actor(), c.id())
}

func (c *call) rotate() (int, any, error) {
	var request struct {
		// Overlap is how long the old token continues to work.
		Overlap string `json:"overlap"`
		// Handover asks for a link instead of the token. The old token continues to
		// work until the link is opened, and for the overlap after that.
		Handover json.RawMessage `json:"handover"`
	}
	if err := c.decode(&request); err != nil {
		return 0, nil, err
	}
	var overlap time.Duration
	if request.Overlap != "" {
		var err error
		if overlap, err = token.ParseSpan(request.Overlap); err != nil {
			return 0, nil, registry.InvalidError{Field: "overlap", Err: err}
		}
	}
	handover, err := c.newHandover(request.Handover)
	if err != nil {
		return 0, nil, err
	}
	var issued registry.Issued
	if handover != nil {
		issued, err = c.tokens.HandOver(c.Context(), c.actor(), c.id(), overlap, handover.lasts)
	} else {
		issued, err = c.tokens.Rotate(c.Context(), c.actor(), c.id(), overlap)
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, handover.view(c.app.Registry(), issued), nil
}

func (c *call) disable() (int, any, error) {
	return c.viewed(c.tokens.Disable(c.Context(), c.actor(), c.id()))
}

func (c *call) enable() (int, any, error) {
	return c.viewed(c.tokens.Enable(c.Context(), c.actor(), c.id()))
}

func (c *call) revoke() (int, any, error) {
	return c.viewed(c.tokens.Revoke(c.Context(), c.actor(), c.id()))
}

func (c *call) approve() (int, any, error) {
	var verdict registry.Verdict
	if err := c.decode(&verdict); err != nil {
		return 0, nil, err
	}
	return c.viewed(c.tokens.Approve(c.Context(), c.actor(), c.id(), verdict))
}

func (c *call) reject() (int, any, error) {
	var verdict registry.Verdict
	if err := c.decode(&verdict); err != nil {
		return 0, nil, err
	}
	return c.viewed(c.tokens.Reject(c.Context(), c.actor(), c.id(), verdict))
}

func (c *call) viewed(record *token.Record, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, c.app.Registry().View(record), nil
}
