package token

import (
	"fmt"
	"strconv"
)

// Concurrency is the maximum number of requests in flight, from 1 to
// MaxConcurrency. The zero Concurrency is unset, so that a default applies. In
// JSON it is a number, or "off" for Unbounded.
type Concurrency int

const (
	// Unbounded means no limit; it also overrides a default.
	Unbounded Concurrency = -1
	// MaxConcurrency is the highest bound that can be set.
	MaxConcurrency = 10_000
)

// ParseConcurrency parses a number of requests, or off. The empty string and 0
// give the zero Concurrency.
func ParseConcurrency(text string) (Concurrency, error) {
	switch text {
	case "":
		return 0, nil
	case off:
		return Unbounded, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > MaxConcurrency {
		return 0, fmt.Errorf("invalid number of requests %.20q: expected 1 to %d, off for no limit, or nothing for the default", text, MaxConcurrency)
	}
	return Concurrency(n), nil
}

// String formats c for ParseConcurrency: empty if c is unset.
func (c Concurrency) String() string {
	switch c {
	case 0:
		return ""
	case Unbounded:
		return off
	}
	return strconv.Itoa(int(c))
}

// UnmarshalText implements encoding.TextUnmarshaler. Configuration files use it,
// so it rejects 0, which could mean either no limit or no requests at all.
func (c *Concurrency) UnmarshalText(text []byte) (err error) {
	if string(text) == "0" {
		return errZero
	}
	*c, err = ParseConcurrency(string(text))
	return err
}

// MarshalJSON implements json.Marshaler.
func (c Concurrency) MarshalJSON() ([]byte, error) {
	if c == Unbounded {
		return []byte(`"` + off + `"`), nil
	}
	return strconv.AppendInt(nil, int64(c), 10), nil
}

// UnmarshalJSON implements json.Unmarshaler. It accepts a number, or a string
// that ParseConcurrency accepts.
func (c *Concurrency) UnmarshalJSON(text []byte) (err error) {
	value := string(text)
	if unquoted, err := strconv.Unquote(value); err == nil {
		value = unquoted
	}
	if value == "null" {
		return nil
	}
	*c, err = ParseConcurrency(value)
	return err
}

// check returns an error if the bound is invalid.
func (c Concurrency) check() error {
	if c < Unbounded || c > MaxConcurrency {
		return fmt.Errorf("invalid number of requests %d: expected 1 to %d", c, MaxConcurrency)
	}
	return nil
}
