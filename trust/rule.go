package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// rule is a Rule that has been checked.
type rule struct {
	place      string
	conditions []condition
	edit       token.Edit
	// owner is the text of the owner, with placeholders.
	owner    string
	named    bool // whether the edit has a name
	scope    token.Scope
	lifetime time.Duration
}

// condition is a Condition that has been checked.
type condition struct {
	Condition
	patterns []pattern // of OpLike
}

// Lifetimes of tokens.
const (
	defaultLifetime = 15 * time.Minute
	minLifetime     = time.Minute
	maxLifetime     = 24 * time.Hour
)

// withheld are the fields that a rule cannot set, and why.
var withheld = map[string]string{
	"expires_at": "set lifetime instead",
	"not_before": "a token works at once",
	"exempt":     "the policy always holds for tokens that are exchanged for JWTs",
	"version":    "it is not a field of a new token",
}

func newRule(from Rule) (*rule, error) {
	r := &rule{place: from.Place, edit: from.Token, lifetime: time.Duration(from.Lifetime)}
	if len(from.When) == 0 {
		return nil, errors.New("no conditions: anybody with a JWT of this issuer would get a token; name at least one claim")
	}
	for _, one := range from.When {
		checked, err := newCondition(one)
		if err != nil {
			return nil, err
		}
		r.conditions = append(r.conditions, checked)
	}
	if r.lifetime == 0 {
		r.lifetime = defaultLifetime
	}
	if r.lifetime < minLifetime || r.lifetime > maxLifetime {
		return nil, fmt.Errorf("invalid lifetime %s: expected one from 1m to 24h", r.lifetime)
	}
	return r, r.checkToken()
}

func newCondition(from Condition) (condition, error) {
	c := condition{Condition: from}
	switch {
	case from.Claim == "" || from.Claim == "/":
		return c, errors.New("a condition names no claim")
	case len(from.Values) == 0 || slices.Contains(from.Values, ""):
		return c, fmt.Errorf("the condition on %s has no value, or an empty one", from.Claim)
	}
	switch from.Op {
	case OpIs, OpHas:
		for _, value := range from.Values {
			if strings.Contains(value, "*") {
				return c, fmt.Errorf("%s %s %q: only `like` has patterns", from.Claim, from.Op, value)
			}
		}
	case OpLike:
		for _, value := range from.Values {
			parsed, err := parsePattern(value)
			if err != nil {
				return c, err
			}
			c.patterns = append(c.patterns, parsed)
		}
	default:
		return c, fmt.Errorf("invalid comparison %q of %s: expected ==, like or has", from.Op, from.Claim)
	}
	return c, nil
}

// checkToken checks the fields of the token, with a placeholder's name in place of each
// claim.
func (r *rule) checkToken() error {
	for name, why := range withheld {
		if r.edit.Has(name) {
			return fmt.Errorf("a rule cannot set %s: %s", name, why)
		}
	}
	if !r.edit.Has("owner") {
		return errors.New("missing owner: say whose token it is")
	}
	if err := json.Unmarshal(r.edit["owner"], &r.owner); err != nil {
		return errors.New("owner: expected a string")
	}
	r.named = r.edit.Has("name")
	for _, claim := range r.placeholders() {
		if !slices.ContainsFunc(r.conditions, func(c condition) bool { return c.Claim == claim && c.Op != OpHas }) {
			return fmt.Errorf("owner %s: the claim %s is not limited by a condition of the rule, so that whoever controls it could become anybody: add a condition on it with == or like", r.owner, claim)
		}
	}
	sample := r.with(placeholder.ReplaceAllString(r.owner, "x"), "x")
	if strings.ContainsAny(placeholder.ReplaceAllString(r.owner, "x"), "{}") {
		return fmt.Errorf("owner %s: invalid placeholder: expected {claim.NAME}", r.owner)
	}
	record := &token.Record{Scope: token.ScopeRead}
	if err := sample.Apply(record, time.Now()); err != nil {
		if field, ok := errors.AsType[token.InvalidError](err); ok {
			return fmt.Errorf("%s: %w", field.Field, err)
		}
		return err
	}
	if _, err := confine.NewView(record.Confine); err != nil {
		return fmt.Errorf("confine: %w", err)
	}
	r.scope = record.Scope
	return nil
}

// placeholder matches a claim in the text of an owner.
var placeholder = regexp.MustCompile(`\{claim\.([^{}]+)\}`)

func (r *rule) placeholders() (claims []string) {
	for _, found := range placeholder.FindAllStringSubmatch(r.owner, -1) {
		claims = append(claims, found[1])
	}
	return claims
}

// with returns the fields of the token with this owner, and with a name and a kind if
// the rule does not set them.
func (r *rule) with(owner, name string) token.Edit {
	edit := maps.Clone(r.edit)
	set := func(field, value string) {
		edit[field], _ = json.Marshal(value) // a string can always be encoded
	}
	set("owner", owner)
	if !r.named {
		set("name", name)
	}
	if !edit.Has("kind") {
		set("kind", string(token.KindService))
	}
	return edit
}

// fields returns the fields of the token for these claims.
func (r *rule) fields(claims claims) (token.Edit, error) {
	owner := placeholder.ReplaceAllStringFunc(r.owner, func(found string) string {
		value, _ := claims.at(placeholder.FindStringSubmatch(found)[1])
		text, _ := plain(value) // a condition has checked that
		return text
	})
	if err := token.CheckOwner(owner); err != nil {
		return nil, fmt.Errorf("the claims give no valid owner: %w", err)
	}
	return r.with(owner, nameFrom(claims.subject())), nil
}

// nameFrom returns a subject as the name of a token.
func nameFrom(subject string) string {
	runes := []rune(strings.TrimSpace(subject))
	if len(runes) > token.MaxNameLength {
		runes = append(runes[:token.MaxNameLength-1], '…')
	}
	if len(runes) == 0 {
		return "exchanged"
	}
	return strings.TrimSpace(string(runes))
}

// mismatch says which condition does not hold, or returns "" if all of them do.
func (r *rule) mismatch(claims claims) string {
	for _, c := range r.conditions {
		if why := c.mismatch(claims); why != "" {
			return why
		}
	}
	return ""
}

func (c *condition) mismatch(claims claims) string {
	value, ok := claims.at(c.Claim)
	if !ok {
		return c.Claim + " is missing"
	}
	if c.holds(value) {
		return ""
	}
	is := "is an object"
	switch value := value.(type) {
	case []any:
		is = "is an array"
		if c.Op == OpHas {
			is = token.Printable(fmt.Sprintf("is %q", value), maxShown)
		}
	default:
		if text, ok := plain(value); ok {
			is = fmt.Sprintf("is %q", shown(text))
		}
	}
	return fmt.Sprintf("%s %s, expected %s %s", c.Claim, is, c.Op, strings.Join(c.Values, " "))
}

// holds reports whether a claim's value meets the condition.
func (c *condition) holds(value any) bool {
	switch c.Op {
	case OpIs:
		text, ok := plain(value)
		return ok && slices.Contains(c.Values, text)
	case OpLike:
		text, ok := value.(string)
		return ok && slices.ContainsFunc(c.patterns, func(p pattern) bool { return p.matches(text) })
	}
	array, _ := value.([]any)
	return slices.ContainsFunc(array, func(one any) bool {
		text, ok := plain(one)
		return ok && slices.Contains(c.Values, text)
	})
}
