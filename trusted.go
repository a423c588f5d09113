package jiratokens

import (
	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// keySets are the public keys of trusted issuers, by their trust.Source. They outlive a
// reload, so that known keys still work if an issuer is away meanwhile.
var keySets = caddy.NewUsagePool()

// keySet is the entry of keySets.
type keySet struct{ *trust.Keys }

// Destruct implements caddy.Destructor.
func (s keySet) Destruct() error {
	s.Close()
	return nil
}

// provisionTrust checks the trusted issuers. It does not connect to them.
func (a *App) provisionTrust() (err error) {
	if len(a.Trust) == 0 {
		return nil
	}
	a.trusted, err = trust.New(a.Trust, a.acquireKeys)
	return err
}

// Trusted implements admin.App.
func (a *App) Trusted() *trust.Trust { return a.trusted }

// acquireKeys returns the keys of a source until releaseKeys is called.
func (a *App) acquireKeys(source trust.Source) (*trust.Keys, error) {
	value, _, err := keySets.LoadOrNew(source, func() (caddy.Destructor, error) {
		// Its logger must outlive the configuration.
		logger := caddy.Log().Named("jira_tokens")
		return keySet{trust.NewKeys(source, func(err error) {
			if err != nil {
				logger.Error("cannot fetch the keys of a trusted issuer: JWTs with known keys can be exchanged for as long as keep_keys says, others cannot", zap.String("issuer", source.Issuer), zap.Error(err))
			} else {
				logger.Info("the keys of a trusted issuer can be fetched again", zap.String("issuer", source.Issuer))
			}
		})}, nil
	})
	if err != nil {
		return nil, err
	}
	a.keySets = append(a.keySets, source)
	return value.(keySet).Keys, nil
}

// releaseKeys gives back what acquireKeys has returned.
func (a *App) releaseKeys() {
	for _, source := range a.keySets {
		// It fails only if nobody has acquired the keys.
		_, _ = keySets.Delete(source)
	}
	a.keySets = nil
}

var _ caddy.Destructor = keySet{}
