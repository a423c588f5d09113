// Package trust decides which JWTs of other issuers can be exchanged for tokens. It
// verifies a JWT with its issuer's keys, which Keys fetches, and finds the configured
// rule for its claims. Everything but Keys decides from its input alone.
package trust

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Trust holds the trusted issuers.
type Trust struct {
	// byName holds the issuers by their URL.
	byName map[string]*issuer
	now    func() time.Time
}

// issuer is an Issuer that has been checked.
type issuer struct {
	name      string
	audiences []string
	rules     []*rule
	reuse     bool
	keys      *Keys
}

// Grant is what a JWT can be exchanged for.
type Grant struct {
	// Issuer and Subject are the claims iss and sub. For a JWT-SVID, Issuer is the
	// trust domain.
	Issuer, Subject string
	// Audiences are those of the issuer's configuration.
	Audiences []string
	// Rule names the rule that applies, for administrators.
	Rule string
	// Token are the fields of the token, and Lifetime how long it is valid.
	Token    token.Edit
	Lifetime time.Duration
	// Scope is the token's scope.
	Scope token.Scope
	// ID is the ID that the token must have: it follows from the JWT, so that a JWT
	// can only be exchanged once. It is empty if the JWT can be exchanged again.
	ID string
	// Until is when the JWT expires for certain. The token's record must be kept until
	// then if there is an ID.
	Until time.Time
}

// RefusedError reports that a JWT is not accepted.
type RefusedError struct {
	// Message is for the client. It says nothing about rules.
	Message string
	// Detail says precisely why, for administrators.
	Detail string
}

func (e *RefusedError) Error() string { return e.Detail }

// UnavailableError reports that the keys of an issuer are not available.
type UnavailableError struct {
	Issuer string
	// RetryAfter is when it makes sense to try again.
	RetryAfter time.Duration
	// UnknownKey is set if keys are known, but not the one that the JWT names, and it
	// is too early to ask the issuer again.
	UnknownKey bool
	Err        error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("issuer %s: %v", e.Issuer, e.Err)
}

func (e *UnavailableError) Unwrap() error { return e.Err }

// New checks the configured issuers. keys returns the keys of a source, which several
// configurations can share.
func New(issuers []Issuer, keys func(Source) (*Keys, error)) (*Trust, error) {
	t := &Trust{byName: make(map[string]*issuer, len(issuers)), now: time.Now}
	for _, from := range issuers {
		checked, err := newIssuer(from)
		if err == nil && t.byName[from.Issuer] != nil {
			err = errors.New("there are two blocks for this issuer: write one")
		}
		if err == nil {
			checked.keys, err = keys(from.source())
		}
		if err != nil {
			return nil, fmt.Errorf("trust %s: %w", from.Issuer, err)
		}
		t.byName[from.Issuer] = checked
	}
	return t, nil
}

func newIssuer(from Issuer) (*issuer, error) {
	if err := from.source().check(); err != nil {
		return nil, err
	}
	if len(from.Audiences) == 0 {
		return nil, errors.New("missing audience: name the audience that JWTs for this gateway have, such as its address; without one, a JWT that was sent to any other service could be exchanged here")
	}
	for _, audience := range from.Audiences {
		if audience == "" || strings.ContainsAny(audience, "*{} ") {
			return nil, fmt.Errorf("invalid audience %q: expected the exact text, such as https://jira.example.com", audience)
		}
	}
	if len(from.Rules) == 0 {
		return nil, errors.New("no rules, so no JWT could be exchanged: add `when <claim> == <value> { owner … }`")
	}
	checked := &issuer{name: from.Issuer, audiences: from.Audiences, reuse: from.Reuse}
	for i, one := range from.Rules {
		if one.Place == "" {
			one.Place = fmt.Sprintf("rule %d", i+1)
		}
		r, err := newRule(one)
		if err == nil {
			err = checkIdentifying(from.Issuer, r.conditions)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.Place, err)
		}
		checked.rules = append(checked.rules, r)
	}
	return checked, nil
}

// Exchange returns what a JWT can be exchanged for. It returns a RefusedError or an
// UnavailableError if it cannot. If idToken is set, it must be an ID token of OpenID
// Connect.
func (t *Trust) Exchange(ctx context.Context, raw string, idToken bool) (*Grant, error) {
	parsed, err := parse(raw)
	if err != nil {
		return nil, err
	}
	if idToken && parsed.typ == typeAccessToken {
		return nil, refuse("The JWT is an access token, not an ID token.", "the header's typ is %s, but subject_token_type says id_token", typeAccessToken)
	}
	from, err := t.issuerOf(parsed)
	if err != nil {
		return nil, err
	}
	claims, err := from.verify(ctx, parsed)
	if err != nil {
		return nil, err
	}
	now := t.now()
	if err := from.checkClaims(claims, now); err != nil {
		return nil, err
	}
	for _, rule := range from.rules {
		if rule.mismatch(claims) == "" {
			return from.grant(rule, claims, parsed, now)
		}
	}
	return nil, from.noRule(claims)
}

// grant returns what a rule gives for a JWT.
func (i *issuer) grant(rule *rule, claims claims, from *parsedJWT, now time.Time) (*Grant, error) {
	edit, err := rule.fields(claims)
	if err != nil {
		return nil, refuse(noRuleMessage, "%s: %v", rule.place, err)
	}
	expires, _ := claims.time("exp") // has been checked
	grant := &Grant{
		Issuer: i.name, Subject: claims.subject(), Audiences: i.audiences, Rule: rule.place,
		Token: edit, Lifetime: rule.lifetime, Scope: rule.scope, Until: expires.Add(leeway),
	}
	if i.reuse {
		return grant, nil
	}
	if left := expires.Sub(now); left > maxOnce {
		return nil, refuse("The JWT is valid for too long.", "the JWT is valid for another %s, but one that can only be exchanged once must expire within %s: let the issuer issue short-lived ones, or set `reuse`", left.Round(time.Second), maxOnce)
	}
	grant.ID = from.id()
	return grant, nil
}

// maxOnce is how long a JWT can be valid that is remembered until it expires.
const maxOnce = 24 * time.Hour

// noRuleMessage is what a client gets whose JWT is genuine, but for which there is no
// rule.
const noRuleMessage = "The JWT is genuine, but this gateway gives no token for it."

// noRule says why each rule does not apply.
func (i *issuer) noRule(claims claims) error {
	reasons := make([]string, len(i.rules))
	for n, rule := range i.rules {
		reasons[n] = rule.place + ": " + rule.mismatch(claims)
	}
	return refuse(noRuleMessage, "no rule of %s applies to the subject %q: %s", i.name, claims.subject(), token.Printable(strings.Join(reasons, "; "), maxDetail))
}

// maxDetail is the maximum length of the explanation of why no rule applies, in bytes.
const maxDetail = 2000

func refuse(message, detail string, args ...any) error {
	return &RefusedError{message, fmt.Sprintf(detail, args...)}
}
