package handler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// send sends a request with a token to Jira, as the account, and returns the
// answer that its client gets.
func (t *Transport) send(r *http.Request, d *Decision) (*http.Response, error) {
	answered, err := d.Account.Attempt(r.Context(), t.URL)
	if err != nil {
		return nil, err
	}
	response, err := t.forward(r, d)
	_, refused := errors.AsType[jira.RefusedError](err)
	answered(refused)
	return response, err
}

// forward sends a request whose turn it is.
func (t *Transport) forward(r *http.Request, d *Decision) (*http.Response, error) {
	if err := t.usable(r.Context(), d.Account); err != nil {
		return nil, err
	}
	to, err := t.baseOf(r.Context(), d.Account)
	if err != nil {
		return nil, err
	}
	mapper := to.mapper
	if d.publicURL == "" {
		mapper = nil
	}
	out, err := t.authorized(r, d, to, mapper != nil)
	if err != nil {
		return nil, t.refusedBy(d.Account, err)
	}
	response, err := t.deliver(out, d.Access)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < http.StatusOK {
		// No upgrade is forwarded that Jira could agree to.
		_ = response.Body.Close()
		return nil, fmt.Errorf("jira answers HTTP %d without being asked", response.StatusCode)
	}
	question := jira.Question{
		Path: t.belowJira(r.URL.Path),
		URL:  out.URL,
		Home: func(u *url.URL) (path string, isHome, reachable bool) {
			path, isHome = t.home(u, r, d, to)
			return path, isHome, isHome && t.reachable.Match(path)
		},
	}
	if err := checkAnswer(response, question); err != nil {
		_ = response.Body.Close() // such an answer is not for the caller
		return nil, t.refused(d.Account, err)
	}
	return inbound(response, question, d, mapper), nil
}

// checkAnswer returns an error if Jira refuses the account, or if it is not Jira
// that answers.
func checkAnswer(response *http.Response, question jira.Question) error {
	if err := jira.Refusal(response); err != nil {
		return err
	}
	return jira.CheckAnswer(response, question)
}

// belowJira returns a path without the path that Jira is installed at.
func (t *Transport) belowJira(path string) string {
	if rest, ok := strings.CutPrefix(path, t.homes[0].Path); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return path
}

// home returns the path below Jira of a URL that leads to it: by one of its own
// addresses, or by the gateway's, which Jira takes for its own when it gets the
// client's Host.
func (t *Transport) home(u *url.URL, r *http.Request, d *Decision, to *base) (path string, ok bool) {
	for _, home := range t.homes {
		if path, ok := below(u, home); ok {
			return path, true
		}
	}
	if path, ok := below(u, to.url); ok {
		return t.belowJira(path), true
	}
	for _, address := range []string{d.publicURL, "http://" + r.Host, "https://" + r.Host} {
		home, err := url.Parse(address)
		if err != nil || home.Host == "" {
			continue
		}
		if path, ok := below(u, home); ok {
			return t.belowJira(path), true
		}
	}
	return "", false
}

// below returns the escaped path that a URL has below another.
func below(u, base *url.URL) (path string, ok bool) {
	if u.Scheme != base.Scheme || !strings.EqualFold(hostPort(u), hostPort(base)) || u.User != nil {
		return "", false
	}
	path, ok = strings.CutPrefix(u.EscapedPath(), strings.TrimSuffix(base.EscapedPath(), "/"))
	return path, ok && strings.HasPrefix(path, "/")
}

// hostPort is a URL's host with its port, also where that is the default one.
func hostPort(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Host
	case u.Scheme == "https":
		return u.Host + ":443"
	}
	return u.Host + ":80"
}

// authorized returns a copy of the request with the account's credential. The
// proxy uses its own again for a retry, and a RoundTripper must not change what
// it is given.
func (t *Transport) authorized(r *http.Request, d *Decision, to *base, mapped bool) (*http.Request, error) {
	authorization, err := d.Account.Authorization(r.Context())
	if err != nil {
		return nil, err
	}
	var ctx context.Context = withoutTrace{r.Context()}
	if to != t.own {
		ctx = ownContext{r.Context()}
	}
	out := r.WithContext(ctx)
	out.Header = maps.Clone(r.Header)
	delete(out.Header, "Cookie") // the proxy's: see Handler.AffinityCookie
	if mapped && mayHoldLinks(r.URL.Path) {
		// Links cannot be found in compressed text. Without this header Go's
		// transport asks for gzip and unpacks it.
		delete(out.Header, "Accept-Encoding")
	}
	// Here rather than before the proxy: a client's Connection header makes
	// the proxy drop what it names.
	out.Header["User-Agent"] = []string{userAgent} // first, since it replaces one: a full map grows
	out.Header["Authorization"] = []string{authorization}
	if jira.AccessByMethod(r.Method) != jira.AccessRead {
		// Reads by POST included: Jira checks the method.
		out.Header["X-Atlassian-Token"] = []string{"no-check"}
	}
	if t.Attachments == attachmentsProxy && isAttachment(r.URL.Path) {
		u := *out.URL
		u.RawQuery = withoutRedirect(u.RawQuery)
		out.URL = &u
	}
	if to != t.own {
		if out.URL, err = moved(out.URL, t.own.url, to.url); err != nil {
			return nil, err
		}
		out.Host = to.url.Host
	}
	return out, nil
}

// moved returns a URL below one base as it is below another.
func moved(u, from, to *url.URL) (*url.URL, error) {
	there := *u
	there.Scheme, there.Host = to.Scheme, to.Host
	there.RawPath = to.EscapedPath() + strings.TrimPrefix(u.EscapedPath(), from.EscapedPath())
	var err error
	if there.Path, err = url.PathUnescape(there.RawPath); err != nil {
		return nil, fmt.Errorf("path for %s: %w", to, err)
	}
	return &there, nil
}

// withoutTrace keeps the proxy from forwarding 1xx responses, which would pass
// the headers of an early hint to the client as they are.
type withoutTrace struct{ context.Context }

func (c withoutTrace) Value(key any) any {
	value := c.Context.Value(key)
	if _, ok := value.(*httptrace.ClientTrace); ok {
		return nil
	}
	return value
}

// ownContext is for requests that go elsewhere than the proxy meant: without
// its dial info the transport dials the host of the URL.
type ownContext struct{ context.Context }

func (c ownContext) Value(key any) any {
	value := withoutTrace(c).Value(key)
	if _, ok := value.(reverseproxy.DialInfo); ok {
		return nil
	}
	return value
}
