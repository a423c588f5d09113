package jiratokens

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

// Audit configures the audit trail.
type Audit struct {
	// Whether requests that are denied or change something in Jira wait until that is
	// in the audit trail, and get 503 `store_unavailable` if it cannot be written. A
	// change is then recorded twice: before it is sent to Jira, and with Jira's answer.
	// Otherwise these events are written in the background, within a second or, for
	// denials, a minute. Default: false
	Strict bool `json:"strict,omitempty"`

	// The key that signs checkpoints of the audit trail, as printed by
	// `caddy jira-token audit key --generate`. All gateways that share a store need the
	// same one. Supports placeholders, such as `{env.JIRA_TOKENS_AUDIT_KEY}`. Default:
	// a key that is generated once and kept in Caddy's storage
	Key string `json:"key,omitempty"`

	// Verifier keys with which checkpoints of the trail may be signed as well: those
	// of keys that were used before. Default: none, except for the key in Caddy's
	// storage
	TrustedKeys []string `json:"trusted_keys,omitempty"`

	// How long events are kept. Their hashes stay, so that the trail can still be
	// verified. At least `1h`. Default: forever
	Retention caddy.Duration `json:"retention,omitempty"`
}

// minRetention is the shortest time for which events are kept.
const minRetention = time.Hour

// unmarshalAudit reads the option audit: a block, or the word strict alone.
func (a *App) unmarshalAudit(d *caddyfile.Dispenser) error {
	a.Audit = new(Audit)
	block := option.Block{
		option.Flag("strict", &a.Audit.Strict),
		option.Text("key", &a.Audit.Key),
		option.Texts("trusted_keys", &a.Audit.TrustedKeys),
		option.Duration("retention", &a.Audit.Retention),
	}
	if d.CountRemainingArgs() == 0 {
		return block.Read(d, "audit")
	}
	d.NextArg()
	if d.Val() != "strict" {
		return d.Err("audit: expected strict, or a block { … }")
	}
	a.Audit.Strict = true
	return option.Args(d, "strict, or a block { … }")
}

// provisionTree sets up the tree that proves the trail. It opens nothing.
func (a *App) provisionTree(ctx caddy.Context) error {
	var config Audit
	if a.Audit != nil {
		config = *a.Audit
	}
	options := tree.Options{
		Trusted: config.TrustedKeys, Retention: time.Duration(config.Retention), Keep: ctx.Storage(),
		Lineage: a.tokens.Store.Lineage(), StoreKey: a.store.Key(), Node: nodeName(), Logger: a.logger.Named("audit"), Now: time.Now,
	}
	if config.Retention != 0 && options.Retention < minRetention {
		return fmt.Errorf("audit: invalid retention %s: expected at least %s", options.Retention, minRetention)
	}
	if _, err := proof.ParseKeys(config.TrustedKeys); err != nil {
		return fmt.Errorf("audit: trusted_keys: %w", err)
	}
	if config.Key != "" {
		text, err := caddy.NewReplacer().ReplaceOrErr(config.Key, true, true)
		if err != nil {
			return fmt.Errorf("audit: key: %w", err)
		}
		key, err := tree.ParseKey(text)
		if err != nil {
			return fmt.Errorf("audit: key: %w", err)
		}
		options.Key = &key
	}
	a.tree = tree.New(a.tokens.Store, options)
	return nil
}

// AuditTree returns the tree that proves the audit trail.
func (a *App) AuditTree() *tree.Log { return a.tree }
