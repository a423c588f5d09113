package trust

import (
	"context"
	"errors"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Explanation says what a JWT can be exchanged for, or why it cannot, for
// administrators.
type Explanation struct {
	// Accepted is set if the JWT can be exchanged. Whether it has been already is not
	// known.
	Accepted bool `json:"accepted"`
	// Why says why the JWT cannot be exchanged.
	Why string `json:"why,omitempty"`
	// Issuer is the trusted issuer, and Claims are the claims that it has signed; unset
	// if the JWT is not genuine.
	Issuer string         `json:"issuer,omitempty"`
	Claims map[string]any `json:"claims,omitempty"`
	// Rules says about each rule of the issuer whether it matches.
	Rules []RuleExplanation `json:"rules,omitempty"`
	// Token are the fields of the token, and Lifetime how long it would be valid.
	Token    token.Edit `json:"token,omitempty"`
	Lifetime string     `json:"lifetime,omitempty"`
}

// RuleExplanation says whether a rule matches a JWT.
type RuleExplanation struct {
	// Rule names the rule.
	Rule    string `json:"rule"`
	Matches bool   `json:"matches"`
	// Why is the first condition that does not hold.
	Why string `json:"why,omitempty"`
}

// Explain explains what a JWT can be exchanged for. Rules are explained even if the JWT
// has expired. It returns an error only if the issuer's keys are not available.
func (t *Trust) Explain(ctx context.Context, raw string) (Explanation, error) {
	var e Explanation
	parsed, err := parse(raw)
	if err != nil {
		return e.because(err)
	}
	from, err := t.issuerOf(parsed)
	if err != nil {
		return e.because(err)
	}
	claims, err := from.verify(ctx, parsed)
	if err != nil {
		return e.because(err)
	}
	e.Issuer, e.Claims = from.name, claims
	err = from.checkClaims(claims, t.now())
	var applies *rule
	for _, rule := range from.rules {
		why := rule.mismatch(claims)
		e.Rules = append(e.Rules, RuleExplanation{Rule: rule.place, Matches: why == "", Why: why})
		if why == "" && applies == nil {
			applies = rule
		}
	}
	if err == nil && applies == nil {
		err = errors.New("no rule matches")
	}
	if err != nil {
		return e.because(err)
	}
	grant, err := from.grant(applies, claims, parsed, t.now())
	if err != nil {
		return e.because(err)
	}
	e.Accepted, e.Token, e.Lifetime = true, grant.Token, grant.Lifetime.String()
	return e, nil
}

// because adds why a JWT cannot be exchanged.
func (e Explanation) because(err error) (Explanation, error) {
	if _, ok := errors.AsType[*UnavailableError](err); ok {
		return e, err
	}
	e.Why = err.Error()
	return e, nil
}
