package identity

import (
	"errors"
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddy.RegisterModule(Placeholder{})
}

// Placeholder takes people's names from a placeholder that an earlier handler has set:
// whatever Caddy has authenticated by client certificates, forward_auth or another plugin.
type Placeholder struct {
	// The placeholder with the person's name, such as `{http.auth.user.id}`. If it is
	// empty, nobody is signed in. Required.
	User string `json:"user,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (Placeholder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: Namespace + ".placeholder", New: func() caddy.Module { return new(Placeholder) }}
}

// Validate checks the configuration.
func (p *Placeholder) Validate() error {
	if !isPlaceholder(p.User) {
		return errors.New("identity placeholder: expected the placeholder with the person's name, such as {http.auth.user.id}")
	}
	return nil
}

func isPlaceholder(text string) bool {
	return len(text) > 2 && text[0] == '{' && strings.IndexByte(text, '}') == len(text)-1
}

// Recognize implements Recognizer.
func (p *Placeholder) Recognize(r *http.Request) (*Person, error) {
	replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer)
	if !ok {
		return nil, nil
	}
	name := replacer.ReplaceAll(p.User, "")
	if name == "" {
		return nil, nil
	}
	if err := token.CheckOwner(name); err != nil {
		return nil, DeniedError{"the name in " + p.User + " cannot be that of an owner: " + err.Error()}
	}
	return &Person{Name: name}, nil
}

// UnmarshalCaddyfile reads `placeholder <user>`.
func (p *Placeholder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // placeholder
	if !d.Args(&p.User) || d.NextArg() {
		return d.Err("identity placeholder: expected one placeholder, with the person's name, such as {http.auth.user.id}")
	}
	return nil
}

// Interface guards
var (
	_ Identity        = (*Placeholder)(nil)
	_ Recognizer      = (*Placeholder)(nil)
	_ caddy.Validator = (*Placeholder)(nil)
)
