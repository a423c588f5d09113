package trust

import (
	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Issuer is an issuer of JWTs that workloads can exchange for tokens, such as a CI
// system or a Kubernetes cluster.
type Issuer struct {
	// The issuer's URL, exactly as in the claim `iss` of its JWTs, such as
	// `https://token.actions.githubusercontent.com`. It must be an https URL; http is
	// allowed only for this machine. `spiffe://` and a trust domain stands for the
	// JWT-SVIDs of that domain, which need not name an issuer, and needs jwks.
	Issuer string `json:"issuer"`

	// The audiences for which a JWT may be issued: one of them must be in its claim
	// `aud`. Use one that is only for this gateway, such as its address: anybody to
	// whom a workload sends a JWT could otherwise exchange it here. Required
	Audiences []string `json:"audiences"`

	// The rules that say which JWTs can be exchanged, and for which tokens. The first
	// one whose conditions all hold applies. Required
	Rules []Rule `json:"rules"`

	// The URL or the file of the issuer's public keys, a JSON Web Key Set. Default:
	// found by OpenID Connect Discovery, at /.well-known/openid-configuration below
	// the issuer's URL
	JWKS string `json:"jwks,omitempty"`

	// PEM files with the certificates of the authorities that vouch for the issuer's
	// server. They are read each time keys are fetched. Default: those of the operating
	// system
	CA []string `json:"ca,omitempty"`

	// A file with a bearer token to send when keys are fetched, as Kubernetes needs
	// it. It is only sent to the host of jwks, or else to the issuer's, and read each
	// time. Default: none
	TokenFile string `json:"token_file,omitempty"`

	// How long known keys are trusted while the issuer cannot be reached, counted
	// from when they were last fetched. They are fetched again every hour, and when a
	// JWT names an unknown key, but at most every 10 seconds. Default: `24h`
	KeepKeys caddy.Duration `json:"keep_keys,omitempty"`

	// Whether a JWT can be exchanged more than once while it is valid. Set this only
	// where workloads cannot ask for another JWT, as in Kubernetes and GitLab. Default:
	// false
	Reuse bool `json:"reuse,omitempty"`
}

// Rule says that JWTs which meet some conditions can be exchanged for a certain token.
type Rule struct {
	// The conditions, all of which must hold. Required
	When []Condition `json:"when"`

	// The fields of the token, as they are given to create one: `owner` is required.
	// Its value may contain claims as placeholders, such as `ci-{claim.repository}`, if
	// a condition of the rule is about the same claim. The default of `kind` is
	// `service`, of `scope` `read`, and of `name` the subject of the JWT. Not allowed:
	// `expires_at`, `not_before` and `exempt`
	Token token.Edit `json:"token"`

	// How long the token is valid, from 1m to 24h. Default: `15m`
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// Where the rule is written, such as `Caddyfile:12`, for messages. The Caddyfile
	// adapter sets it. Default: its number
	Place string `json:"place,omitempty"`
}

// Condition is a condition on a claim of a JWT.
type Condition struct {
	// The name of a claim, such as `sub`. A JSON Pointer, which begins with a slash,
	// leads to a nested one, such as `/kubernetes.io/namespace`.
	Claim string `json:"claim"`

	// How the claim is compared. `==`: it is a string, an integer or a boolean, and
	// equals one of the values. `like`: it is a string, and matches one of the
	// patterns. `has`: it is an array that contains one of the values.
	//
	// In a pattern, `*` stands for a whole part of the text, between the characters
	// `/` and `:`; at the end of the pattern, it stands for everything that follows.
	Op string `json:"op"`

	// The values or patterns.
	Values []string `json:"values"`
}

// The values of Condition.Op.
const (
	OpIs   = "=="
	OpLike = "like"
	OpHas  = "has"
)
