package policy

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
	// suspended.
	Owner string
}

// Why returns the reason as a sentence without a full stop, which the holder of the
// token may read.
func (s *Suspension) Why() string {
	if s.Violation != nil {
		return s.Violation.Why
	}
	return s.Owner
}

// Rules names the rules that the token breaks, for administrators; "" if there are
// none.
func (s *Suspension) Rules() string {
	if s.Violation == nil {
		return ""
	}
	return names(s.Violation.rules)
}

// String returns the reason with the rules, for administrators.
func (s *Suspension) String() string {
	if s.Violation != nil {
		return s.Violation.String()
	}
	return s.Owner
}
