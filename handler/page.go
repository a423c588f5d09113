package handler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// withoutPage replaces the HTML page of an error response with Jira's error body.
// Programs cannot use such a page, and Jira's own pages name the account that they
// are shown to.
func withoutPage(response *http.Response) *http.Response {
	_ = response.Body.Close()
	in := *response
	body, err := json.Marshal(jiraError{
		ErrorMessages: []string{fmt.Sprintf("Jira, or a server in front of it, answered HTTP %d with an HTML page.", response.StatusCode)},
		Errors:        map[string]string{},
	})
	if err != nil {
		body = []byte(`{}`) // cannot happen: all are plain values
	}
	setBody(&in, body)
	return &in
}

// setBody replaces a response's body with JSON.
func setBody(in *http.Response, body []byte) {
	for _, name := range []string{"Content-Encoding", "Content-Language", "Content-Disposition", "Content-Range", "Etag", "Last-Modified"} {
		delete(in.Header, name)
	}
	in.Header["Content-Type"] = []string{"application/json;charset=UTF-8"}
	in.Header["Content-Length"] = []string{strconv.Itoa(len(body))}
	in.Body, in.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}
