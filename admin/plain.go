package admin

import (
	"errors"
	"regexp"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// commandHints are what messages say to somebody at the command, and what people read
// instead. The rest of a message is for both.
var commandHints = []struct {
	hint  *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(regexp.QuoteMeta(registry.ExemptHint)), ""},
	{regexp.MustCompile(`: use --external, or `), ": make the token for an outside person, or "},
	{regexp.MustCompile(`: use --owner, or `), ": make the token for a user or a service, or "},
	{regexp.MustCompile(`, use --service or --external`), ", make the token for one"},
	{regexp.MustCompile(` with --external instead`), " for an outside person instead"},
	{regexp.MustCompile(`, with caddy jira-token update \S+ --responsible`), ""},
	{regexp.MustCompile(`give it an expiry with --expires`), "give it an expiry"},
	{regexp.MustCompile(`make another with rotate --handover`), "rotate it for another link"},
	{regexp.MustCompile(`, add --scoped\.`), ", say that it is scoped."},
	{regexp.MustCompile(`; to list (?:them|all|all accounts), run: caddy jira-token .*`), ""},
	{regexp.MustCompile("; connect it again: caddy jira-token account connect .*"), "; connect it again"},
	{regexp.MustCompile("run caddy jira-token account connect [^;]*;"), "ask the owner to connect it;"},
	{regexp.MustCompile("(give it a new credential|remove it|replace it) with `caddy jira-token [^`]*`"), "$1"},
	{regexp.MustCompile(", or add one to the store with `caddy jira-token account add`"), ", or add one to the store"},
	{regexp.MustCompile(": add it with `caddy jira-token account add --owner`"), ": connect it"},
	{regexp.MustCompile(`, or name an owner with --owner \("owner" in JSON\)`), ""},
	{regexp.MustCompile(` if it were not confined: caddy jira-token update \S+ --unconfine\.`), " if it were not confined."},
	{regexp.MustCompile(` with caddy jira-token update \S+((?: --project \S+)*)\.`), " with these projects:$1."},
	{regexp.MustCompile(` --project`), ""},
	{regexp.MustCompile(`; to make a new one, so that people sign in again, run caddy jira-token .*`), ""},
}

// placesOfJira are the parts of errors that say where the gateway reaches Jira, and how that
// failed. They are for people who manage: others cannot do anything about it, and need not know
// the addresses of the network.
var placesOfJira = []struct {
	place *regexp.Regexp
	plain string
}{
	{regexp.MustCompile(`(Jira cannot be reached): [^;]*`), "$1"},
	{regexp.MustCompile(`\b(asking) https?://\S+`), "$1 Jira"},
	{regexp.MustCompile(`\b(?:dial|read|write) (?:tcp|udp|unix)[46]? .*?(?:refused|timeout|reset by peer|unreachable|no such host|EOF|$)`), "no connection"},
}

// Plain returns a message in words for people, who use no command.
func Plain(message string) string {
	for _, known := range commandHints {
		message = known.hint.ReplaceAllString(message, known.plain)
	}
	return message
}

// MessageFor returns what the endpoints say to a person about an error.
func MessageFor(person *Visitor, err error) string { return errorFor(person, err).Message }

// errorFor returns an error in words for a person. What the policy allows, and where its
// rules are written, is for people who manage.
func errorFor(person *Visitor, err error) caddy.APIError {
	failed := apiError(err)
	if refused, ok := errors.AsType[registry.PolicyError](err); ok && refused.Why != "" && !person.Desk.Manages() {
		failed.Message = refused.Field + ": " + refused.Why
	}
	if failed.Message == "" {
		failed.Message = failed.Err.Error()
	}
	failed.Message = Plain(failed.Message)
	if !person.Desk.Manages() {
		for _, known := range placesOfJira {
			failed.Message = known.place.ReplaceAllString(failed.Message, known.plain)
		}
	}
	return failed
}

// answerFor returns an answer in words for a person, without what is only for people who
// manage.
func (c *call) answerFor(person *Visitor, answer any) any {
	switch answer := answer.(type) {
	case Token:
		return c.viewFor(person, answer)
	case TokenPage:
		for i, listed := range answer.Tokens {
			if view, ok := listed.(Token); ok {
				answer.Tokens[i] = c.viewFor(person, view)
			}
		}
		return answer
	case OwnerResult:
		for i := range answer.LeftOut {
			answer.LeftOut[i].Why = Plain(answer.LeftOut[i].Why)
		}
		return answer
	case Account:
		answer.Error = Plain(answer.Error)
		return answer
	case Accounts:
		for i := range answer.Accounts {
			answer.Accounts[i].Error = Plain(answer.Accounts[i].Error)
		}
		return answer
	case CheckResults:
		for i := range answer.Accounts {
			answer.Accounts[i].Error = Plain(answer.Accounts[i].Error)
		}
		return answer
	case Explanations:
		for _, gateway := range answer.Gateways {
			for i := range gateway.Steps {
				gateway.Steps[i].Detail = Plain(gateway.Steps[i].Detail)
			}
		}
		return answer
	}
	return answer
}

func (c *call) viewFor(person *Visitor, view Token) Token {
	view.StateReason = Plain(view.StateReason)
	for i := range view.Warnings {
		view.Warnings[i] = Plain(view.Warnings[i])
	}
	if person.Desk.Manages() {
		return view
	}
	view.StateReason = Plain(c.app.Registry().ReasonForHolder(view.Record))
	own := view.OwnedBy(person.Desk.Person()) && view.Kind == token.KindUser
	view.Choices, view.Limits = slices.Clone(view.Choices), slices.Clone(view.Limits)
	for i := range view.Choices {
		view.Choices[i].Because = "the policy of the gateway"
	}
	if !own {
		view.Limits = nil // these would be the networks of somebody else
		view.Choices = slices.DeleteFunc(view.Choices, func(choice policy.Choice) bool { return choice.Field == "allow_ip" })
	}
	for i := range view.Limits {
		view.Limits[i].Rules = "the policy"
	}
	return view
}
