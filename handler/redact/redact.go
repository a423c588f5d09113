// Package redact removes from Jira's responses what a confined token may not see,
// while they stream by.
package redact

import (
	"errors"
	"io"
)

// Inside says what a token may see of the things that a response names.
type Inside interface {
	// Project reports whether the project with this ID or key is inside; either
	// may be empty.
	Project(id, key string) bool
	// Issue reports whether the issue with this ID and key, as Jira returned
	// them, is known to be inside; either may be empty.
	Issue(id, key string) bool
	// Hides reports whether the field with this ID or name is hidden.
	Hides(field string) bool
	// HidesInternalComments reports whether internal comments of Jira Service
	// Management are hidden.
	HidesInternalComments() bool
}

// The answers that have no JSON.
const (
	// Empty is an answer whose body means nothing and is dropped.
	Empty = "empty"
	// Binary is a file, which passes as it is.
	Binary = "binary"
)

// ErrOutside says that all of the response is outside.
var ErrOutside = errors.New("the response is outside the confinement")

// Body redacts a response of the shape that answer names, as it is read.
func Body(answer string, body io.ReadCloser, inside Inside) (io.ReadCloser, error) {
	return nil, ErrOutside
}

// Failure returns a body for an error of Jira: its own text names what is outside.
func Failure(status int, body []byte, inside Inside) []byte { return nil }
