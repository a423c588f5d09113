package token

import "errors"

// Errors of reading and changing tokens. Compare them with errors.Is.
var (
	ErrNotFound    = errors.New("no such token")
	ErrConflict    = errors.New("the token was changed by somebody else meanwhile")
	ErrUnavailable = errors.New("the token store is unavailable")
	// ErrDamaged means that the store answers, but that what it holds of this one
	// token cannot be used.
	ErrDamaged = errors.New("the record is damaged")
	// ErrRotated means that a token was the right one until it was rotated.
	ErrRotated = errors.New("the token was replaced by a rotation")
)
