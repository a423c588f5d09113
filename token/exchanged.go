package token

import "errors"

// MaxIssuerLength is the maximum length of an issuer, in characters.
const MaxIssuerLength = 500

// Exchanged reports whether the token was exchanged for a JWT. Such a token cannot be
// changed, except that it can be disabled and ended, and vanishes by itself.
func (r *Record) Exchanged() bool { return r.Issuer != "" }

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
