package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/handler"
)

// decode decodes a request's JSON. It treats an empty body as an empty object.
func decode(r *http.Request, into any) error {
	body, err := readBody(r)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(into)
	if err == nil && !errors.Is(decoder.Decode(new(json.RawMessage)), io.EOF) {
		err = errors.New("more than one JSON value")
	}
	if err != nil {
		return invalidRequest("The request's body is not the JSON that is expected: " + describe(err) + ".")
	}
	return nil
}

// describe describes an error of encoding/json without quoting the body, which may hold
// secrets. Names of unknown fields are also text of the body.
func describe(err error) string {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return "it is malformed: " + syntax.Error()
	}
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if mismatch.Field != "" {
			return "the field " + mismatch.Field + " has the wrong type"
		}
		return "expected a JSON object"
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "it ends too early"
	}
	return "it has an unknown field or more than one value"
}

// readBody reads a request's body up to the endpoint's limit.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &handler.EndpointError{Reason: handler.ReasonBodyTooLarge, Message: "The request's body is too large."}
	}
	if err != nil {
		return nil, &handler.EndpointError{Reason: handler.ReasonInvalidRequest, Message: "The request's body could not be read completely.", Cause: err}
	}
	return body, nil
}

func invalidRequest(message string) error {
	return &handler.EndpointError{Reason: handler.ReasonInvalidRequest, Message: message}
}

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, answer any) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // the client may be gone
	return nil
}
