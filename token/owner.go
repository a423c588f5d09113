package token

import (
	"errors"
	"fmt"
)

// Kind is the kind of owner that a token is for.
type Kind string

// The kinds of owners.
const (
	// KindUser is a person with an account in Jira.
	KindUser Kind = ""
	// KindService is a program that nobody owns personally.
	KindService Kind = "service"
	// KindExternal is a person outside the organization, without an account in
	// Jira.
	KindExternal Kind = "external"
)

// OwnAccount is the account of tokens whose requests are forwarded with the owner's
// own Jira credential.
const OwnAccount = "own"

// maxPurposeLength is the maximum length of texts about a token, in characters.
const maxPurposeLength = 200

// ParseKind parses user, service or external.
func ParseKind(s string) (Kind, error) {
	switch s {
	case "user":
		return KindUser, nil
	case string(KindService), string(KindExternal):
		return Kind(s), nil
	}
	return "", fmt.Errorf("invalid kind %q: expected user, service or external", s)
}

// String returns user, service or external.
func (k Kind) String() string {
	if k == KindUser {
		return "user"
	}
	return string(k)
}

// CheckReason returns an error if reason cannot be the reason for a status.
func CheckReason(reason string) error {
	if reason == "" {
		return nil
	}
	return CheckText("reason", reason, maxPurposeLength)
}

// checkPeople checks what the record says about people, beside the owner's name, and
// their reasons.
func (r *Record) checkPeople() error {
	if _, err := ParseKind(r.Kind.String()); err != nil {
		return err
	}
	if err := CheckReason(r.StatusReason); err != nil {
		return err
	}
	for _, check := range []func(*Record) error{checkPurpose, checkResponsible, checkExempt} {
		if err := check(r); err != nil {
			return err
		}
	}
	return nil
}

func checkPurpose(r *Record) error {
	switch {
	case r.Purpose != "":
		return CheckText("purpose", r.Purpose, maxPurposeLength)
	case r.Kind == KindExternal:
		return errors.New("missing purpose: say what the external person needs the token for")
	}
	return nil
}

func checkResponsible(r *Record) error {
	switch {
	case r.Kind == KindExternal && r.Responsible == "":
		return errors.New("missing responsible owner: name the person inside the organization who answers for the token")
	case r.Responsible == "":
		return nil
	case r.OwnedBy(r.Responsible):
		return fmt.Errorf("%q cannot be responsible for a token of their own: name somebody inside the organization", r.Responsible)
	}
	if err := CheckOwner(r.Responsible); err != nil {
		return fmt.Errorf("responsible: %w", err)
	}
	return nil
}

func checkExempt(r *Record) error {
	if r.Exempt == "" {
		return nil
	}
	return CheckText("reason for the exemption", r.Exempt, maxPurposeLength)
}
