package manager

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// formsOnly maps the beginnings of paths at which there is nothing to go back to, since they
// only take forms, to what they belong to.
var formsOnly = map[string]string{"all/bulk": "all", "all/whose": "all", "tokens/sentence": "tokens", "tokens/try": "tokens", "own/connect": "own"}

// lists are the pages that others are below.
var lists = []string{"tokens", "all", "own", "requests", "accounts", "trail"}

// back returns where a page about what went wrong leads: to the page that somebody has come
// from, or to what the path belongs to.
func (h *Handler) back(r *http.Request) string {
	base := mounted(r).base
	if from, ok := cameFrom(r); ok {
		return base + from
	}
	parts := strings.Split(strings.Trim(r.URL.EscapedPath(), "/"), "/")
	switch {
	case len(parts) < 2 || !slices.Contains(lists, parts[0]):
		return base
	case len(parts) > 2 && parts[0] == "tokens": // what can be done with a token
		return base + parts[0] + "/" + parts[1]
	}
	return base + parts[0]
}

// cameFrom returns the path, below the mount, of the page with the link or the form that was
// followed. It reports false if there was none, or if it is this page, which was loaded again.
func cameFrom(r *http.Request) (string, bool) {
	at := mounted(r)
	from, err := url.Parse(r.Referer())
	if err != nil || from.Scheme+"://"+from.Host != at.origin {
		return "", false
	}
	path, ok := strings.CutPrefix(from.EscapedPath(), at.base)
	if !ok || "/"+path == r.URL.EscapedPath() {
		return "", false
	}
	for beginning, list := range formsOnly {
		if strings.HasPrefix(path, beginning) {
			return list, true
		}
	}
	if from.RawQuery != "" {
		path += "?" + from.RawQuery
	}
	path, _ = token.CutSecrets(path)
	return safeNext(path), true
}
