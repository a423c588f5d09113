package handler

import (
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// headerLimitedBy tells who limits a client that gets 429: jira or gateway.
const headerLimitedBy = "X-Jira-Token-Limited-By"

// inbound makes of Jira's response what the client gets.
func inbound(response *http.Response, question jira.Question, d *Decision, mapper *links.Mapper) *http.Response {
	in := withoutTrailers(response)
	keep(in.Header, d.headers.toClient)
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

// withoutTrailers returns a response that will have none. net/http fills them in
// on the response it made, at the body's end: the copy keeps them from the
// client. HTTP/1 has trailers in chunked bodies only (RFC 9112, section 7.1.2).
func withoutTrailers(response *http.Response) *http.Response {
	if response.ProtoMajor == 1 && response.ContentLength >= 0 {
		return response
	}
	in := *response
	in.Trailer = nil
	return &in
}
