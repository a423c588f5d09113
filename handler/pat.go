package handler

import (
	"net/http"
	"strings"
)

// PATPath is the Path of the endpoints that stand for Data Center's API for personal
// access tokens. It begins with a slash, so that no path below EndpointsPath finds them:
// two slashes in a row are denied.
const PATPath = "/pat/tokens"

// isForGateway reports whether the gateway itself answers a request.
func (h *Handler) isForGateway(r *http.Request) bool {
	path := r.URL.EscapedPath()
	if belongsToGateway(path) {
		return true
	}
	_, ok := h.patPath(path)
	// In front of a whole site, browsers ask Jira for its own tokens.
	return ok && (h.Front != frontSite || claimsTokenIn(r.Header["Authorization"]))
}

// patPath returns the Path of the endpoint that stands for a path of Data Center's API.
// Any other spelling of such a path is left to the table of operations, by which it is
// open to no token.
func (h *Handler) patPath(escaped string) (path string, ok bool) {
	if !h.PATAPI {
		return "", false
	}
	own := h.inContext(escaped)
	for _, version := range []string{"latest", "1.0"} {
		rest, ok := strings.CutPrefix(own, "/rest/pat/"+version+"/tokens")
		if !ok {
			continue
		}
		if id, hasID := strings.CutPrefix(rest, "/"); rest == "" || hasID && isPATID(id) {
			return PATPath + rest, true
		}
	}
	return "", false
}

// isPATID reports whether s has the form of an ID of a token, the gateway's or Data
// Center's.
func isPATID(s string) bool {
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s != "" && len(s) <= 20
}

// claimsTokenIn reports whether Authorization headers are meant to hold one of our
// tokens.
func claimsTokenIn(values []string) bool {
	for _, value := range values {
		scheme, credentials := splitScheme(value)
		if strings.EqualFold(scheme, "Basic") {
			_, credentials, _ = decodeBasic(credentials)
		}
		if claimsToken(credentials) {
			return true
		}
	}
	return false
}
