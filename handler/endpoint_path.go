package handler

import (
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// endpointsRoot is EndpointsPath without its final slash.
var endpointsRoot = strings.TrimSuffix(EndpointsPath, "/")

// belongsToGateway reports whether any server could read an escaped path as
// EndpointsPath or as below it, whatever comes before that: somebody may have a link with
// another context path. Such a path must not reach Jira: it may contain a secret.
func belongsToGateway(escaped string) bool {
	if !containsFold(escaped, "jira-tokens") && !strings.Contains(escaped, "%") {
		return false // nearly always
	}
	for rest := strings.ToLower(jira.PlainPath(escaped)); ; {
		_, after, found := strings.Cut(rest, endpointsRoot)
		if !found || after == "" || after[0] == '/' {
			return found
		}
		rest = after
	}
}

// endpointPath returns the part of a path of the gateway after EndpointsPath. It denies
// paths that could be read in more than one way.
func (h *Handler) endpointPath(escaped string) (below string, denied *denial) {
	if below, ok := h.patPath(escaped); ok {
		return below, nil
	}
	own := h.inContext(escaped)
	if err := jira.CheckPath(own); err != nil {
		return "", ambiguousPath(err)
	}
	below, _ = strings.CutPrefix(own, EndpointsPath) // otherwise it finds nothing
	return below, nil
}

// containsFold reports whether s contains the ASCII text part, ignoring case.
func containsFold(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i]|0x20 == part[0] && strings.EqualFold(s[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
