package handler

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
)

// headerLimitedBy tells who limits a client that gets 429: jira or gateway.
const headerLimitedBy = "X-Jira-Token-Limited-By"

// inbound makes of Jira's response what the client gets.
func inbound(response *http.Response, r *http.Request, d *Decision, mapper *links.Mapper) *http.Response {
	in := withoutTrailers(response)
	in.Header = passing(in.Header, d.headers.toClient)
	if response.StatusCode == http.StatusTooManyRequests {
		in.Header.Set(headerLimitedBy, "jira")
	}
	if mapper != nil {
		mapHeaders(in.Header, mapper, d.publicURL)
		if mayHoldLinks(r.URL.Path) && holdsLinks(in) {
			mapBody(in, mapper, d.publicURL)
		}
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
// before, but of small ones, and it is no longer byte for byte what Jira's ETag
// vouches for.
//
// The response's ContentLength stays when there is no length any more: of one
// without, the proxy flushes every piece, as of a stream without end.
func mapBody(response *http.Response, mapper *links.Mapper, public string) {
	if tag := response.Header.Get("Etag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		response.Header.Set("Etag", "W/"+tag)
	}
	var length int64
	response.Body, length = mapper.Measured(response.Body, response.ContentLength, public)
	delete(response.Header, "Content-Length")
	if length >= 0 {
		response.ContentLength = length
		response.Header["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
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
