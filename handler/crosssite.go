package handler

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// crossSite is the step that refuses changes that a browser sends on behalf of
// another site's page. Browsers remember Basic credentials and add them to
// whatever a page asks for, and the headers by which Jira would notice such a
// request (Origin, Referer) do not reach it. A Bearer token is never added by
// the browser: the page itself has it, and may use it.
func (h *Handler) crossSite(r *http.Request, d *Decision) *denial {
	if !d.hasOwner || d.Access == jira.AccessRead || !fromOtherSite(r) || h.CORS.allows(r) {
		return nil
	}
	return deny(ReasonPathDenied, "Cross-site requests that change data are not accepted with Basic authentication. "+
		"Send the API token as Bearer, and see the option cors of the gateway.")
}

func foundCrossSite(*Handler, *http.Request, *Decision) string {
	return "it is not a change that another site's page asks for"
}

// fromOtherSite reports whether a page of another site may have made a browser
// send the request. Programs other than browsers send none of these headers.
func fromOtherSite(r *http.Request) bool {
	switch site := r.Header["Sec-Fetch-Site"]; {
	case len(site) == 1 && (site[0] == "same-origin" || site[0] == "none"):
		return false
	case len(site) > 0:
		return true
	}
	// Browsers leave Sec-Fetch-Site out on plain HTTP, and old ones do not know
	// it. But they ask first (by a preflight, which is refused) before they send
	// any other Content-Type than a form could have.
	if !formCanSend(r.Header["Content-Type"]) {
		return false
	}
	own := canonicalOrigin(publicOrigin(r))
	if origins := r.Header["Origin"]; len(origins) > 0 {
		return len(origins) > 1 || own == "" || canonicalOrigin(origins[0]) != own
	}
	// Firefox before version 70 sends forms without Origin.
	if referers := r.Header["Referer"]; len(referers) > 0 {
		return len(referers) > 1 || own == "" || canonicalOrigin(referers[0]) != own
	}
	return false
}

// formCanSend reports whether a browser sends such a Content-Type to another
// site without a preflight: those of forms, or none
// (https://fetch.spec.whatwg.org/#cors-safelisted-request-header). What cannot
// be read may be any.
func formCanSend(contentTypes []string) bool {
	if len(contentTypes) != 1 {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentTypes[0])
	if err != nil {
		return true
	}
	switch mediaType {
	case "application/x-www-form-urlencoded", "multipart/form-data", "text/plain":
		return true
	}
	return false
}

// canonicalOrigin returns the origin of a URL in the way in which browsers spell
// it; "" when it has none, as for the origin null.
func canonicalOrigin(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Hostname() == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme { // url.Parse has made it lower-case
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + strings.TrimSuffix(host, ":")
}
