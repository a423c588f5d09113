package admin

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json" // refuses members that are there twice, and tells reason from Reason
	"github.com/go-json-experiment/json/jsontext"

	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// maxBody is the maximum size of a request's JSON. Imports are streamed, and have
// no limit.
const maxBody = 1 << 20

// maxDrain is how much of an oversized body is read and discarded.
const maxDrain = 16 << 20

// decode decodes the request's JSON. It treats an empty body as an empty object.
func (c *call) decode(into any) error {
	body, err := io.ReadAll(io.LimitReader(c.Body, maxBody+1))
	if err == nil && len(body) > maxBody {
		// Drain the body: a client that is still sending would otherwise see a
		// connection reset instead of the response.
		_, _ = io.Copy(io.Discard, io.LimitReader(c.Body, maxDrain))
		err = fmt.Errorf("too large: at most %d bytes are allowed", maxBody)
	}
	if err != nil {
		return registry.InvalidError{Field: "body", Err: fmt.Errorf("reading the request body: %w", err)}
	}
	if err := refuseLeaked(body); err != nil {
		return err
	}
	if strings.Trim(string(body), " \t\r\n") == "" {
		return nil
	}
	if err := decodeStrictly(body, into); err != nil {
		return registry.InvalidError{Field: "body", Err: err}
	}
	return nil
}

// decodeStrictly decodes JSON. Members that are unknown or given twice are errors, since
// what they say would be lost.
func decodeStrictly(text []byte, into any) error {
	if err := json.Unmarshal(text, into, json.RejectUnknownMembers(true)); err != nil {
		return inWords(err)
	}
	return nil
}

// inWords returns an error of the JSON package in words for people who do not know Go.
func inWords(err error) error {
	if wrong, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(wrong, jsontext.ErrDuplicateName) {
			return fmt.Errorf("invalid JSON: the member %s is there twice", named(wrong.JSONPointer))
		}
		return fmt.Errorf("invalid JSON at byte %d: %w", wrong.ByteOffset, wrong.Err)
	}
	wrong, ok := errors.AsType[*json.SemanticError](err)
	switch {
	case !ok:
		return fmt.Errorf("invalid JSON: %w", err)
	case errors.Is(wrong, json.ErrUnknownName):
		return fmt.Errorf("invalid JSON: unknown member %s", named(wrong.JSONPointer))
	case wrong.JSONPointer == "":
		return fmt.Errorf("invalid JSON: expected %s", kindOf(wrong.GoType))
	}
	return fmt.Errorf("invalid JSON: the member %s has the wrong type: expected %s", named(wrong.JSONPointer), kindOf(wrong.GoType))
}

// named returns the name of a member, in quotes and cut off if it is long.
func named(pointer jsontext.Pointer) string {
	return fmt.Sprintf("%.40q", strings.Join(slices.Collect(pointer.Tokens()), "."))
}

// kindOf says what JSON there must be for a type.
func kindOf(of reflect.Type) string {
	if of == nil {
		return "another value"
	}
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch of.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	default:
		return "another value"
	}
}
