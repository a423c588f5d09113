package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// confineCheckTimeout bounds how long Jira is asked about a confinement.
const confineCheckTimeout = 30 * time.Second

// WithoutAsking ends errors about a confinement that Jira could not be asked about: it says
// how to confine a token without asking.
const WithoutAsking = `; --no-check ("check": false in JSON) confines the token without asking`

// confineCheck checks the confinement of a token that is created or changed.
type confineCheck struct {
	call *call
	edit token.Edit
	ask  bool
	// result is what Jira said.
	result *ConfineCheck
}

// newConfineCheck removes the option check from an edit and applies it.
func (c *call) newConfineCheck(edit token.Edit) (*confineCheck, error) {
	check := &confineCheck{call: c, edit: edit, ask: true}
	if edit.Has("check") {
		if err := json.Unmarshal(edit["check"], &check.ask); err != nil {
			return nil, registry.InvalidError{Field: "check", Err: errors.New("expected true or false")}
		}
	}
	delete(edit, "check")
	return check, nil
}

// vet checks a record's confinement and, unless that is turned off, asks Jira about
// it. It adds the IDs of the projects.
func (c *confineCheck) vet(ctx context.Context, record *token.Record) error {
	c.result = nil // it runs again after a conflict
	if err := vetConfinement(ctx, record); err != nil {
		return err
	}
	changed := c.edit.Has("confine") || c.edit.Has("account")
	if !c.ask || !changed || record.Confine.IsZero() {
		return nil
	}
	account, err := c.call.accountOfRecord(ctx, record)
	if err != nil {
		return caddy.APIError{HTTPStatus: http.StatusConflict, Err: fmt.Errorf("account %s: %w%s", record.Account, err, WithoutAsking)}
	}
	upstream, err := c.call.jiraOf(account)
	if err != nil {
		return err
	}
	c.call.noDeadline()
	ctx, cancel := context.WithTimeout(withReplacer(ctx), confineCheckTimeout)
	defer cancel()
	var resolved token.Confinement
	issues := -1
	err = account.Ask(ctx, upstream.Transport, upstream.URL, func(asker jira.Asker) error {
		// A new guard: what another remembers may be out of date.
		var err error
		resolved, issues, err = confine.NewGuard(confineCheckTimeout).Check(ctx, asker, record.Confine)
		return err
	})
	if cause := unanswered(err); cause != nil {
		// Where Jira is asked, and as whom, is only for administrators.
		if person := c.call.visitor; person != nil && !person.Desk.Manages() {
			return caddy.APIError{
				HTTPStatus: http.StatusBadGateway,
				Err:        errors.New("Jira could not be asked about what the token may see; try again in a moment, or ask somebody who manages tokens" + WithoutAsking), //nolint:staticcheck // Jira is a name
			}
		}
		return caddy.APIError{
			HTTPStatus: http.StatusBadGateway,
			Err:        fmt.Errorf("asking %s about the confinement as account %s: %w%s", upstream.URL, record.Account, cause, WithoutAsking),
		}
	}
	if err != nil {
		return registry.InvalidError{Field: "confine", Err: err}
	}
	record.Confine = resolved
	c.result = &ConfineCheck{Jira: upstream.URL}
	// A number of issues tells more than the token may, as long as nobody has approved it.
	if asked := *record; issues >= 0 && c.call.mayAsk(&asked) == nil {
		c.result.Issues = &issues
	}
	return nil
}

// unanswered returns why Jira gave no answer about a confinement, or nil if err says what
// is wrong with the confinement.
func unanswered(err error) error {
	refused, ok := errors.AsType[*confine.Error](err)
	_, paused := errors.AsType[jira.RefusedError](err)
	switch {
	case ok && refused.Err != nil:
		return refused.Err
	case ok, paused, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return nil
}

// accountOfRecord returns the account of a token. The owner's own account is known only
// if there is a single Jira.
func (c *call) accountOfRecord(ctx context.Context, record *token.Record) (*jira.Account, error) {
	if record.Account != token.OwnAccount || c.app.JiraAccounts().Configured(token.OwnAccount) {
		return c.app.JiraAccounts().Find(ctx, record.Account)
	}
	url, err := c.onlyJira()
	if err != nil {
		return nil, err
	}
	return c.app.JiraAccounts().FindOwn(ctx, record.Owner, url)
}

// vetConfinement returns an error if the JQL of a record's confinement cannot be
// parsed.
func vetConfinement(_ context.Context, record *token.Record) error {
	if _, err := confine.NewView(record.Confine); err != nil {
		return registry.InvalidError{Field: "confine", Err: JQLError(err)}
	}
	return nil
}

// JQLError returns the error about a confinement whose JQL cannot be parsed. As in other
// errors, the part comes first: the command translates it to a flag.
func JQLError(err error) error {
	return fmt.Errorf("jql: %s", strings.TrimPrefix(err.Error(), "JQL: "))
}

// jiraOf returns the Jira that an account is used with. It must be the only one.
func (c *call) jiraOf(account *jira.Account) (handler.Jira, error) {
	found := make(map[string]handler.Jira) // several gateways can have one Jira
	for _, upstream := range c.app.Jiras() {
		if upstream.Takes(account) {
			found[strings.ToLower(strings.TrimSuffix(upstream.URL, "/"))] = upstream
		}
	}
	urls := slices.Sorted(maps.Keys(found))
	var err error
	switch len(urls) {
	case 0:
		err = fmt.Errorf("no gateway of the configuration uses account %s: there is no Jira to ask about the confinement%s", account, WithoutAsking)
	case 1:
		return found[urls[0]], nil
	default:
		err = fmt.Errorf("account %s is used with %d Jiras, %s, and they have different projects%s; the projects are then found in each Jira by their keys",
			account, len(urls), strings.Join(urls, " and "), WithoutAsking)
	}
	return handler.Jira{}, caddy.APIError{HTTPStatus: http.StatusConflict, Err: err}
}
