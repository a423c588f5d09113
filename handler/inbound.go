package handler

import (
	"net/http"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
)

// headerLimitedBy tells who limits a client that gets 429: jira or gateway.
const headerLimitedBy = "X-Jira-Token-Limited-By"

// accountHeaders tell of the account, or of its session in Jira: nothing for
// the client. WWW-Authenticate would make clients ask people for a password.
var accountHeaders = []string{
	"Set-Cookie", "Set-Cookie2", "Www-Authenticate", "Proxy-Authenticate", "Authentication-Info",
	"X-Ausername", "X-Asessionid", "X-Aaccountid", "X-Seraph-Loginreason",
	headerLimitedBy,
	headerReason, // only the gateway's own denials have a reason
}

// inbound makes of Jira's response what the client gets.
func inbound(response *http.Response, r *http.Request, d *Decision, mapper *links.Mapper) *http.Response {
	// net/http fills in trailers on the response it made, at the body's end:
	// the copy keeps them from the client.
	in := *response
	in.Trailer = nil
	for _, name := range accountHeaders {
		delete(in.Header, name)
	}
	if response.StatusCode == http.StatusTooManyRequests {
		in.Header.Set(headerLimitedBy, "jira")
	}
	if mapper != nil {
		mapHeaders(in.Header, mapper, d.publicURL)
		if mayHoldLinks(r.URL.Path) && holdsLinks(&in) {
			mapBody(&in, mapper, d.publicURL)
		}
	}
	return &in
}

func mapHeaders(header http.Header, mapper *links.Mapper, public string) {
	for _, name := range []string{"Location", "Content-Location"} {
		if values, ok := header[name]; ok {
			header[name] = []string{mapper.URL(values[0], public)}
		}
	}
	for i, value := range header["Link"] {
		header["Link"][i] = mapper.Header(value, public)
	}
}

// mapBody rewrites links while the body streams by. Its length is not known
// before, and it is no longer byte for byte what Jira's ETag vouches for.
func mapBody(response *http.Response, mapper *links.Mapper, public string) {
	delete(response.Header, "Content-Length")
	response.ContentLength = -1
	if tag := response.Header.Get("Etag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		response.Header.Set("Etag", "W/"+tag)
	}
	response.Body = mapper.Body(response.Body, public)
}

// mayHoldLinks tells whether a response to this path can hold Jira's links:
// downloads are the users' own bytes, JSON files among them.
func mayHoldLinks(path string) bool {
	return strings.Contains(path, "/rest/") && !isAttachment(path)
}

// holdsLinks tells whether a response is JSON as Jira's API answers it.
func holdsLinks(response *http.Response) bool {
	header := response.Header
	if response.StatusCode == http.StatusPartialContent || header.Get("Content-Encoding") != "" {
		return false
	}
	if strings.HasPrefix(strings.ToLower(header.Get("Content-Disposition")), "attachment") {
		return false
	}
	mediaType, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	mediaType = strings.ToLower(strings.TrimSpace(mediaType))
	return mediaType == "application/json" ||
		strings.HasPrefix(mediaType, "application/") && strings.HasSuffix(mediaType, "+json")
}
