package manager

import (
	"net/netip"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// scopes are all scopes, in the order in which they are offered.
var scopes = []token.Scope{token.ScopeRead, token.ScopeWrite, token.ScopeReadAll, token.ScopeAdmin}

// candidate returns a token that an owner could have, for questions to the policy.
func candidate(owner string, scope token.Scope) *token.Record {
	return &token.Record{Owner: owner, Name: "candidate", Scope: scope, Account: token.DefaultAccount}
}

// about reports whether a violation is about one of the fields.
func about(v *policy.Violation, fields ...string) bool {
	for _, field := range fields {
		if v != nil && v.Field == field {
			return true
		}
	}
	return false
}

// offer is what the policy allows the owner of a token that is being typed.
type offer struct {
	h      *Handler
	rights *policy.Rights
	owner  string
	kind   token.Kind
	scope  token.Scope
	// before is the token that is changed, or nil.
	before *admin.Token
	// foreign is set for the tokens of others. Their groups may only be asked about when
	// the token is created, so nothing is forbidden to choose before that.
	foreign bool
	// manages is set if whoever types may know what the policy allows others.
	manages bool
	// person is whoever types, and mine are the person's rights.
	person string
	mine   *policy.Rights
}

func (h *Handler) offerFor(v *visit, typed typed, before *admin.Token) offer {
	o := offer{h: h, owner: typed.owner(v.person()), before: before, manages: v.desk.Manages(), scope: token.ScopeRead, person: v.person(), mine: v.desk.Rights()}
	if scope, err := token.ParseScope(typed.text("scope")); err == nil {
		o.scope = scope
	}
	if kind, err := token.ParseKind(typed.text("kind")); err == nil {
		o.kind = kind
	}
	if before != nil {
		o.owner, o.kind = before.Owner, before.Kind
	} else if !v.desk.Rights().OnBehalf() {
		o.owner = v.person()
	}
	o.rights, o.foreign = v.desk.Rights(), token.Fold(o.owner) != token.Fold(v.person())
	if o.foreign {
		o.rights = h.app.Registry().DeskOf(o.owner).Rights()
	}
	return o
}

// violation returns how the policy forbids a token that the owner could have after change.
func (o offer) violation(change func(*token.Record)) *policy.Violation {
	record := candidate(o.owner, o.scope)
	record.Kind, record.CreatedAt = o.kind, o.h.now().UTC().Truncate(time.Second)
	if o.before != nil {
		record.CreatedAt, record.RotatedAt, record.Exempt = o.before.CreatedAt, o.before.RotatedAt, o.before.Exempt
	}
	change(record)
	return o.rights.Violation(record)
}

// forbid marks a choice that the policy forbids, and says why.
func (o offer) forbid(choice *page.Choice, why string) {
	if o.foreign {
		choice.Hint += " " + why
		return
	}
	choice.Forbidden = why
}

// whyNot says that the policy does not allow something, and who can help.
func (o offer) whyNot() string {
	switch {
	case o.foreign:
		return o.h.say("offer.not.of", o.owner)
	case o.manages:
		return o.h.say("offer.not.manager")
	}
	return o.h.say("offer.not.you")
}

// scopes returns the scopes as choices. What the policy forbids says why.
func (o offer) scopes(chosen string) []page.Choice {
	choices := make([]page.Choice, len(scopes))
	for i, scope := range scopes {
		choices[i] = page.Choice{Value: scope.String(), Text: o.h.say("scope." + scope.String()), Hint: o.h.say("scope." + scope.String() + ".hint"), Chosen: scope.String() == chosen}
		if v := o.violation(func(r *token.Record) { r.Scope = scope }); about(v, "scope", "owner") {
			o.forbid(&choices[i], o.whyNot())
		} else if rules := o.rights.NeedsApproval(scope); rules != "" {
			choices[i].Hint += " " + o.h.say("offer.approval")
		}
	}
	return choices
}

// forAccounts returns the offer whose rights say which accounts are shown.
func (o offer) forAccounts() offer {
	if o.foreign && !o.manages {
		o.rights, o.owner = o.mine, o.person
	}
	return o
}

// accounts returns the accounts that the token can name as choices. The names of those
// that the policy forbids are not for everybody, nor which ones it allows somebody else: for
// others, people who do not manage choose among their own.
func (o offer) accounts(chosen string) []page.Choice {
	var choices []page.Choice
	if o.before == nil {
		choices = append(choices, page.Choice{Value: "", Text: o.h.say("account.default"), Chosen: chosen == ""})
	}
	for _, name := range o.h.app.JiraAccounts().TokenAccounts() {
		choice := page.Choice{Value: name, Text: name, Chosen: name == chosen}
		if name == token.OwnAccount {
			choice.Text = o.h.say("account.own")
			if o.foreign {
				choice.Text = o.h.say("account.own.of", o.owner)
			}
		}
		if about(o.forAccounts().violation(func(r *token.Record) { r.Account = name }), "account") {
			if !o.manages && !choice.Chosen {
				continue
			}
			choice.Forbidden = o.h.say("offer.not")
		}
		choices = append(choices, choice)
	}
	// An account that is gone stays chosen: a list without it would choose another one.
	if o.before != nil && !slices.ContainsFunc(choices, func(c page.Choice) bool { return c.Value == o.before.Account }) {
		choices = append(choices, page.Choice{Value: o.before.Account, Text: o.before.Account, Chosen: chosen == o.before.Account})
	}
	return choices
}

// spans are the lifetimes that are offered, in days; 0 is for ever.
var spans = []struct {
	value string
	days  int
}{{"7d", 7}, {"30d", 30}, {"90d", 90}, {"180d", 180}, {"365d", 365}, {"never", 0}}

// expiries returns lifetimes as choices, and what the policy says about them.
func (o offer) expiries(chosen string) (choices []page.Choice, rule string) {
	now := o.h.now().UTC().Truncate(time.Second)
	if o.before != nil {
		choices = append(choices, page.Choice{Value: "", Text: o.h.say("expires.keep", o.h.endsText(*o.before)), Chosen: chosen == ""})
	}
	for _, span := range spans {
		choice := page.Choice{Value: span.value, Chosen: span.value == chosen, Text: o.h.say("expires.never")}
		v := o.violation(func(r *token.Record) {
			if span.days > 0 {
				choice.Text = o.h.count("in.days", span.days)
				r.ExpiresAt = now.AddDate(0, 0, span.days)
			}
			o.rights.Complete(r, func(field string) bool { return field == "expires_at" })
		})
		if about(v, "expires_at") {
			rule = o.lifetimeRule()
			if !o.foreign {
				choice.Forbidden = o.h.say("offer.not")
			}
		}
		choices = append(choices, choice)
	}
	return choices, rule
}

// allowedSpan returns a lifetime that is offered, or, if the policy does not allow it, the
// longest that it allows; empty if it allows none of them.
func (o offer) allowedSpan(wanted string) string {
	choices, _ := o.expiries(wanted)
	longest := ""
	for _, choice := range choices {
		switch {
		case choice.Forbidden != "":
		case choice.Value == wanted:
			return wanted
		case choice.Value != "never":
			longest = choice.Value
		}
	}
	return longest
}

// lifetimeRule says how long the token may work.
func (o offer) lifetimeRule() string {
	longest, limited := o.rights.MaxLifetime()
	switch {
	case !limited:
		return o.h.say("offer.expires.external")
	case o.before == nil:
		return o.h.say("offer.expires", o.h.span(longest))
	}
	issued := o.before.CreatedAt
	if o.before.RotatedAt.After(issued) {
		issued = o.before.RotatedAt
	}
	return o.h.say("offer.expires.until", o.h.span(longest), page.Moment{At: issued.Add(longest)}.Exact())
}

// unconfined reports whether the policy wants the token confined, and further than it is.
func (o offer) unconfined(confine token.Confinement) bool {
	return about(o.violation(func(r *token.Record) {
		r.Confine = confine
		o.rights.Complete(r, func(string) bool { return false })
	}), "confine")
}

// confineRule says that the token must be confined; empty if it need not be.
func (o offer) confineRule() string {
	switch {
	case !o.unconfined(token.Confinement{}):
		return ""
	case o.unconfined(token.Confinement{Hide: []string{"x"}}):
		return o.h.say("offer.confine.external")
	}
	return o.h.say("offer.confine")
}

// networks lists the networks to which the policy limits the token; empty if it does not, or
// if that is not for whoever types.
func (o offer) networks() string {
	if o.foreign && !o.manages {
		return ""
	}
	return o.rights.Networks()
}

// networksRule says that the policy limits the networks; empty if it does not.
func (o offer) networksRule() string {
	if networks := o.networks(); networks != "" {
		return o.h.say("offer.networks", networks)
	}
	return ""
}

// limited returns a record with the networks to which the policy limits it, for its sentence.
func (o offer) limited(record token.Record) *token.Record {
	if o.networks() == "" {
		return &record
	}
	for _, limit := range o.rights.Limits(&record) {
		for _, value := range limit.Values {
			if network, err := netip.ParsePrefix(value); err == nil && limit.Field == "allow_ip" {
				record.Networks.Allow = append(slices.Clone(record.Networks.Allow), network)
			}
		}
	}
	return &record
}
