package handler

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// servedPaths returns the paths whose links are mapped; none if links are not
// rewritten.
func (t *Transport) servedPaths() (served []string) {
	if t.RewriteLinks != nil && !*t.RewriteLinks {
		return nil
	}
	for _, pattern := range t.reachable.Strings() {
		// Everything after a wildcard segment counts as served. The gateway
		// denies a link mapped in error, but one missed takes the token to Jira.
		beginning, _, free := strings.Cut(pattern, "*")
		if free {
			beginning += "*"
		}
		served = append(served, beginning)
	}
	return served
}

// mapLinks makes the links in a response lead to the gateway's public URL.
func mapLinks(response *http.Response, question jira.Question, mapper *links.Mapper, public string) {
	for _, name := range []string{"Location", "Content-Location"} {
		if values, ok := response.Header[name]; ok {
			response.Header[name] = []string{mapLocation(values[0], question, mapper, public)}
		}
	}
	for i, value := range response.Header["Link"] {
		response.Header["Link"][i] = mapper.Header(value, public)
	}
	if !mayHoldLinks(question.Path) {
		return
	}
	switch textWithLinks(response) {
	case textJSON:
		mapJSON(response, mapper, public)
	case textXML:
		mapXML(response, mapper, public)
	}
}

// mapLocation maps the URL in a header. It may be relative to Jira, whose paths can
// differ from the gateway's, or name the gateway itself, if Jira got the client's
// Host.
func mapLocation(location string, question jira.Question, mapper *links.Mapper, public string) string {
	if mapped := mapper.URL(location, public); mapped != location {
		return mapped
	}
	u, err := url.Parse(location)
	if err != nil || !strings.HasPrefix(u.Path, "/") {
		return location // one without a slash is relative to the request's own path
	}
	path, _, reachable := question.Home(question.URL.ResolveReference(u))
	if !reachable {
		return location
	}
	mapped := public + path
	if u.RawQuery != "" {
		mapped += "?" + u.RawQuery
	}
	if u.Fragment != "" {
		mapped += "#" + u.EscapedFragment()
	}
	return mapped
}

// mapJSON rewrites links as the body is streamed. Only a small body's new length is
// known in advance.
//
// If the length is unknown, the Content-Length header goes but the response's
// ContentLength stays: without it the proxy would flush after every write, as it
// does for event streams.
func mapJSON(response *http.Response, mapper *links.Mapper, public string) {
	changed(response)
	var length int64
	response.Body, length = mapper.Measured(response.Body, response.ContentLength, public)
	if length >= 0 {
		response.ContentLength = length
		response.Header["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
}

// mapXML is mapJSON for XML.
func mapXML(response *http.Response, mapper *links.Mapper, public string) {
	changed(response)
	response.Body = mapper.XML(response.Body, public)
}

// changed removes Content-Length and weakens the ETag: the mapped body is no longer
// byte for byte what Jira sent.
func changed(response *http.Response) {
	if tag := response.Header.Get("Etag"); tag != "" && !strings.HasPrefix(tag, "W/") {
		response.Header.Set("Etag", "W/"+tag)
	}
	delete(response.Header, "Content-Length")
}

// mayHoldLinks reports whether a response to this path can hold Jira's links.
// Downloads are users' files, even if they are JSON, and stay as they are.
func mayHoldLinks(path string) bool {
	return strings.Contains(path, "/rest/") && !isAttachment(path)
}

// text is a kind of text that can hold links.
type text int

const (
	textOther text = iota // anything else
	textJSON
	textXML
)

// textWithLinks returns the kind of text in a response: JSON, including JSON in a
// function call (Data Center's jsonp-callback), or XML (Data Center, for .xml and
// Accept: application/xml).
func textWithLinks(response *http.Response) text {
	header := response.Header
	if response.StatusCode == http.StatusPartialContent || header.Get("Content-Encoding") != "" {
		return textOther
	}
	if strings.HasPrefix(strings.ToLower(header.Get("Content-Disposition")), "attachment") {
		return textOther
	}
	mediaType, _, _ := strings.Cut(header.Get("Content-Type"), ";")
	switch mediaType = strings.ToLower(strings.TrimSpace(mediaType)); mediaType {
	case "application/json", "text/json", "application/javascript", "text/javascript", "application/x-javascript",
		"application/ecmascript", "text/ecmascript", "application/x-ndjson", "application/ndjson", "application/jsonlines":
		return textJSON
	case "text/plain":
		if jira.BeginsAsJSON(response) {
			return textJSON
		}
		return textOther
	case "application/xml", "text/xml":
		return textXML
	}
	switch {
	case !strings.HasPrefix(mediaType, "application/"):
		return textOther
	case strings.HasSuffix(mediaType, "+json"):
		return textJSON
	case strings.HasSuffix(mediaType, "+xml") && mediaType != "application/xhtml+xml":
		return textXML
	}
	return textOther
}
