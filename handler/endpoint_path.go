package handler

import (
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// endpointsRoot is EndpointsPath without its final slash.
var endpointsRoot = strings.TrimSuffix(EndpointsPath, "/")

// belongsToGateway reports whether any server could read an escaped path as
// EndpointsPath or as below it. Such a path must not reach Jira: it may contain a secret.
func (h *Handler) belongsToGateway(escaped string) bool {
	if !containsFold(escaped, "jira-tokens") && !strings.Contains(escaped, "%") {
		return false // nearly always
	}
	plain := strings.ToLower(jira.PlainPath(escaped))
	return isBelow(plain, endpointsRoot) ||
		h.ContextPath != "" && isBelow(plain, strings.ToLower(h.ContextPath)+endpointsRoot)
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

// isBelow reports whether a path is root or below it.
func isBelow(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || rest[0] == '/')
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
