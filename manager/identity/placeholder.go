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

	// The placeholder with the groups that the person is in, separated by commas, such as
	// `{http.request.header.Remote-Groups}`. It must not be one that clients can set. The
	// option groups_from sign_in of jira_tokens must say that they give rights. Default:
	// groups are not read
	Groups string `json:"groups,omitempty"`
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
	if p.Groups != "" && !isPlaceholder(p.Groups) {
		return errors.New("identity placeholder: groups: expected the placeholder with the person's groups, such as {http.request.header.Remote-Groups}")
	}
	return nil
}

// TellsGroups implements Grouper.
func (p *Placeholder) TellsGroups() bool { return p.Groups != "" }

// Provider implements Provider.
func (p *Placeholder) Provider() string { return p.User }

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
		return nil, DeniedError{Why: "the name in " + p.User + " cannot be that of an owner: " + err.Error()}
	}
	person := &Person{Name: name}
	for group := range strings.SplitSeq(replacer.ReplaceAll(p.Groups, ""), ",") {
		if group = strings.TrimSpace(group); group != "" {
			person.Groups = append(person.Groups, group)
		}
	}
	return person, nil
}

// UnmarshalCaddyfile reads `placeholder <user> [groups <groups>]`.
func (p *Placeholder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // placeholder
	const expected = "identity placeholder: expected one placeholder, with the person's name, such as {http.auth.user.id}; after it, groups and the one with the person's groups can follow"
	if !d.Args(&p.User) {
		return d.Err(expected)
	}
	if d.NextArg() && (d.Val() != "groups" || !d.Args(&p.Groups) || d.NextArg()) {
		return d.Err(expected)
	}
	return nil
}

// Interface guards
var (
	_ Identity        = (*Placeholder)(nil)
	_ Recognizer      = (*Placeholder)(nil)
	_ Grouper         = (*Placeholder)(nil)
	_ Provider        = (*Placeholder)(nil)
	_ caddy.Validator = (*Placeholder)(nil)
)
