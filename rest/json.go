package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	strict "github.com/go-json-experiment/json" // refuses fields that are there twice
	"github.com/go-json-experiment/json/jsontext"

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
	if err := strict.Unmarshal(body, into, strict.RejectUnknownMembers(true)); err != nil {
		return invalidRequest("The request's body is not the JSON that is expected: " + describe(err) + ".")
	}
	return nil
}

// describe describes an error of decoding without quoting the body, which may hold secrets.
// Names of unknown fields are also text of the body.
func describe(err error) string {
	if syntax, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		switch {
		case errors.Is(syntax, jsontext.ErrDuplicateName):
			return "it has a field twice"
		case errors.Is(syntax, io.ErrUnexpectedEOF):
			return "it ends too early"
		}
		return fmt.Sprintf("it is malformed at byte %d", syntax.ByteOffset)
	}
	mismatch, ok := errors.AsType[*strict.SemanticError](err)
	switch {
	case !ok || errors.Is(mismatch, strict.ErrUnknownName):
		return "it has an unknown field"
	case mismatch.JSONPointer == "":
		return "expected a JSON object"
	}
	return "the field " + mismatch.JSONPointer.LastToken() + " has the wrong type"
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
