package jiratokens

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// jiraURLs lists the Jiras that gateways forward to.
func (a *App) jiraURLs() (urls []string) {
	for _, upstream := range a.jiras {
		if !slices.ContainsFunc(urls, func(url string) bool { return jira.SameURL(url, upstream.URL) }) {
			urls = append(urls, upstream.URL)
		}
	}
	return urls
}

// reachJira returns the Jira with this base URL, as a gateway reaches it.
func (a *App) reachJira(url string) (accounts.Jira, bool) {
	for _, upstream := range a.jiras {
		if jira.SameURL(upstream.URL, url) {
			return accounts.Jira{URL: upstream.URL, Transport: replacing{upstream.Transport}}, true
		}
	}
	return accounts.Jira{}, false
}

// jiraOf returns the Jira with this base URL, or, if that is empty, the only one. Its
// errors are for owners.
func (a *App) jiraOf(url string) (accounts.Jira, error) {
	urls := a.jiraURLs()
	if url == "" && len(urls) == 1 {
		url = urls[0]
	}
	if at, ok := a.reachJira(url); ok {
		return at, nil
	}
	if len(urls) == 0 {
		return accounts.Jira{}, accounts.Error{Text: "this gateway forwards to no Jira", Kind: token.ErrConflict}
	}
	return accounts.Jira{}, token.InvalidError{Field: "jira", Err: errors.New("expected the base URL of one of the gateway's Jiras: " + strings.Join(urls, " or "))}
}

// IsCloud reports whether the Jira with this base URL is Jira Cloud or, if url is empty, whether
// all to which gateways forward are.
func (a *App) IsCloud(ctx context.Context, url string) bool {
	found := false
	for _, upstream := range a.jiras {
		if url != "" && !jira.SameURL(upstream.URL, url) {
			continue
		}
		if !a.deployments.IsCloud(ctx, replacing{upstream.Transport}, upstream.URL) {
			return false
		}
		found = true
	}
	return found
}

// replacing is a transport for requests that do not come through an HTTP server: the
// transport to Jira replaces the placeholders in its options.
type replacing struct{ http.RoundTripper }

func (r replacing) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx := context.WithValue(request.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	return r.RoundTripper.RoundTrip(request.WithContext(ctx))
}

// Interface guard
var _ http.RoundTripper = replacing{}
