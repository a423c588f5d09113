package jiratokens

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// unmarshalTrust reads an issuer whose JWTs can be exchanged for tokens. Syntax:
//
//	trust <issuer> {
//		audience   <audiences...>
//		jwks       <url>|<file>
//		ca         <files...>
//		token_file <file>
//		keep_keys  <duration>
//		reuse
//		when <claim> ==|like|has <values...> {
//			and <claim> ==|like|has <values...>
//			owner    <owner>
//			lifetime <duration>
//			<fields of a token...>
//		}
//	}
//
// when can be repeated: the first one that matches applies. and can be repeated too: all
// conditions must hold. The other fields of a token have the names of the flags of
// `caddy jira-token create`, with underscores, such as scope, project or allow_ip; kind
// is user, service or external.
func (a *App) unmarshalTrust(d *caddyfile.Dispenser) error {
	var issuer trust.Issuer
	if !d.Args(&issuer.Issuer) {
		return d.Err("trust: expected an issuer and a block, as in trust https://token.actions.githubusercontent.com { … }")
	}
	if slices.ContainsFunc(a.Trust, func(other trust.Issuer) bool { return other.Issuer == issuer.Issuer }) {
		return d.Errf("there is more than one block trust %s: write one", issuer.Issuer)
	}
	err := option.Block{
		option.Texts("audience", &issuer.Audiences),
		option.Text("jwks", &issuer.JWKS),
		option.Texts("ca", &issuer.CA),
		option.Text("token_file", &issuer.TokenFile),
		option.Duration("keep_keys", &issuer.KeepKeys),
		option.Flag("reuse", &issuer.Reuse),
		option.Func("when", func(d *caddyfile.Dispenser) error {
			rule, err := unmarshalTrustRule(d)
			issuer.Rules = append(issuer.Rules, rule)
			return err
		}).Repeated(),
	}.Read(d, "trust "+issuer.Issuer)
	a.Trust = append(a.Trust, issuer)
	return err
}

// unmarshalTrustRule reads a rule, with d at `when`.
func unmarshalTrustRule(d *caddyfile.Dispenser) (trust.Rule, error) {
	rule := trust.Rule{Place: fmt.Sprintf("%s:%d", filepath.Base(d.File()), d.Line()), Token: make(token.Edit)}
	condition, err := unmarshalCondition(d)
	if err != nil {
		return rule, err
	}
	rule.When = append(rule.When, condition)
	block := option.Block{
		option.Func("and", func(d *caddyfile.Dispenser) error {
			condition, err := unmarshalCondition(d)
			rule.When = append(rule.When, condition)
			return err
		}).Repeated(),
		option.Duration("lifetime", &rule.Lifetime),
	}
	confine := make(map[string]any)
	for _, field := range token.Fields() {
		switch field.Name {
		case "expires_at", "not_before", "exempt":
			continue // a rule cannot set these
		}
		for _, part := range field.Parts {
			block = append(block, fieldOption(part.Flag, part.Zero, func(value any) { confine[part.Name] = value }))
		}
		if field.Parts == nil {
			name := field.Flag
			if name == "" {
				name = field.Name
			}
			block = append(block, fieldOption(name, field.Zero, func(value any) { setField(rule.Token, field.Name, value) }))
		}
	}
	err = block.Read(d, "the rule")
	if len(confine) > 0 {
		setField(rule.Token, "confine", confine)
	}
	return rule, err
}

// unmarshalCondition reads a condition, with d at the word before it.
func unmarshalCondition(d *caddyfile.Dispenser) (trust.Condition, error) {
	words := d.RemainingArgs()
	if len(words) < 3 {
		return trust.Condition{}, d.Errf("%s: expected a claim, a comparison and at least one value, as in sub == repo:acme/site:ref:refs/heads/main", d.Val())
	}
	switch words[1] {
	case trust.OpIs, trust.OpLike, trust.OpHas:
		return trust.Condition{Claim: words[0], Op: words[1], Values: words[2:]}, nil
	}
	return trust.Condition{}, d.Errf("invalid comparison %q of the claim %s: expected ==, like or has", words[1], words[0])
}

// fieldOption is an option for a field of a token, whose flag has the type of zero.
func fieldOption(flag string, zero any, set func(value any)) option.Option {
	name := strings.ReplaceAll(flag, "-", "_")
	switch zero.(type) {
	case []string:
		var values []string
		return option.Each(name, func(value string) error {
			values = append(values, value)
			set(values)
			return nil
		})
	case bool:
		var on bool
		return option.Flag(name, &on).Then(func() error {
			set(true)
			return nil
		})
	}
	if strings.HasPrefix(name, "limit") { // a limit can have several words
		var text string
		return limit(name, &text).Then(func() error {
			set(text)
			return nil
		})
	}
	var text string
	return option.Text(name, &text).Then(func() error {
		set(text)
		return nil
	})
}

// setField sets a field of a token. Texts and lists of them can always be encoded.
func setField(edit token.Edit, name string, value any) {
	edit[name], _ = json.Marshal(value)
}
