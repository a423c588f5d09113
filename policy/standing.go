package policy

import "strings"

// Standing is what the policy says about a token now.
type Standing struct {
	// Rights are those of the token's owner.
	Rights *Rights
	// Suspension is why the token does not work, or nil if it may.
	Suspension *Suspension
}

// Suspension says why a token is suspended. It ends by itself when the reason is gone.
type Suspension struct {
	// Violation is how the token breaks the rules; nil if its owner is suspended.
	Violation *Violation
	// Owner says why the owner, or the person responsible for the token, is
	// suspended. The holder of the token may read it.
	Owner string
	// Responsible is the name of the person responsible for the token, if that
	// person is the reason. It is for administrators only.
	Responsible string
}

// Why returns the reason as a sentence without a full stop, which the holder of the
// token may read.
func (s *Suspension) Why() string {
	if s.Violation != nil {
		return s.Violation.Why
	}
	return s.Owner
}

// Hint says what Why leaves out, in sentences for administrators: what would comply,
// and the rules. It returns "" if there is nothing to add.
func (s *Suspension) Hint() string {
	var hints []string
	add := func(label, text string) {
		if text != "" {
			hints = append(hints, label+": "+text+".")
		}
	}
	if v := s.Violation; v != nil {
		add("Allowed", v.allowed)
		add("Rule", names(v.rules))
	}
	add("Responsible", s.Responsible)
	return strings.Join(hints, " ")
}

// String returns the reason with the rules, for administrators.
func (s *Suspension) String() string {
	if s.Violation != nil {
		return s.Violation.String()
	}
	if s.Responsible != "" {
		return s.Owner + ": " + s.Responsible
	}
	return s.Owner
}
