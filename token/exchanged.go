package token

import (
	"crypto/sha256"
	"errors"
)

// MaxIssuerLength is the maximum length of an issuer, in characters.
const MaxIssuerLength = 500

// Exchanged reports whether the token was exchanged for a JWT. Such a token cannot be
// changed, except that it can be disabled and ended, and vanishes by itself.
func (r *Record) Exchanged() bool { return r.Issuer != "" }

// BudgetID names what requests with the token count against: its limits, and how many of its
// changes may wait for approval. It is the token's ID, except that all tokens which an owner
// has got for JWTs of the same issuer count together: whoever gets another JWT must not get
// another budget with it.
func (r *Record) BudgetID() string {
	if !r.Exchanged() {
		return r.ID
	}
	return IDFrom(sha256.Sum256([]byte("budget\n" + r.Issuer + "\n" + Fold(r.Owner)))) // neither has line breaks
}

func (r *Record) checkIssuer() error {
	switch {
	case r.Issuer == "" && !r.VanishesAt.IsZero():
		return errors.New("only a token that was exchanged for a JWT vanishes")
	case r.Issuer == "":
		return nil
	}
	if r.ExpiresAt.IsZero() || r.VanishesAt.Before(r.ExpiresAt) {
		return errors.New("a token that was exchanged for a JWT must expire, and vanish after that")
	}
	return CheckText("issuer", r.Issuer, MaxIssuerLength)
}
