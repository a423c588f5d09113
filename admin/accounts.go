package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// accountTimeout bounds how long Jira is asked about an account.
const accountTimeout = 30 * time.Second

func (c *call) listAccounts() (int, any, error) {
	views, err := c.app.JiraAccounts().List(c.Context())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, Accounts{append([]Account{}, views...)}, nil
}

func (c *call) showAccount() (int, any, error) {
	ref, err := c.accountRef()
	if err != nil {
		return 0, nil, err
	}
	view, err := c.app.JiraAccounts().Show(c.Context(), ref)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, view, nil
}

func (c *call) addAccount() (int, any, error) {
	var edit accounts.Edit
	if err := c.decode(&edit); err != nil {
		return 0, nil, err
	}
	if err := c.checkEdit(edit); err != nil {
		return 0, nil, err
	}
	url, err := edit.URL()
	if err != nil {
		return 0, nil, err
	}
	at, err := c.jiraAt(url)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := c.askingJira()
	defer cancel()
	view, err := c.app.JiraAccounts().Add(ctx, c.actor(), edit, at)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusCreated, view, nil
}

// checkEdit returns an error if a person says where an account's requests are sent, which
// would let that person read and answer them, and say whose account it is.
func (c *call) checkEdit(edit accounts.Edit) error {
	if c.visitor == nil || edit.APIURL == "" && edit.TokenURL == "" {
		return nil
	}
	return caddy.APIError{HTTPStatus: http.StatusForbidden, Err: errors.New("api_url and token_url can only be set with the command, or at the admin endpoint")}
}

func (c *call) replaceAccount() (int, any, error) {
	var edit accounts.Edit
	if err := c.decode(&edit); err != nil {
		return 0, nil, err
	}
	if err := c.checkEdit(edit); err != nil {
		return 0, nil, err
	}
	ref, err := c.accountRef()
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := c.askingJira()
	defer cancel()
	view, err := c.app.JiraAccounts().Replace(ctx, c.actor(), ref, edit, c.jiraAt)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, view, nil
}

func (c *call) removeAccount() (int, any, error) {
	ref, err := c.accountRef("revision")
	if err != nil {
		return 0, nil, err
	}
	c.noDeadline() // counting the tokens may take a while
	err = c.app.JiraAccounts().RemoveRevision(c.Context(), c.actor(), ref, c.URL.Query().Get("revision"), func(ctx context.Context) (int, error) {
		return c.app.Registry().TokensOf(ctx, ref.Name, ref.Owner)
	})
	return http.StatusNoContent, nil, err
}

func (c *call) reencryptAccounts() (int, any, error) {
	c.noDeadline()
	result, err := c.app.JiraAccounts().Reencrypt(c.Context(), c.actor())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, result, nil
}

// checkAccount asks Jira whether it accepts the account in the path.
func (c *call) checkAccount() (int, any, error) {
	if err := c.decode(new(struct{})); err != nil {
		return 0, nil, err
	}
	ctx, cancel := c.askingJira()
	defer cancel()
	ref, err := c.accountRef()
	if err != nil {
		return 0, nil, err
	}
	if ref.Owner != "" {
		view, err := c.app.JiraAccounts().Show(ctx, ref)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusOK, CheckResults{c.checkView(ctx, view)}, nil
	}
	results, err := c.checkAccounts(ctx, ref.Name)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, CheckResults{results}, nil
}

// accountRef returns which account the request is about: the one in the path, or, for
// own, that of the parameter owner. The parameter jira is only needed if the gateways
// forward to several Jiras. others are further parameters that the endpoint has.
func (c *call) accountRef(others ...string) (accounts.Ref, error) {
	parameters, err := c.parameters(append([]string{"owner", "jira"}, others...)...)
	if err != nil {
		return accounts.Ref{}, err
	}
	name, owner := c.PathValue("name"), parameters.Get("owner")
	if name != token.OwnAccount || owner == "" {
		return accounts.Ref{Name: name}, nil
	}
	url := parameters.Get("jira")
	if url == "" {
		if url, err = c.onlyJira(); err != nil {
			return accounts.Ref{}, err
		}
	}
	return accounts.Own(owner, url), nil
}

// onlyJira returns the base URL of the Jira that all gateways forward to.
func (c *call) onlyJira() (string, error) {
	upstreams := c.app.Jiras()
	if len(upstreams) == 0 {
		return "", caddy.APIError{HTTPStatus: http.StatusConflict, Err: errNoJira}
	}
	for _, other := range upstreams {
		if !jira.SameURL(other.URL, upstreams[0].URL) {
			return "", registry.InvalidError{Field: "jira", Err: fmt.Errorf("missing Jira's base URL: an owner can have an own account at each of %s and %s", upstreams[0].URL, other.URL)}
		}
	}
	return upstreams[0].URL, nil
}

// askingJira lifts the time limits of the admin endpoint, and returns a context for
// asking Jira.
func (c *call) askingJira() (context.Context, context.CancelFunc) {
	c.noDeadline()
	return context.WithTimeout(withReplacer(c.Context()), accountTimeout)
}

// jiraAt returns the Jira with this base URL, as a gateway reaches it.
func (c *call) jiraAt(url string) (accounts.Jira, error) {
	var urls []string
	for _, upstream := range c.app.Jiras() {
		if jira.SameURL(upstream.URL, url) {
			return accounts.Jira{URL: upstream.URL, Transport: upstream.Transport}, nil
		}
		if !slices.Contains(urls, upstream.URL) {
			urls = append(urls, upstream.URL)
		}
	}
	if len(urls) == 0 {
		return accounts.Jira{}, caddy.APIError{HTTPStatus: http.StatusConflict, Err: errNoJira}
	}
	return accounts.Jira{}, caddy.APIError{
		HTTPStatus: http.StatusConflict,
		Err:        fmt.Errorf("no gateway of the configuration forwards to %.200q, so the account would be of no use: expected %s", url, strings.Join(urls, " or ")),
	}
}
