package token

import "errors"

// Errors returned when tokens are read or changed. Compare them with errors.Is.
var (
	ErrNotFound    = errors.New("no such token")
	ErrConflict    = errors.New("somebody else has changed the token in the meantime")
	ErrUnavailable = errors.New("the token store is unavailable")
	// ErrDamaged means that the store works, but the record of this one token
	// cannot be used.
	ErrDamaged = errors.New("the record is damaged")
	// ErrRotated means that the token was valid until it was rotated.
	ErrRotated = errors.New("the token was replaced by a rotation")
)
