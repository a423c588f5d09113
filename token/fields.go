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

// Field describes a field of a token that users can set. Edit, the JSON of a
// token, the command's flags and output and the audit trail all follow the table
// of fields. To add a field, add an entry to the table and one to Record.
type Field struct {
	// Name is the field's name in JSON and in the audit trail.
	Name string
	// Flag is the name of the command's flag, if it has one for the field, and Help
	// its help text.
	Flag, Help string
	// Default is the flag's default on create.
	Default string
	// Zero has the type of the flag: string, bool or []string. JSON uses the same type,
	// except that max_concurrent may also be a number.
	// The flag of a field with Parts is a bool that empties all of them on update.
	Zero any
	// Parts are the members of a field that is an object in JSON. Each has a flag
	// of its own.
	Parts []Part
	// Required fields must be set on create; CreateOnly fields cannot be changed
	// afterwards.
	Required, CreateOnly bool
	// Label names the field when a token is displayed. An empty field is displayed
	// as Empty, or left out if there is no Empty. A field without a Label is
	// covered by another field's Text.
	Label, Empty string
	// Text formats the field for display. If nil, its value is displayed.
	Text func(*Record) string

	get   func(*Record) any
	set   func(r *Record, value json.RawMessage, now time.Time) error
	check func(r *Record, now time.Time) error // nil if set checks everything
}

// Part is a member of a field that is an object in JSON.
type Part struct {
	// Name is the member's name.
	Name string
	// Flag, Help and Zero are as those of a Field.
	Flag, Help string
	Zero       any
}

// Value returns the field's value in a record, ready to be encoded as JSON.
func (f Field) Value(r *Record) any { return f.get(r) }

// Set decodes value, which is what Value returned or what a user wrote, and sets
// the field in a record. It does not check the field against other fields.
func (f Field) Set(r *Record, value json.RawMessage, now time.Time) error {
	return f.set(r, value, now)
}

// Fields returns the table of fields.
func Fields() []Field { return slices.Clone(fields) }

// fields is the table of fields, in display order.
var fields = []Field{
	{
		Name: "owner", Flag: "owner", Help: "User or service that the token is for: the user name to send with it",
		Zero: "", Required: true, CreateOnly: true, Label: "owner",
		get:   func(r *Record) any { return r.Owner },
		set:   setter(func(r *Record, text string, _ time.Time) error { r.Owner = text; return nil }),
		check: func(r *Record, _ time.Time) error { return CheckOwner(r.Owner) },
	},
	{
		// The command has a flag for each kind.
		Name: "kind", CreateOnly: true, Label: "kind",
		get: func(r *Record) any { return r.Kind.String() },
		set: setter(func(r *Record, text string, _ time.Time) (err error) { r.Kind, err = ParseKind(text); return err }),
	},
	{
		Name: "name", Flag: "name", Help: "Purpose of the token, 1 to 100 characters",
		Zero: "", Required: true, Label: "name",
		get:   func(r *Record) any { return r.Name },
		set:   setter(func(r *Record, text string, _ time.Time) error { r.Name = text; return nil }),
		check: func(r *Record, _ time.Time) error { return CheckName(r.Name) },
	},
	{
		Name: "purpose", Flag: "purpose", Help: "What the owner needs the token for, at most 200 characters; required with --external",
		Zero: "", Label: "purpose",
		get:   func(r *Record) any { return r.Purpose },
		set:   setter(func(r *Record, text string, _ time.Time) error { r.Purpose = text; return nil }),
		check: func(r *Record, _ time.Time) error { return checkPurpose(r) },
	},
	{
		Name: "responsible", Flag: "responsible", Help: "Owner inside the organization who answers for the token; required with --external",
		Zero: "", Label: "responsible",
		get:   func(r *Record) any { return r.Responsible },
		set:   setter(func(r *Record, text string, _ time.Time) error { r.Responsible = text; return nil }),
		check: func(r *Record, _ time.Time) error { return checkResponsible(r) },
	},
	{
		Name: "scope", Flag: "scope", Help: "What the token may do: read, read-all (content and administration), write or admin",
		Zero: "", Default: "read", Label: "scope",
		get: func(r *Record) any { return r.Scope.String() },
		set: setter(func(r *Record, text string, _ time.Time) (err error) { r.Scope, err = ParseScope(text); return err }),
	},
	{
		Name: "account", Flag: "account", Help: "Jira account to forward its requests with",
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
		Name: "allow_ip", Flag: "allow-ip", Help: "Network that the token works from: a CIDR range or an address (repeatable; '' for all)",
		Zero: []string(nil), Label: "networks", Text: networksText,
		get: func(r *Record) any { return networkTexts(r.Networks.Allow) },
		set: setter(func(r *Record, texts []string, _ time.Time) error { return setNetworks(&r.Networks.Allow, texts) }),
	},
	{
		Name: "deny_ip", Flag: "deny-ip", Help: "Network that the token does not work from, even within an allowed one (repeatable)",
		Zero: []string(nil),
		get:  func(r *Record) any { return networkTexts(r.Networks.Deny) },
		set:  setter(func(r *Record, texts []string, _ time.Time) error { return setNetworks(&r.Networks.Deny, texts) }),
	},
	{
		Name: "not_before", Flag: "not-before", Help: "When the token starts to work, in the same forms as --expires",
		Zero: "", Label: "works from",
		get: func(r *Record) any { return timeOrNull(r.NotBefore) },
		set: setter(func(r *Record, text string, now time.Time) (err error) {
			r.NotBefore, err = ParseMoment(text, now)
			return err
		}),
		check: checkNotBefore,
	},
	{
		Name: "expires_at", Flag: "expires", Help: "When the token stops working: a time from now (90d, 12h), a date (2027-01-31), a time (RFC 3339) or never",
		Zero: "", Default: "never", Label: "expires", Empty: "never",
		get: func(r *Record) any { return timeOrNull(r.ExpiresAt) },
		set: setter(func(r *Record, text string, now time.Time) (err error) {
			r.ExpiresAt, err = ParseMoment(text, now)
			return err
		}),
		check: checkExpiry,
	},
	{
		Name: "limit", Flag: "limit", Help: "Rate limit, such as 600/m or '600/m burst 50'; off for none, even if the gateway sets one; '' for the gateway's",
		Zero: "", Label: "limit", Text: limitsText,
		get: func(r *Record) any { return r.Limit.String() },
		set: setter(func(r *Record, text string, _ time.Time) error { return r.Limit.UnmarshalText([]byte(text)) }),
	},
	{
		Name: "limit_writes", Flag: "limit-writes", Help: "Rate limit on requests that change something in Jira, such as 20/d, in addition to --limit; off for none, even if the gateway sets one; '' for the gateway's",
		Zero: "", Label: "limit of writes",
		get: func(r *Record) any { return r.LimitWrites.String() },
		set: setter(func(r *Record, text string, _ time.Time) error { return r.LimitWrites.UnmarshalText([]byte(text)) }),
	},
	{
		Name: "max_concurrent", Flag: "max-concurrent", Help: "Maximum number of requests in flight on each gateway; off for no limit, even if the gateway sets one; '' for the gateway's",
		Zero: "",
		get:  func(r *Record) any { return r.MaxConcurrent },
		set: func(r *Record, value json.RawMessage, _ time.Time) error {
			return json.Unmarshal(value, &r.MaxConcurrent)
		},
	},
	{
		Name: "hold_writes", Flag: "hold-writes", Help: "Hold each request that changes something in Jira until somebody has approved it",
		Zero: false, Label: "writes", Text: holdText,
		get: func(r *Record) any { return r.HoldWrites },
		set: setter(func(r *Record, hold bool, _ time.Time) error { r.HoldWrites = hold; return nil }),
	},
	{
		Name: "exempt", Flag: "exempt", Help: "Reason why the rules of the policy do not apply to the token; '' to apply them",
		Zero: "", Label: "exempt", Text: exemptText,
		get:   func(r *Record) any { return r.Exempt },
		set:   setter(func(r *Record, text string, _ time.Time) error { r.Exempt = text; return nil }),
		check: func(r *Record, _ time.Time) error { return checkExempt(r) },
	},
}

// DefaultAccount is the account of tokens that do not name one.
const DefaultAccount = "default"

// setAccount changes the account. It may be one of another Jira, in which the same
// IDs are other projects.
func setAccount(r *Record, name string, _ time.Time) error {
	if r.Account != name {
		r.Account, r.Confine = name, r.Confine.withoutIDs()
	}
	return nil
}

// setter returns a function for Field.set that decodes the value and passes it
// to set.
func setter[T string | bool | []string](set func(r *Record, value T, now time.Time) error) func(*Record, json.RawMessage, time.Time) error {
	return func(r *Record, text json.RawMessage, now time.Time) error {
		var value T
		if err := json.Unmarshal(text, &value); err != nil {
			expected := "a string"
			switch any(value).(type) {
			case []string:
				expected = "an array of strings"
			case bool:
				expected = "true or false"
			}
			return fmt.Errorf("wrong type: expected %s", expected)
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

// latest is the latest time that a field can be set to, so that every store can
// hold it.
var latest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func checkNotBefore(r *Record, now time.Time) error {
	switch {
	case r.NotBefore.After(latest):
		return fmt.Errorf("time is too late: it must be before %d", latest.Year())
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
		return fmt.Errorf("expiry is too late: it must be before %d; for a token that never expires, use never", latest.Year())
	case !r.ExpiresAt.After(now):
		return fmt.Errorf("expiry %s is in the past: expected a time in the future, or never", r.ExpiresAt.Format(time.RFC3339))
	case !r.ExpiresAt.After(r.NotBefore):
		return errors.New("expiry must be after not-before")
	}
	return nil
}

func setNetworks(networks *[]netip.Prefix, texts []string) (err error) {
	if len(texts) > MaxNetworks {
		return fmt.Errorf("too many networks: got %d, expected at most %d", len(texts), MaxNetworks)
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

func exemptText(r *Record) string {
	if r.Exempt == "" {
		return ""
	}
	return "from the policy: " + r.Exempt
}

func holdText(r *Record) string {
	if !r.HoldWrites {
		return ""
	}
	return "held until somebody approves them"
}

func limitsText(r *Record) string {
	text := "the gateway's default"
	switch r.Limit {
	case Limit{}:
	case Unlimited:
		text = "off: any number of requests"
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
