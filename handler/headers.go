package handler

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
)

// requestHeaders are the headers that reach Jira: those that HTTP needs and those
// that Atlassian documents for its REST APIs. A list of headers to drop would never
// be complete: every proxy or single sign-on agent in front of Jira trusts headers
// of its own. docs/jira.md gives the reason for each one.
//
// https://developer.atlassian.com/cloud/jira/platform/rest/v3/intro
// https://developer.atlassian.com/server/jira-servicedesk/info/special-headers
var requestHeaders = []string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language",
	"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Disposition",
	// Without Content-Range a partial PUT would replace the whole resource (RFC
	// 9110, section 14.5).
	"Content-Range", "Content-MD5", "Content-Digest", "Repr-Digest", "Digest",
	"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range",
	"Cache-Control", "Pragma", "Expect", "Via",
	"Traceparent", "Tracestate", "X-Request-Id",
	"X-ExperimentalApi", "X-Force-Accept-Language", "X-Requested-With",
	// The rest is for reverse_proxy, which drops the headers that Connection
	// names and keeps X-Forwarded-* from trusted proxies only.
	"Connection", "TE", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
}

// contentHeaders are the response headers for the client's HTTP library or browser:
// what the content is, how long to cache it, and how not to use it.
var contentHeaders = []string{
	"Content-Type", "Content-Length", "Content-Encoding", "Content-Language", "Content-Location",
	"Cache-Control", "Expires", "Last-Modified", "Pragma", "Age", "Vary", "Date", "Via",
	// Data Center sends some of these with attachments, so that a browser does
	// not run them as pages of this site.
	"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "X-XSS-Protection",
	"X-Download-Options", "X-Permitted-Cross-Domain-Policies", "Referrer-Policy",
	"Connection", // for reverse_proxy, which drops the headers it names
}

// answerHeaders are the response headers for the client program itself.
var answerHeaders = []string{
	"ETag", "Accept-Ranges", "Content-Range", "Content-Disposition",
	"Content-MD5", "Content-Digest", "Repr-Digest", "Digest",
	"Allow", "Link", "Location", "Deprecation", "Sunset", "Warning",
	// https://developer.atlassian.com/cloud/jira/platform/rate-limiting
	// https://confluence.atlassian.com/doc/_ratelimiting_httpheaders-992678779.html
	"Retry-After", "RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Reason",
	"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-NearLimit", "X-RateLimit-Reason",
	"X-RateLimit-FillRate", "X-RateLimit-Interval-Seconds",
	"Beta-Retry-After", "Beta-RateLimit", "Beta-RateLimit-Policy", "X-Beta-RateLimit-Limit", "X-Beta-RateLimit-Remaining",
	"X-Beta-RateLimit-Reset", "X-Beta-RateLimit-NearLimit", "X-Beta-RateLimit-Reason", "X-Beta-RateLimit-Policy",
	// What Atlassian's support asks for.
	"X-ARequestId", "X-Request-Id", "X-Trace-Id", "Atl-Request-Id", "Atl-TraceId",
}

// headerLists are the names of the headers that pass, as net/http spells them.
// What is spelled in a way of its own (X_Request_Id) is another header.
type headerLists struct {
	toJira, toClient map[string]bool
}

// newHeaderLists returns the lists with the names of the option headers added to
// both.
func newHeaderLists(more []string) (*headerLists, error) {
	for _, name := range more {
		if err := checkHeader(name); err != nil {
			return nil, err
		}
	}
	return &headerLists{
		toJira:   canonical(requestHeaders, more),
		toClient: canonical(contentHeaders, answerHeaders, more),
	}, nil
}

func canonical(lists ...[]string) map[string]bool {
	names := make(map[string]bool)
	for _, name := range slices.Concat(lists...) {
		names[http.CanonicalHeaderKey(name)] = true
	}
	return names
}

// passing returns a copy with the headers that are on the list. It shares the
// values with in, which nothing modifies in place.
func passing(in http.Header, list map[string]bool) http.Header {
	out := maps.Clone(in)
	keep(out, list)
	return out
}

// keep deletes the headers that are not on the list.
func keep(header http.Header, list map[string]bool) {
	maps.DeleteFunc(header, func(name string, _ []string) bool { return !list[name] })
}

var (
	// headerName is stricter than HTTP, which allows asterisks, for example, and
	// underscores, which some servers read as hyphens.
	headerName = regexp.MustCompile(`^[A-Za-z0-9]+(-[A-Za-z0-9]+)*$`)

	// unsafeHeaders matches names that no configuration may let pass. One mistake
	// would give a client somebody else's rights or session, without any other
	// warning, so it rejects every name that looks like it could.
	unsafeHeaders = regexp.MustCompile(`(?i)` +
		// Who is asking, or with what rights.
		`auth|cookie|session|token|jwt|oidc|saml|sso|wsse|shib|seraph|user|login|account|mail|identity|principal|subject|` +
		`role|group|member|credential|creds|passw|secret|api-?key|private-key|cert|sudo|impersonat|on-behalf|acting-as|run-as|` +
		`^sm-|^remote-|^from$|(^|-)(uid|upn|dn|eppn|netid|pat|su|actor|caller|person|employee)(-|$)|` +
		// What is being asked, and of whom.
		`method|verb|override|original|rewrite|forwarded|host|-ur[il]$|-path$|-ip$|-addr$|^(x-)?origin$|^referer$|^sec-|^via$|` +
		// Hop-by-hop headers, and promises about the whole site.
		`^connection$|^keep-alive$|^te$|^trailer$|^transfer-|^upgrade|^http2-|^proxy-|^content-length$|^expect$|` +
		`^access-control-|^strict-transport-|^public-key-|^nel$|^report|^alt-svc$|^clear-site-|^refresh$|^server`)
)

// checkHeader returns an error for a name that the option headers must not list.
func checkHeader(name string) error {
	switch {
	case !headerName.MatchString(name):
		return fmt.Errorf("headers: invalid header name %q: expected letters, digits and hyphens, without wildcards, such as X-Tempo-Version", name)
	case unsafeHeaders.MatchString(name):
		return fmt.Errorf("headers: %s must not pass between clients and Jira: its name suggests credentials, an identity, another method or address, "+
			"or a single connection. Use header_up to send a value of your own", name)
	}
	return nil
}
