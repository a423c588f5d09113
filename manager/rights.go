package manager

import (
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// rightsOf says in words what the policy allows an owner.
func (h *Handler) rightsOf(owner admin.Owner) []page.Fact {
	o := offer{h: h, owner: owner.Owner, rights: h.app.Registry().DeskOf(owner.Owner).Rights(), manages: true}
	if kind, err := token.ParseKind(owner.Kind); err == nil {
		o.kind = kind
	}
	var allowed []string
	for _, scope := range scopes {
		word := h.say("scope." + scope.String())
		switch {
		case about(o.rights.Violation(candidate(o.owner, scope)), "scope", "owner"):
			continue
		case o.rights.NeedsApproval(scope) != "":
			word = h.say("owner.rights.approval", word)
		}
		if allowed == nil {
			o.scope = scope // of which the other rules are asked
		}
		allowed = append(allowed, word)
	}
	if allowed == nil {
		return append([]page.Fact{{Name: h.say("owner.rights.scopes"), Text: h.say("nothing")}}, h.dutiesOf(o)...)
	}
	lifetime := h.say("owner.rights.lifetime.any")
	if longest, limited := o.rights.MaxLifetime(); limited {
		lifetime = h.say("owner.rights.lifetime.most", h.span(longest))
	}
	facts := []page.Fact{{Name: h.say("owner.rights.scopes"), Text: strings.Join(allowed, "; ")}, {Name: h.say("owner.rights.lifetime"), Text: lifetime}}
	if most, _ := o.rights.MaxTokens(); most > 0 {
		facts = append(facts, page.Fact{Name: h.say("owner.rights.number"), Text: h.say("owner.rights.number.most", strconv.Itoa(most))})
	}
	if o.unconfined(token.Confinement{}) {
		facts = append(facts, page.Fact{Name: h.say("owner.rights.confine"), Text: h.say("owner.rights.confine.required")})
	}
	if networks := o.rights.Networks(); networks != "" {
		facts = append(facts, page.Fact{Name: h.say("owner.rights.networks"), Text: networks})
	}
	if accounts, limited := o.allowedAccounts(); limited {
		facts = append(facts, page.Fact{Name: h.say("owner.rights.accounts"), Text: strings.Join(accounts, ", ")})
	}
	return append(facts, h.dutiesOf(o)...)
}

// dutiesOf says what an owner may do besides having tokens.
func (h *Handler) dutiesOf(o offer) (facts []page.Fact) {
	var also []string
	if o.rights.OnBehalf() {
		also = append(also, h.say("owner.rights.on_behalf"))
	}
	if o.rights.Manage() {
		also = append(also, h.say("owner.rights.manage"))
	}
	if also != nil {
		facts = []page.Fact{{Name: h.say("owner.rights.also"), Text: strings.Join(also, "; ")}}
	}
	return facts
}

// allowedAccounts returns the accounts that a token can have, and reports whether
// there are others.
func (o offer) allowedAccounts() (names []string, limited bool) {
	for _, name := range o.h.app.JiraAccounts().TokenAccounts() {
		if about(o.violation(func(r *token.Record) { r.Account = name }), "account") {
			limited = true
			continue
		}
		names = append(names, name)
	}
	return names, limited
}
