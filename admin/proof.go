package admin

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// Checkpoint is the newest signed checkpoint of the audit trail.
type Checkpoint struct {
	// Trail is the name of the trail, Size the number of its events, and Root the hash
	// that commits to all of them, in base64.
	Trail string `json:"trail"`
	Size  int64  `json:"size"`
	Root  string `json:"root"`
	// Checkpoint is the signed note.
	Checkpoint string `json:"checkpoint"`
	// Keys are the verifier keys with which checkpoints of the trail may be signed. The
	// first one is that of this gateway.
	Keys []string `json:"keys"`
}

// checkpoint adds all events to the tree and returns the checkpoint that covers them.
func (c *call) checkpoint() (int, any, error) {
	head, keys, err := c.app.AuditTree().Head(c.Context())
	return http.StatusOK, Checkpoint{head.Origin, head.Size, head.Root.String(), string(head.Note), keys}, err
}

// adoptTrail makes the gateway continue a trail that was signed with a lost key.
func (c *call) adoptTrail() (int, any, error) {
	_, err := c.app.AuditTree().Adopt(c.Context(), c.actor())
	if errors.Is(err, tree.ErrTrusted) {
		return 0, nil, registry.InvalidError{Field: "audit", Err: err}
	}
	if err != nil {
		return 0, nil, err
	}
	return c.checkpoint()
}

// proof returns a proof that an event is in the trail.
func (c *call) proof() (int, any, error) {
	id, err := registry.ParseEventID(c.PathValue("event"))
	if err != nil {
		return 0, nil, registry.InvalidError{Field: "event", Err: errors.New("invalid ID of an event: expected one such as 1795706778275-0")}
	}
	proof, err := c.app.AuditTree().Prove(c.Context(), id)
	if err != nil {
		return 0, nil, err
	}
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.Header().Set("Cache-Control", "no-store")
	_, err = bytes.NewReader(proof.Marshal()).WriteTo(c.w)
	return 0, nil, err
}

// exportTrail streams the trail with its tree.
func (c *call) exportTrail() (int, any, error) {
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	c.w.Header().Set("Cache-Control", "no-store")
	c.noDeadline()
	out := &countingWriter{Writer: c.w}
	err := c.app.AuditTree().Export(c.Context(), out)
	if err != nil && out.written > 0 {
		panic(http.ErrAbortHandler) // see export
	}
	return 0, nil, err
}
