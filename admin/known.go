package admin

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// knownTimeout bounds how long somebody who fills in a form waits for Jira.
const knownTimeout = 15 * time.Second

// maxAsking is how many questions of people are put to Jira at the same time. More wait.
const maxAsking = 4

// asked remembers shortly what Jira has said to people who fill in a form.
type asked struct {
	guard *confine.Guard
	slots chan struct{}
}

func newAsked() *asked {
	return &asked{confine.NewGuard(time.Minute), make(chan struct{}, maxAsking)}
}

// KnownProjects are projects that an account sees.
type KnownProjects struct {
	Jira     string            `json:"jira"`
	Projects []confine.Project `json:"projects"`
	// More reports whether there are more than are returned.
	More bool `json:"more"`
}

// KnownFields are the fields of a Jira.
type KnownFields struct {
	Jira   string          `json:"jira"`
	Fields []confine.Field `json:"fields"`
}

// knownProjects returns the projects that a token could name.
func (c *call) knownProjects() (int, any, error) {
	parameters, err := c.parameters("owner", "kind", "account", "search")
	if err != nil {
		return 0, nil, err
	}
	answer := KnownProjects{Projects: []confine.Project{}}
	err = c.askAbout(parameters.Get("owner"), parameters.Get("kind"), parameters.Get("account"), func(ctx context.Context, guard *confine.Guard, asker jira.Asker) (err error) {
		answer.Jira = asker.URL
		answer.Projects, answer.More, err = guard.Projects(ctx, asker, parameters.Get("search"))
		return err
	})
	return http.StatusOK, answer, err
}

// knownFields returns the fields that a token could hide.
func (c *call) knownFields() (int, any, error) {
	parameters, err := c.parameters("owner", "kind", "account")
	if err != nil {
		return 0, nil, err
	}
	var answer KnownFields
	err = c.askAbout(parameters.Get("owner"), parameters.Get("kind"), parameters.Get("account"), func(ctx context.Context, guard *confine.Guard, asker jira.Asker) (err error) {
		answer.Jira = asker.URL
		answer.Fields, err = guard.Fields(ctx, asker)
		return err
	})
	return http.StatusOK, answer, err
}

// matches returns how many issues a confinement leaves, without creating a token.
func (c *call) matches() (int, any, error) {
	var edit token.Edit
	if err := c.decode(&edit); err != nil {
		return 0, nil, err
	}
	record := &token.Record{Scope: token.ScopeRead}
	for _, field := range token.Fields() {
		switch field.Name {
		case "owner", "kind", "account", "confine":
			if !edit.Has(field.Name) {
				continue
			}
			if err := field.Set(record, edit[field.Name], time.Now()); err != nil {
				return 0, nil, registry.InvalidError{Field: field.Name, Err: err}
			}
		}
		delete(edit, field.Name)
	}
	for name := range edit {
		return 0, nil, registry.InvalidError{Field: "body", Err: errors.New("unknown field " + name + ": expected owner, kind, account and confine")}
	}
	if err := vetConfinement(c.Context(), record); err != nil {
		return 0, nil, err
	}
	var answer ConfineCheck
	err := c.askAbout(record.Owner, record.Kind.String(), record.Account, func(ctx context.Context, guard *confine.Guard, asker jira.Asker) error {
		issues, err := guard.Matches(ctx, asker, record.Confine)
		if answer.Jira = asker.URL; issues >= 0 {
			answer.Issues = &issues
		}
		return err
	})
	return http.StatusOK, answer, err
}

// askAbout calls ask with what reaches the Jira that a token would use, as its account. A
// person must be able to have such a token.
func (c *call) askAbout(owner, kind, account string, ask func(context.Context, *confine.Guard, jira.Asker) error) error {
	record := &token.Record{Owner: owner, Account: account, Scope: token.ScopeRead}
	if kind != "" {
		var err error
		if record.Kind, err = token.ParseKind(kind); err != nil {
			return registry.InvalidError{Field: "kind", Err: err}
		}
	}
	if err := c.mayAsk(record); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(withReplacer(c.Context()), knownTimeout)
	defer cancel()
	known := c.asked
	if known == nil {
		known = newAsked()
	}
	select {
	case known.slots <- struct{}{}:
		defer func() { <-known.slots }()
	case <-ctx.Done():
		return unasked(record.Account, "Jira", errors.New("too many people ask it at the moment"))
	}
	found, err := c.accountOfRecord(ctx, record)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusConflict, Err: errors.New("account " + record.Account + ": " + err.Error())}
	}
	upstream, err := c.jiraOf(found)
	if err != nil {
		return err
	}
	err = found.Ask(ctx, upstream.Transport, upstream.URL, func(asker jira.Asker) error { return ask(ctx, known.guard, asker) })
	if cause := unanswered(err); cause != nil {
		return unasked(record.Account, upstream.URL, cause)
	}
	if err != nil {
		return registry.InvalidError{Field: "confine", Err: err}
	}
	return nil
}

// mayAsk returns an error unless whoever calls can have such a token, and completes it.
func (c *call) mayAsk(record *token.Record) error {
	if c.visitor == nil {
		if record.Account == "" {
			record.Account = token.DefaultAccount
		}
		return nil
	}
	if record.Owner == "" {
		record.Owner = c.visitor.Desk.Person()
	}
	from, _ := netip.ParseAddr(c.visitor.Actor.Address) // unknown is not permitted, if that matters
	return c.visitor.Desk.MayAsk(record, from)
}

// unasked reports that Jira could not be asked.
func unasked(account, url string, err error) error {
	return caddy.APIError{HTTPStatus: http.StatusBadGateway, Err: errors.New("asking " + url + " as account " + account + ": " + err.Error())}
}
