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

// send sends a request with a token to Jira as the account, and returns the response
// for the client.
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

// forward sends a request that the account's Attempt has admitted.
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
	d.held.restore(out)
	if d.confined != nil {
		if err := d.confined.admit(out, t.asker(d.Account)); err != nil {
			return nil, t.refused(d.Account, err)
		}
	}
	response := d.confined.ownAnswer(out)
	own := response != nil
	if !own {
		if err := t.admitChange(r, d); err != nil {
			return nil, err
		}
		if response, err = t.deliver(out, d.Access); err != nil {
			return nil, err
		}
	}
	if response.StatusCode < http.StatusOK {
		// Upgrade is never forwarded, so Jira has nothing to agree to.
		_ = response.Body.Close()
		return nil, fmt.Errorf("jira answered with an unexpected HTTP %d", response.StatusCode)
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
		_ = response.Body.Close() // the client must not see this response
		return nil, t.refused(d.Account, err)
	}
	if !own {
		d.Account.Answered(t.URL)
		t.wrote(r, d, response)
	}
	if d.confined != nil {
		confined, err := d.confined.answer(response)
		if err != nil {
			_ = response.Body.Close()
			return nil, err
		}
		response = confined
	}
	return inbound(response, question, d, mapper), nil
}

// checkAnswer returns an error if Jira refuses the account or if something other
// than Jira answered.
func checkAnswer(response *http.Response, question jira.Question) error {
	if err := jira.Refusal(response); err != nil {
		return err
	}
	return jira.CheckAnswer(response, question)
}

// belowJira returns a path without Jira's context path.
func (t *Transport) belowJira(path string) string {
	if rest, ok := strings.CutPrefix(path, t.homes[0].Path); ok && strings.HasPrefix(rest, "/") {
		return rest
	}
	return path
}

// home returns the path below Jira of a URL that leads to it, through one of its own
// addresses or the gateway's. Jira uses the latter if it gets the client's Host.
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

// hostPort returns a URL's host and port, which may be the scheme's default.
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
// proxy reuses the original for a retry, and a RoundTripper must not modify it.
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
	delete(out.Header, "Cookie") // it was for the proxy: see Handler.AffinityCookie
	if mapped && mayHoldLinks(r.URL.Path) {
		// Links cannot be found in compressed text. Without this header Go's
		// transport asks for gzip and unpacks it.
		delete(out.Header, "Accept-Encoding")
	}
	// Set these after the proxy, which drops the headers that the client's
	// Connection header names.
	out.Header["User-Agent"] = []string{userAgent} // first: it replaces an entry, so that a full map need not grow for it
	out.Header["Authorization"] = []string{authorization}
	if jira.AccessByMethod(r.Method) != jira.AccessRead {
		// For reads by POST too: Jira goes by the method.
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

// moved returns u with the base from replaced by the base to.
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

// withoutTrace keeps the proxy from forwarding 1xx responses, which would send the
// headers of an early hint to the client unfiltered.
type withoutTrace struct{ context.Context }

func (c withoutTrace) Value(key any) any {
	value := c.Context.Value(key)
	if _, ok := value.(*httptrace.ClientTrace); ok {
		return nil
	}
	return value
}

// ownContext is for requests that do not go to the proxy's upstream. It hides the
// proxy's dial info, so that the transport dials the URL's host.
type ownContext struct{ context.Context }

func (c ownContext) Value(key any) any {
	value := withoutTrace(c).Value(key)
	if _, ok := value.(reverseproxy.DialInfo); ok {
		return nil
	}
	return value
}
