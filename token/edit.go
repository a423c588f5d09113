package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Edit maps field names to new values in JSON. Programs send it to create or update
// a token. A field that is missing or null is left unchanged.
type Edit map[string]json.RawMessage

// versionName is the key, in an edit, of the version that the edit is based on.
const versionName = "version"

// NewEdit returns an edit that sets the given fields. The values must encode to
// JSON.
func NewEdit(values map[string]any) (Edit, error) {
	e := make(Edit, len(values))
	for name, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, InvalidError{name, err}
		}
		e[name] = text
	}
	return e, nil
}

// Has reports whether the edit sets the field.
func (e Edit) Has(field string) bool {
	value, ok := e[field]
	return ok && string(value) != "null"
}

// Version returns the version that the edit is based on, or 0 if it names none.
func (e Edit) Version() (uint64, error) {
	if !e.Has(versionName) {
		return 0, nil
	}
	var version uint64
	if err := json.Unmarshal(e[versionName], &version); err != nil || version == 0 {
		return 0, InvalidError{versionName, errors.New("invalid version: expected the version that was read with the token, a number from 1")}
	}
	return version, nil
}

// Apply sets the edit's fields in record and checks them. A record with version
// 0 is new, and all of its fields are checked. Every error is an InvalidError,
// and leaves the record partly edited.
func (e Edit) Apply(record *Record, now time.Time) error {
	if err := e.checkNames(record.Version == 0); err != nil {
		return err
	}
	for fault := range e.faults(record, now) {
		return fault.Err
	}
	return nil
}

// Fault is something wrong with an edit.
type Fault struct {
	Err InvalidError
	// Unclear is set if the value cannot be understood. The record is then left without it;
	// otherwise the value is in the record, but cannot be used.
	Unclear bool
}

// Faults applies an edit as Apply does, but goes on after an error, and returns all of them.
func (e Edit) Faults(record *Record, now time.Time) (faults []Fault) {
	for fault := range e.faults(record, now) {
		// If a token would end in the past, both of its times are wrong for that reason.
		faults = slices.DeleteFunc(faults, func(earlier Fault) bool { return earlier.Err.Error() == fault.Err.Error() })
		faults = append(faults, fault)
	}
	return faults
}

// faults sets the edit's fields in record, and then checks them.
func (e Edit) faults(record *Record, now time.Time) iter.Seq[Fault] {
	return func(yield func(Fault) bool) {
		isNew, unclear := record.Version == 0, make(map[string]bool)
		for _, f := range fields {
			if !e.Has(f.Name) {
				continue
			}
			if err := f.edit(record, e[f.Name], now); err != nil {
				unclear[f.Name] = true
				if !yield(Fault{InvalidError{f.Name, err}, true}) {
					return
				}
			}
		}
		for _, f := range fields {
			if f.check == nil || unclear[f.Name] || !isNew && !e.Has(f.Name) {
				continue // so that an expired token can be renamed
			}
			if err := f.check(record, now); err != nil && !yield(Fault{InvalidError{f.Name, err}, false}) {
				return
			}
		}
	}
}

// edit sets the field in a record, unless only new tokens can have it set.
func (f Field) edit(record *Record, value json.RawMessage, now time.Time) error {
	if f.CreateOnly && record.Version != 0 {
		return fmt.Errorf("the %s of a token cannot be changed: create a new token", f.Name)
	}
	return f.set(record, value, now)
}

// checkNames rejects unknown field names: a misspelled restriction would
// otherwise be dropped silently.
func (e Edit) checkNames(isNew bool) error {
	known := make(map[string]bool, len(fields)+1)
	names := make([]string, len(fields))
	for i, f := range fields {
		known[f.Name], names[i] = true, f.Name
	}
	known[versionName] = true
	for name := range e {
		if !known[name] {
			return InvalidError{"body", fmt.Errorf("unknown field %q: expected %s or %s", name, strings.Join(names, ", "), versionName)}
		}
	}
	if isNew && e.Has(versionName) {
		return InvalidError{versionName, errors.New("a new token has no version: leave it out")}
	}
	return nil
}

// InvalidError reports invalid input.
type InvalidError struct {
	// Field is the JSON name of the invalid input.
	Field string
	Err   error
}

func (e InvalidError) Error() string { return e.Err.Error() }

func (e InvalidError) Unwrap() error { return e.Err }
