package handler

import (
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// headerLimitedBy says whose limit a 429 reports: jira or gateway.
const headerLimitedBy = "X-Jira-Token-Limited-By"

// inbound turns Jira's response into the client's.
func inbound(response *http.Response, question jira.Question, d *Decision, mapper *links.Mapper) *http.Response {
	in := withoutTrailers(response)
	keep(in.Header, d.headers.toClient)
	if !d.ends.IsZero() {
		delete(in.Header, "Sunset") // the response has the token's: see tellExpiry
	}
	cleanURLs(in)
	if response.StatusCode == http.StatusTooManyRequests {
		in.Header.Set(headerLimitedBy, "jira")
	}
	if response.StatusCode >= http.StatusBadRequest && jira.IsPage(in, question.Path) {
		return withoutPage(in)
	}
	if mapper != nil {
		mapLinks(in, question, mapper, d.publicURL)
	}
	return in
}

// withoutTrailers returns a response without trailers. net/http adds trailers to
// its own response at the end of the body; on a copy the client does not get them.
// HTTP/1 only allows trailers in chunked bodies (RFC 9112, section 7.1.2).
func withoutTrailers(response *http.Response) *http.Response {
	if response.ProtoMajor == 1 && response.ContentLength >= 0 {
		return response
	}
	in := *response
	in.Trailer = nil
	return &in
}

// cleanURLs removes sessions and credentials from the URLs in a response's headers.
// It drops a Location where that has no meaning: on an error, it may lead to the
// login page.
func cleanURLs(response *http.Response) {
	if status := response.StatusCode; status != http.StatusCreated && (status < 300 || status >= 400) {
		delete(response.Header, "Location")
	}
	for _, name := range []string{"Location", "Content-Location"} {
		if values := response.Header[name]; len(values) > 0 {
			response.Header[name] = []string{jira.WithoutSecrets(values[0])}
		}
	}
	if links, ok := response.Header["Link"]; ok {
		clean := make([]string, len(links))
		for i, link := range links {
			clean[i] = jira.WithoutSecrets(link)
		}
		response.Header["Link"] = clean
	}
}
