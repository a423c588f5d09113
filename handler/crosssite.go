package handler

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// crossSite is the step that denies changes sent by a browser for another site's
// page. Browsers remember Basic credentials and add them to any page's requests,
// and the headers from which Jira could tell (Origin, Referer) do not reach it.
// Browsers never add a Bearer token: a page that sends one has it and may use it.
func (h *Handler) crossSite(r *http.Request, d *Decision) *denial {
	if !d.hasOwner || !d.Access.Changes() || !fromOtherSite(r) || h.CORS.allows(r) {
		return nil
	}
	return deny(ReasonPathDenied, "Cross-site requests that change data are not accepted with Basic authentication. "+
		"Send the API token as Bearer, and see the option cors of the gateway.")
}

func foundCrossSite(*Handler, *http.Request, *Decision) string {
	return "it is not a cross-site request that changes data"
}

// fromOtherSite reports whether a browser may have sent the request for another
// site's page. Other programs send none of these headers.
func fromOtherSite(r *http.Request) bool {
	switch site := r.Header["Sec-Fetch-Site"]; {
	case len(site) == 1 && (site[0] == "same-origin" || site[0] == "none"):
		return false
	case len(site) > 0:
		return true
	}
	// Browsers omit Sec-Fetch-Site on plain HTTP, and old ones do not know it. But
	// before sending a Content-Type that no form has, they send a preflight
	// request, which is refused.
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

// formCanSend reports whether a browser sends this Content-Type to another site
// without a preflight: a form's, or none
// (https://fetch.spec.whatwg.org/#cors-safelisted-request-header). It assumes so
// for one that does not parse.
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

// canonicalOrigin returns the origin of a URL as browsers spell it; "" if it has
// none, like the origin null.
func canonicalOrigin(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Hostname() == "" {
		return ""
	}
	host := strings.ToLower(u.Host)
	switch u.Scheme { // which url.Parse has lowercased
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return u.Scheme + "://" + strings.TrimSuffix(host, ":")
}
