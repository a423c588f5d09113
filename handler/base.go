package handler

import (
	"context"
	"net/url"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// base is where an account's requests go: Jira's own URL, or the URL of its API by
// cloud ID.
type base struct {
	url *url.URL
	// mapper maps links to it and to Jira's other URLs; nil if links are not
	// rewritten.
	mapper *links.Mapper
}

// baseOf returns where an account's requests go.
func (t *Transport) baseOf(ctx context.Context, account *jira.Account) (*base, error) {
	if !account.ByCloudID() && account.IsFor(t.URL) {
		return t.own, nil
	}
	address, err := account.BaseURL(ownContext{ctx}, t.upstream, t.URL)
	if err != nil {
		return nil, err
	}
	if known, ok := t.clouds.Load(address); ok {
		return known.(*base), nil
	}
	made, err := t.newBase(address)
	if err == nil {
		t.clouds.Store(address, made)
	}
	return made, err
}

func (t *Transport) newBase(address string) (*base, error) {
	u, err := parseJiraURL(address)
	if err != nil || t.served == nil {
		return &base{url: u}, err
	}
	mapper, err := links.New(append([]string{t.URL, address}, t.BaseURLs...), t.served)
	return &base{url: u, mapper: mapper}, err
}
