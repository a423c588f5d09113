package jiratokens

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// CheckResult says whether one Jira accepts one account.
type CheckResult struct {
	Account string `json:"account"`
	Jira    string `json:"jira"`
	OK      bool   `json:"ok"`
	// User is who the account is in Jira.
	User string `json:"user,omitempty"`
	// Error is what is wrong.
	Error string `json:"error,omitempty"`
}

// AddJira makes a Jira known that a gateway of this configuration forwards to.
func (a *App) AddJira(upstream handler.Jira) {
	a.jiras = append(a.jiras, upstream)
}

// check asks every Jira of the configuration whether it accepts the account
// with this name; all accounts if it is empty.
func (a *App) check(ctx context.Context, name string) ([]CheckResult, error) {
	names := slices.Sorted(maps.Keys(a.accounts))
	if name != "" {
		if _, ok := a.accounts[name]; !ok {
			return nil, registry.InvalidError{Field: "account", Err: fmt.Errorf("account %q: is not configured; there is %s", name, strings.Join(names, ", "))}
		}
		names = []string{name}
	}
	if len(a.jiras) == 0 {
		return nil, caddy.APIError{HTTPStatus: http.StatusConflict,
			Err: fmt.Errorf("the configuration has no jira_gateway: there is no Jira to ask")}
	}
	results := []CheckResult{}
	asked := make(map[string]bool)
	for _, upstream := range a.jiras {
		if asked[upstream.URL] {
			continue
		}
		asked[upstream.URL] = true
		for _, name := range names {
			results = append(results, checkAccount(ctx, upstream, a.accounts[name]))
		}
	}
	return results, nil
}

func checkAccount(ctx context.Context, upstream handler.Jira, account *jira.Account) CheckResult {
	result := CheckResult{Account: account.Name(), Jira: upstream.URL}
	user, err := myself(ctx, upstream, account)
	if err != nil {
		result.Error = err.Error()
		return result
	}
	result.OK, result.User = true, user
	return result
}

// myself asks Jira who the account is. It is the one question that Jira does
// not answer to anonymous callers.
func myself(ctx context.Context, upstream handler.Jira, account *jira.Account) (string, error) {
	// The transport finds placeholders of its options here.
	ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, upstream.URL+"/rest/api/2/myself", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", account.Authorization())
	request.Header.Set("Accept", "application/json")
	response, err := upstream.Transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("Jira cannot be reached: %w", err)
	}
	defer response.Body.Close()
	if err := refusal(response); err != nil {
		return "", err
	}
	var user struct {
		DisplayName  string `json:"displayName"`
		Name         string `json:"name"`
		EmailAddress string `json:"emailAddress"`
		AccountID    string `json:"accountId"`
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&user); err != nil {
		return "", fmt.Errorf("the answer is not Jira's: %w", err)
	}
	for _, name := range []string{user.EmailAddress, user.Name, user.DisplayName, user.AccountID} {
		if name != "" {
			return name, nil
		}
	}
	return "", fmt.Errorf("the answer names no user: is this Jira?")
}

// refusal says how Jira refused an account, if it did.
func refusal(response *http.Response) error {
	switch login := response.Header.Get("X-Seraph-Loginreason"); {
	case strings.HasPrefix(response.Header.Get("X-Authentication-Denied-Reason"), "CAPTCHA"):
		return fmt.Errorf("Jira asks the account for a CAPTCHA after failed log-ins: log in once in a browser")
	case response.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("Jira refuses the credential (HTTP 401): is it right, and not expired?")
	case response.StatusCode == http.StatusForbidden:
		return fmt.Errorf("Jira forbids the account (HTTP 403): may it use the API, is Basic authentication enabled?")
	case login == "AUTHENTICATED_FAILED" || login == "AUTHENTICATION_DENIED" || login == "OUT":
		return fmt.Errorf("Jira answers as to an anonymous caller (%s): the credential is not accepted", login)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("Jira answers HTTP %d: is the URL right?", response.StatusCode)
	}
	return nil
}
