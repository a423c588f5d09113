package accounts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Kind is a kind of credential.
type Kind string

// The kinds of credentials.
const (
	KindBasic  Kind = "basic"
	KindBearer Kind = "bearer"
	KindOAuth  Kind = "oauth"
	// KindConsent is an owner's consent by OAuth 2.0. Only owners' own accounts have it.
	KindConsent Kind = "oauth_consent"
)

// Target is where a credential is sent, and how. It is bound to the encrypted secret:
// if anybody changes it in the store, the account cannot be used.
type Target struct {
	// Owner is the owner whose own account this is, and empty for other accounts.
	Owner string `json:"owner,omitempty"`
	// Jira is the base URL of the only Jira that the account is used with.
	Jira string `json:"jira"`
	Kind Kind   `json:"kind"`
	// User is the user of basic, the client ID of oauth and of a consent, and empty for
	// bearer.
	User string `json:"user,omitempty"`
	// Scoped credentials are used with Jira Cloud's API by cloud ID, at APIURL.
	Scoped bool   `json:"scoped,omitempty"`
	APIURL string `json:"api_url,omitempty"`
	// TokenURL issues access tokens for oauth and for a consent.
	TokenURL string `json:"token_url,omitempty"`
}

// record is the JSON of a stored account.
type record struct {
	Target
	ExpiresAt time.Time `json:"expires_at,omitzero"`

	AddedBy    storage.Actor `json:"added_by"`
	AddedAt    time.Time     `json:"added_at"`
	ReplacedBy storage.Actor `json:"replaced_by,omitzero"`
	ReplacedAt time.Time     `json:"replaced_at,omitzero"`
	// ValidatedAt is when Jira last said, before a change, that the credential is
	// ValidatedAs.
	ValidatedAt time.Time `json:"validated_at"`
	ValidatedAs string    `json:"validated_as"`

	// Grant is the state of a consent, and nil for other kinds.
	Grant *grant `json:"grant,omitempty"`

	Sealed sealed `json:"sealed"`
}

// decodeRecord decodes the JSON of a stored account, which others may have written.
func decodeRecord(data []byte) (record, error) {
	var r record
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&r); err != nil {
		return record{}, fmt.Errorf("it is damaged in the store: %w", err)
	}
	if err := r.Target.check(); err != nil {
		return record{}, fmt.Errorf("it is damaged in the store: %w", err)
	}
	return r, nil
}

// bound returns the data that the secret of a document is bound to.
func (t Target) bound(name storage.DocumentName) ([]byte, error) {
	return json.Marshal(struct {
		Document string `json:"document"`
		Target
	}{name.String(), t})
}

// Maximum lengths.
const (
	maxName   = 100  // characters
	maxUser   = 254  // characters
	maxURL    = 2000 // bytes
	maxSecret = 8192 // bytes
)

func (t Target) check() error {
	if err := checkURL("jira", t.Jira); err != nil || len(t.Jira) > maxURL {
		return token.InvalidError{Field: "jira", Err: fmt.Errorf("invalid URL %.100q: expected Jira's base URL, such as https://acme.atlassian.net", t.Jira)}
	}
	switch t.Kind {
	case KindBasic:
		if strings.Contains(t.User, ":") {
			return token.InvalidError{Field: "user", Err: errors.New("it must not contain a colon, which ends the user name in Basic authentication")}
		}
	case KindOAuth:
	case KindConsent:
		if t.Owner == "" {
			return token.InvalidError{Field: "kind", Err: errors.New("only an owner's own account can be a consent")}
		}
	case KindBearer:
		if t.User != "" {
			return token.InvalidError{Field: "user", Err: errors.New("a bearer token has no user: leave it out")}
		}
	default:
		return token.InvalidError{Field: "kind", Err: fmt.Errorf("invalid kind of credential %.20q: expected basic, bearer or oauth", string(t.Kind))}
	}
	if t.Kind != KindBearer {
		if err := token.CheckText("user", t.User, maxUser); err != nil {
			return token.InvalidError{Field: "user", Err: err}
		}
	}
	for field, url := range map[string]string{"api_url": t.APIURL, "token_url": t.TokenURL} {
		if url == "" {
			continue
		}
		if err := checkURL(field, url); err != nil || len(url) > maxURL {
			return token.InvalidError{Field: field, Err: fmt.Errorf("invalid URL %.100q: expected a URL such as https://api.atlassian.com", url)}
		}
	}
	if t.Scoped != (t.APIURL != "") || (t.Kind == KindOAuth || t.Kind == KindConsent) != (t.TokenURL != "") {
		return errors.New("api_url goes with scoped credentials, and token_url with oauth")
	}
	return nil
}

// account returns the account with this credential.
func (t Target) account(name string, credential jira.Credential, changed func(*jira.Account, string, error)) *jira.Account {
	options := jira.AccountOptions{Site: t.Jira, ProbeInterval: defaultProbeInterval, Changed: changed}
	if t.Scoped {
		options.Cloud = &jira.Cloud{APIURL: t.APIURL}
	}
	return jira.NewAccount(name, credential, options)
}

// credential returns the credential with this secret. For a consent, see consent.
func (t Target) credential(secret string) jira.Credential {
	switch t.Kind {
	case KindBasic:
		return jira.Basic(t.User, secret)
	case KindOAuth:
		return jira.OAuth(t.User, secret, t.TokenURL, http.DefaultTransport)
	}
	return jira.Bearer(secret)
}

// checkSecret returns an error if a secret cannot be sent. It never contains the
// secret.
func checkSecret(secret string) error {
	err := checkPlain("secret", secret)
	if len(secret) > maxSecret {
		err = fmt.Errorf("secret must have at most %d bytes", maxSecret)
	}
	if err != nil {
		return token.InvalidError{Field: "secret", Err: err}
	}
	return nil
}
