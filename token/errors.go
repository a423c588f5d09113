package token

import "errors"

// Why a token cannot be read or changed. Compare with errors.Is.
var (
	ErrNotFound    = errors.New("no such token")
	ErrConflict    = errors.New("the token was changed by somebody else meanwhile")
	ErrUnavailable = errors.New("the token store is unavailable")
	// ErrDamaged is an outage of a single record: the store's copy of it
	// cannot be read.
	ErrDamaged = errors.New("the record is damaged")
)
