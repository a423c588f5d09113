package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

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
		issued, err = c.tokens.CreateHandedOver(c.Context(), c.actor(), edit, handover.lasts, check.vet, c.chooseID)
	} else {
		issued, err = c.tokens.Create(c.Context(), c.actor(), edit, check.vet, c.chooseID)
	}
	if err != nil {
		return 0, nil, err
	}
	view := c.viewIssued(issued, handover)
	view.ConfineCheck = check.result
	return http.StatusCreated, view, nil
}

// chooseID gives a new token the ID that whoever calls has chosen, if so.
func (c *call) chooseID(_ context.Context, record *token.Record) error {
	if c.visitor != nil {
		record.ID = c.visitor.NewID
	}
	return nil
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
		// Version, if set, is the version that the token must have.
		Version uint64 `json:"version"`
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
	var vets []registry.Vet
	if request.Version != 0 {
		vets = append(vets, registry.OnlyVersion(request.Version))
	}
	var issued registry.Issued
	if handover != nil {
		issued, err = c.tokens.HandOver(c.Context(), c.actor(), c.id(), overlap, handover.lasts, vets...)
	} else {
		issued, err = c.tokens.Rotate(c.Context(), c.actor(), c.id(), overlap, vets...)
	}
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, c.viewIssued(issued, handover), nil
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
