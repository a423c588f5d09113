package session

import (
	"context"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// flowCookie is the name of the cookie of somebody who is signing in.
const flowCookie = "jira_tokens_signin"

// flowLasts is how long somebody can take to sign in at another site.
const flowLasts = 15 * time.Minute

// maxFlow is the maximum size of the cookie's value: browsers refuse a cookie of more than 4,096
// bytes, with its name and attributes (RFC 6265, section 6.1).
const maxFlow = 3500

// Flow is what is remembered, in the browser, about somebody who signs in at another site.
type Flow struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
	// Way is the identity that the person signs in with, and Next where to go afterwards.
	Way  string           `json:"way"`
	Next string           `json:"next,omitempty"`
	Ends *jwt.NumericDate `json:"exp"`
}

// Remember sets a cookie that Recall reads. Without Next, if the cookie would be too long for
// browsers.
func (s *Sessions) Remember(ctx context.Context, w http.ResponseWriter, scope Scope, flow Flow) error {
	flow.Ends = jwt.NewNumericDate(s.now().Add(flowLasts))
	signed, err := s.sign(ctx, flow)
	if err == nil && len(signed) > maxFlow {
		flow.Next = ""
		signed, err = s.sign(ctx, flow)
	}
	if err != nil {
		return err
	}
	http.SetCookie(w, cookie(scope, flowCookie, signed, int(flowLasts/time.Second)))
	return nil
}

// Recall returns what Remember has remembered, once; nil if that is too long ago.
func (s *Sessions) Recall(ctx context.Context, w http.ResponseWriter, r *http.Request, scope Scope) (*Flow, error) {
	found, err := r.Cookie(flowCookie)
	if err != nil {
		return nil, nil //nolint:nilerr // there is no cookie
	}
	http.SetCookie(w, cookie(scope, flowCookie, "", -1))
	var flow Flow
	if ok, err := s.claims(ctx, found.Value, &flow); err != nil || !ok {
		return nil, err
	}
	if flow.Way == "" || flow.Ends == nil || !s.now().Before(flow.Ends.Time()) {
		return nil, nil
	}
	return &flow, nil
}

// sign returns claims as a signed text.
func (s *Sessions) sign(ctx context.Context, claims any) (string, error) {
	key, err := s.key(ctx)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, nil)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}

// claims reads what sign has returned. It reports false for anything else.
func (s *Sessions) claims(ctx context.Context, text string, into any) (bool, error) {
	parsed, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		return false, nil //nolint:nilerr // forged, cut off or of another program
	}
	key, err := s.key(ctx)
	if err != nil {
		return false, err
	}
	return parsed.Claims(key, into) == nil, nil
}
