package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Field is a field of a token that people set. Everything that treats fields
// alike goes by the table of them: Edit, the JSON of a token, the command's
// flags and what it prints, and the audit trail. A new field is an entry in the
// table and one in Record.
type Field struct {
	// Name is the field's name in JSON and in the audit trail.
	Name string
	// Flag is the command's flag for it, and Help the flag's help.
	Flag, Help string
	// Default is the flag's default when a token is created.
	Default string
	// Zero is of the type that the flag has: string or []string. JSON has the
	// same, and takes a number for max_concurrent. The flag of a field with Parts
	// is a bool: it empties all of them when a token is changed.
	Zero any
	// Parts are the members of a field that is an object in JSON. Each has a flag
	// of its own.
	Parts []Part
	// Required says that create needs the field, CreateOnly that nobody can
	// change it afterwards.
	Required, CreateOnly bool
	// Label names the field where a token is shown. An empty field is shown as
	// Empty; without Empty it is not shown at all. Without a Label, another
	// field's Text shows it too.
	Label, Empty string
	// Text is how the field is shown; nil shows its value.
	Text func(*Record) string

	get   func(*Record) any
	set   func(r *Record, value json.RawMessage, now time.Time) error
	check func(r *Record, now time.Time) error // nil: set has checked all
}

// Part is a member of a field that is an object in JSON.
type Part struct {
	// Name is the member's name.
	Name string
	// Flag, Help and Zero are as those of a Field.
	Flag, Help string
	Zero       any
}

// Value returns the field's value in a record, as JSON has it.
func (f Field) Value(r *Record) any { return f.get(r) }

// Set decodes value, which Value returned or people wrote, and sets the field in
// a record. It does not check how the field goes with others.
func (f Field) Set(r *Record, value json.RawMessage, now time.Time) error {
	return f.set(r, value, now)
}

// Fields returns the table of fields.
func Fields() []Field { return slices.Clone(fields) }

// fields is the table, in the order in which fields are shown.
var fields = []Field{
	{
		Name: "owner", Flag: "owner", Help: "Who the token is for: the user name it is presented with",
		Zero: "", Required: true, CreateOnly: true, Label: "owner",
		get:   func(r *Record) any { return r.Owner },
		set:   setter(func(r *Record, text string, _ time.Time) error { r.Owner = text; return nil }),
		check: func(r *Record, _ time.Time) error { return CheckOwner(r.Owner) },
	},
	{
		Name: "name", Flag: "name", Help: "What the token is for, 1 to 100 characters",
		Zero: "", Required: true, Label: "name",
		get:   func(r *Record) any { return r.Name },
		set:   setter(func(r *Record, text string, _ time.Time) error { r.Name = text; return nil }),
		check: func(r *Record, _ time.Time) error { return CheckName(r.Name) },
	},
	{
		Name: "scope", Flag: "scope", Help: "What it may do: read, read-all (content and administration), write or admin",
		Zero: "", Default: "read", Label: "scope",
		get: func(r *Record) any { return r.Scope.String() },
		set: setter(func(r *Record, text string, _ time.Time) (err error) { r.Scope, err = ParseScope(text); return err }),
	},
	{
		Name: "account", Flag: "account", Help: "The Jira account it is forwarded with",
		Zero: "", Default: DefaultAccount, Label: "account",
		get: func(r *Record) any { return r.Account },
		set: setter(setAccount),
	},
	{
		Name: "confine", Flag: "unconfine", Help: "Let the token see everything that its account sees",
		Zero: false, Parts: confinementParts, Label: "sees", Text: func(r *Record) string { return r.Confine.String() },
		get: confinementValue,
		set: setConfinement,
	},
	{
		Name: "allow_ip", Flag: "allow-ip", Help: "Network it works from, a CIDR range or an address; can be repeated; '' for all",
		Zero: []string(nil), Label: "networks", Text: networksText,
		get: func(r *Record) any { return networkTexts(r.Networks.Allow) },
		set: setter(func(r *Record, texts []string, _ time.Time) error { return setNetworks(&r.Networks.Allow, texts) }),
	},
	{
		Name: "deny_ip", Flag: "deny-ip", Help: "Network it does not work from, also inside an allowed one; can be repeated",
		Zero: []string(nil),
		get:  func(r *Record) any { return networkTexts(r.Networks.Deny) },
		set:  setter(func(r *Record, texts []string, _ time.Time) error { return setNetworks(&r.Networks.Deny, texts) }),
	},
	{
		Name: "not_before", Flag: "not-before", Help: "When it begins working: as --expires",
		Zero: "", Label: "works from",
		get: func(r *Record) any { return timeOrNull(r.NotBefore) },
		set: setter(func(r *Record, text string, now time.Time) (err error) {
			r.NotBefore, err = ParseMoment(text, now)
			return err
		}),
		check: checkNotBefore,
	},
	{
		Name: "expires_at", Flag: "expires", Help: "When it stops working: from now (90d, 12h), a date (2027-01-31), a time (RFC 3339) or never",
		Zero: "", Default: "never", Label: "expires", Empty: "never",
		get: func(r *Record) any { return timeOrNull(r.ExpiresAt) },
		set: setter(func(r *Record, text string, now time.Time) (err error) {
			r.ExpiresAt, err = ParseMoment(text, now)
			return err
		}),
		check: checkExpiry,
	},
	{
		Name: "limit", Flag: "limit", Help: "How fast it may be used: 600/m, '600/m burst 50', or off for no limit, whatever the gateway sets; '' for the gateway's limit",
		Zero: "", Label: "limit", Text: limitsText,
		get: func(r *Record) any { return r.Limit.String() },
		set: setter(func(r *Record, text string, _ time.Time) error { return r.Limit.UnmarshalText([]byte(text)) }),
	},
	{
		Name: "max_concurrent", Flag: "max-concurrent", Help: "How many requests it may have in flight on each gateway, or off for any number, whatever the gateway sets; '' for the gateway's limit",
		Zero: "",
		get:  func(r *Record) any { return r.MaxConcurrent },
		set: func(r *Record, value json.RawMessage, _ time.Time) error {
			return json.Unmarshal(value, &r.MaxConcurrent)
		},
	},
}

// DefaultAccount is the account of a token that names none.
const DefaultAccount = "default"

// setAccount changes the account. It may be one of another Jira, in which the same
// IDs are other projects.
func setAccount(r *Record, name string, _ time.Time) error {
	if r.Account != name {
		r.Account, r.Confine = name, r.Confine.withoutIDs()
	}
	return nil
}

// setter returns a Field's set that decodes the value for set.
func setter[T string | []string](set func(r *Record, value T, now time.Time) error) func(*Record, json.RawMessage, time.Time) error {
	return func(r *Record, text json.RawMessage, now time.Time) error {
		var value T
		if err := json.Unmarshal(text, &value); err != nil {
			want := "a string"
			if _, ok := any(value).([]string); ok {
				want = "an array of strings"
			}
			return fmt.Errorf("want %s", want)
		}
		return set(r, value, now)
	}
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// latest bounds times so that every store can hold them.
var latest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func checkNotBefore(r *Record, now time.Time) error {
	switch {
	case r.NotBefore.After(latest):
		return fmt.Errorf("time after %d: want an earlier one", latest.Year())
	case r.NotBefore.IsZero():
		return nil
	}
	return checkExpiry(r, now)
}

func checkExpiry(r *Record, now time.Time) error {
	switch {
	case r.ExpiresAt.IsZero():
		return nil
	case r.ExpiresAt.After(latest):
		return fmt.Errorf("time after %d: leave the expiry out for a token that never expires", latest.Year())
	case !r.ExpiresAt.After(now):
		return fmt.Errorf("expiry %s: is past: want a time in the future, or never", r.ExpiresAt.Format(time.RFC3339))
	case !r.ExpiresAt.After(r.NotBefore):
		return errors.New("expiry: must be after not-before")
	}
	return nil
}

func setNetworks(networks *[]netip.Prefix, texts []string) (err error) {
	if len(texts) > MaxNetworks {
		return fmt.Errorf("%d networks: want at most %d", len(texts), MaxNetworks)
	}
	*networks, err = ParseNetworks(texts)
	return err
}

func networkTexts(prefixes []netip.Prefix) []string {
	texts := make([]string, len(prefixes))
	for i, p := range prefixes {
		texts[i] = p.String()
	}
	return texts
}

func networksText(r *Record) string {
	text := "all"
	if len(r.Networks.Allow) > 0 {
		text = strings.Join(networkTexts(r.Networks.Allow), ", ")
	}
	if len(r.Networks.Deny) > 0 {
		text += ", but not " + strings.Join(networkTexts(r.Networks.Deny), ", ")
	}
	return text
}

func limitsText(r *Record) string {
	text := "as the gateway sets"
	switch r.Limit {
	case Limit{}:
	case Unlimited:
		text = "off: as many requests as it makes"
	default:
		text = r.Limit.String()
	}
	switch r.MaxConcurrent {
	case 0:
	case Unbounded:
		text += "; any number of requests in flight"
	default:
		text += "; " + r.MaxConcurrent.String() + " requests in flight"
	}
	return text
}
