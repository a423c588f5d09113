package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// MaxJWT is the maximum length of a JWT, in bytes.
const MaxJWT = 16 << 10

const (
	maxKeyID = 256
	// maxShown is the maximum length of what a client says in a detail.
	maxShown = 200
)

// algorithms are the accepted signature algorithms. All of them are asymmetric: with
// HS256, an issuer's public key could be taken for a shared secret, and with none,
// there is no signature (RFC 8725, section 3.1).
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// The accepted types of JWTs, in lower case, apart from none. Others, such as logout
// tokens and proofs of possession, are signed by the same issuers for other purposes
// (RFC 8725, section 3.11).
const (
	typeJWT         = "jwt"
	typeSVID        = "jose" // of a JWT-SVID
	typeAccessToken = "at+jwt"
)

// parsedJWT is a JWT whose signature has not been verified.
type parsedJWT struct {
	signed    *jose.JSONWebSignature
	algorithm jose.SignatureAlgorithm
	keyID     string
	typ       string
	// header and payload are decoded.
	header, payload []byte
	// unverified are the claims that the JWT makes.
	unverified claims
}

// notJWT is what a client gets for anything that cannot be read as a JWT.
const notJWT = "The subject_token is not a JWT that can be exchanged here."

// parse reads a JWT. Its errors show nothing of it but parts of the header.
func parse(raw string) (*parsedJWT, error) {
	if len(raw) > MaxJWT {
		return nil, refuse(notJWT, "the JWT has %d bytes: expected at most %d", len(raw), MaxJWT)
	}
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, refuse(notJWT, "not a JWT: expected three parts with dots between them, got %d", len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		// Strict, and without line breaks: another spelling of the same JWT must not
		// pass for another JWT.
		var err error
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(part); err != nil || strings.ContainsAny(part, "\r\n") {
			return nil, refuse(notJWT, "not a JWT: part %d is not base64url", i+1)
		}
	}
	p := &parsedJWT{header: decoded[0], payload: decoded[1]}
	header, err := parseObject(p.header)
	if err != nil {
		return nil, refuse(notJWT, "the JWT's header: %v", err)
	}
	if err := p.readHeader(header); err != nil {
		return nil, err
	}
	if p.unverified, err = parseObject(p.payload); err != nil {
		return nil, refuse(notJWT, "the JWT's claims: %v", err)
	}
	if p.signed, err = jose.ParseSignedCompact(raw, algorithms); err != nil || len(p.signed.Signatures) != 1 {
		return nil, refuse(notJWT, "not a signed JWT: the header or the signature is malformed")
	}
	return p, nil
}

// readHeader reads the header. Keys in it, or links to keys, are ignored: anybody could
// put their own there.
func (p *parsedJWT) readHeader(header claims) error {
	algorithm, _ := header["alg"].(string)
	p.algorithm = jose.SignatureAlgorithm(algorithm)
	if !slices.Contains(algorithms, p.algorithm) {
		return refuse(notJWT, "the JWT's algorithm is %q: expected an asymmetric one, such as RS256 or ES256", shown(algorithm))
	}
	if _, ok := header["crit"]; ok {
		return refuse(notJWT, "the JWT's header has extensions that must be understood (crit), and none are supported")
	}
	if _, ok := header["b64"]; ok {
		return refuse(notJWT, "the JWT's header has b64, which JWTs must not use (RFC 7797, section 7)")
	}
	if id, ok := header["kid"]; ok {
		if p.keyID, ok = id.(string); !ok || len(p.keyID) > maxKeyID {
			return refuse(notJWT, "the JWT's kid is not a string of at most %d bytes", maxKeyID)
		}
	}
	typ, _ := header["typ"].(string)
	p.typ = strings.TrimPrefix(strings.ToLower(typ), "application/")
	if _, ok := header["typ"]; ok && !slices.Contains([]string{typeJWT, typeSVID, typeAccessToken}, p.typ) {
		return refuse(notJWT, "the JWT's type is %q: expected JWT or at+jwt", shown(typ))
	}
	return nil
}

// id returns the ID of the token that the JWT can be exchanged for. It depends on what
// is signed, not on the signature: there can be several valid ones, and with ECDSA
// anybody can make another from one.
func (p *parsedJWT) id() string {
	hash := sha256.New()
	hash.Write([]byte("token exchange\n"))
	hash.Write(p.header)
	hash.Write([]byte{'\n'})
	hash.Write(p.payload)
	return token.IDFrom([32]byte(hash.Sum(nil)))
}

// spiffe is the scheme of SPIFFE IDs.
const spiffe = "spiffe://"

// issuerOf returns the trusted issuer that a JWT names. A JWT-SVID need not name one:
// its subject tells the trust domain.
// https://github.com/spiffe/spiffe/blob/main/standards/JWT-SVID.md
func (t *Trust) issuerOf(p *parsedJWT) (*issuer, error) {
	name, _ := p.unverified["iss"].(string)
	if known := t.byName[name]; known != nil && !strings.HasPrefix(name, spiffe) {
		return known, nil
	}
	subject, _ := p.unverified["sub"].(string)
	if rest, ok := strings.CutPrefix(subject, spiffe); ok {
		domain, _, _ := strings.Cut(rest, "/")
		if known := t.byName[spiffe+domain]; known != nil {
			return known, nil
		}
	}
	if name == "" {
		return nil, refuse(notTrusted, "the JWT names no issuer")
	}
	return nil, refuse(notTrusted, "the JWT's issuer %q is not trusted: there is no `trust` block for it", shown(name))
}

const notTrusted = "The issuer of the JWT is not trusted here."

// verify returns the claims of a JWT that one of the issuer's keys has signed.
func (i *issuer) verify(ctx context.Context, p *parsedJWT) (claims, error) {
	payload, err := i.keys.verify(ctx, p)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(payload, p.payload) {
		return nil, refuse(notJWT, "the JWT was read in two ways") // cannot happen
	}
	return p.unverified, nil
}

// shown returns what a client says in a form that can be logged.
func shown(text string) string { return token.Printable(text, maxShown) }
