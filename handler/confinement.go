package handler

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Confinement limits what all tokens of a gateway see. A token may have a
// confinement of its own; it then sees what is inside both. For a confined token,
// everything outside does not exist.
//
// It does not apply to requests without a token, such as the browser sessions that
// pass with front `site`.
type Confinement struct {
	// The keys of the projects that tokens see, such as ACME. At most 100.
	// Default: all
	Projects []string `json:"projects,omitempty"`

	// A condition that issues must match for tokens to see them: JQL without
	// ORDER BY. At most 4096 bytes. Default: none
	JQL string `json:"jql,omitempty"`

	// The fields that tokens do not see, by ID or name; internal-comments stands
	// for the internal comments of Jira Service Management. At most 100. Default:
	// none
	Hide []string `json:"hide,omitempty"`

	// How long to remember what Jira says is inside, for the confinements of tokens
	// too. For that long, an issue that is no longer inside can still be read.
	// Changes are always checked anew. Default: `10s`
	TTL caddy.Duration `json:"ttl,omitempty"`
}

// defaultConfinementTTL is the default of Confinement.TTL.
const defaultConfinementTTL = 10 * time.Second

// ttl returns how long to remember what Jira says is inside.
func (c *Confinement) ttl() time.Duration {
	if c == nil || c.TTL == 0 {
		return defaultConfinementTTL
	}
	return time.Duration(c.TTL)
}

// confinement returns the confinement of every token here.
func (c *Confinement) confinement() token.Confinement {
	if c == nil {
		return token.Confinement{}
	}
	confined := token.Confinement{JQL: c.JQL, Hide: c.Hide}
	for _, key := range c.Projects {
		confined.Projects = append(confined.Projects, token.Project{Key: strings.ToUpper(key)}) // Jira's keys are in upper case
	}
	return confined
}

// validate checks the form of the confinement. It does not ask Jira.
func (c *Confinement) validate() error {
	confined := c.confinement()
	err := confined.Check()
	if err == nil {
		_, err = confine.NewView(confined)
	}
	if err == nil && c.ttl() < 0 {
		err = errors.New("ttl: must be more than 0")
	}
	if err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	return nil
}

// unmarshalConfine reads the option confine.
func (h *Handler) unmarshalConfine(d *caddyfile.Dispenser) error {
	h.Confine = new(Confinement)
	block := option.Block{
		option.Texts("projects", &h.Confine.Projects),
		option.Text("jql", &h.Confine.JQL),
		option.Each("hide", func(field string) error {
			h.Confine.Hide = append(h.Confine.Hide, field)
			return nil
		}),
		option.Duration("ttl", &h.Confine.TTL),
	}
	if err := block.Read(d, "confine"); err != nil {
		return err
	}
	if h.Confine.confinement().IsZero() && h.Confine.TTL == 0 {
		return d.Errf("confine: nothing to confine: expected at least one of %s", block.Names())
	}
	if err := h.Confine.validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
