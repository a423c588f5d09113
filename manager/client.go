package manager

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// client calls the endpoints of the JSON API as a visitor, without a network between.
type client struct {
	endpoints http.Handler
	r         *http.Request
	v         *visit
}

// as returns a client that calls endpoints as a visitor, for as long as r lasts.
func (h *Handler) as(r *http.Request, v *visit) client {
	return client{h.endpoints, r, v}
}

// answerError is an error that an endpoint has answered with.
type answerError struct {
	Status  int
	Message string `json:"error"`
	// again is after how many seconds the same request may succeed; empty if the answer
	// does not say so.
	again string
}

func (e answerError) Error() string { return e.Message }

// plain returns the message without the name of the field of the API that it begins with, for
// pages on which it is beside what it is about, or on which nothing is called that.
func (e answerError) plain() string {
	if name, text, ok := strings.Cut(e.Message, ": "); ok && apiField.MatchString(name) {
		return sentence(text)
	}
	return sentence(e.Message)
}

// apiField is the form of names of fields of the API.
var apiField = regexp.MustCompile(`^[a-z_]+$`)

// call calls an endpoint with a JSON body, unless body is nil. It writes the answer to
// answer if that is an io.Writer, and otherwise decodes it into answer, unless that is nil.
// The error is an answerError.
func (c client) call(method, path string, query url.Values, body, answer any) error {
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			return err
		}
	}
	target, err := url.Parse("/" + path)
	if err != nil {
		return err
	}
	target.RawQuery = query.Encode()
	r := (&http.Request{
		Method: method, URL: target, Header: make(http.Header), Body: io.NopCloser(bytes.NewReader(content)), ContentLength: int64(len(content)),
	}).WithContext(withCaller(c.r.Context(), caller{visitor: c.v.visitor()}))
	response := &recorded{header: make(http.Header), status: http.StatusOK}
	c.endpoints.ServeHTTP(response, r)
	if response.status >= http.StatusMultipleChoices { // a redirect: the path was not clean
		failed := answerError{Status: response.status, again: response.header.Get("Retry-After")}
		if json.Unmarshal(response.body.Bytes(), &failed) != nil || failed.Message == "" {
			return errors.New("the endpoint " + path + " has answered without saying why it failed")
		}
		return failed
	}
	switch answer := answer.(type) {
	case nil:
		return nil
	case io.Writer: // the answer is not JSON
		_, err := response.body.WriteTo(answer)
		return err
	}
	return json.Unmarshal(response.body.Bytes(), answer)
}

// recorded is a ResponseWriter that keeps the response.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) WriteHeader(status int)      { r.status = status }
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }
