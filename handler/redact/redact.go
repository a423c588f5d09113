// Package redact removes from Jira's responses what a confined token may not see, while they stream by.
//
// Each operation of Jira has an answer in the table of package jira, such as "issue" or "comments", and each answer has a
// shape here: an allow-list of what passes. A member that no shape names is dropped, so that whatever Jira adds to its
// answers stays hidden until a shape names it.
package redact

import (
	"errors"
	"fmt"
)

// Inside says what a token may see of the things that a response names.
type Inside interface {
	// Project reports whether the project with this ID or key is inside; either
	// may be empty.
	Project(id, key string) bool
	// Issue reports whether the issue with this ID and key, as Jira returned
	// them, is known to be inside; either may be empty.
	Issue(id, key string) bool
	// Board reports whether the board with this ID is known to be inside.
	Board(id string) bool
	// Hides reports whether the field with this ID or name is hidden. Responses
	// name fields by either alone, so it must know both of a hidden field. It is
	// called for every field of every issue and must not keep the name.
	Hides(field []byte) bool
	// HidesInternalComments reports whether internal comments of Jira Service
	// Management are hidden.
	HidesInternalComments() bool
}

// The answers that are not JSON.
const (
	// Empty is an answer whose body means nothing and is dropped.
	Empty = "empty"
	// Binary is a file, which passes as it is.
	Binary = "binary"
)

// ErrOutside says that all of the response is outside.
var ErrOutside = errors.New("redact: the response is outside the confinement")

// maxValue limits what is held in memory at a time, in bytes: a value that must be judged before it is written, such as a
// linked issue, or one that passes as it is, such as a text.
const maxValue = 4 << 20

var (
	errDuplicate = errors.New("redact: an object in Jira's response has two members of the same name")
	errClosed    = errors.New("redact: read from a closed body")
	errTooLarge  = fmt.Errorf("redact: a value in Jira's response exceeds %d bytes", maxValue)
	errForm      = errors.New("redact: Jira's response does not have the form that its operation documents")
	errTrailing  = errors.New("redact: Jira's response continues after its end")
)
