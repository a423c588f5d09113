package jiratokens

import (
	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
)

// MovableDocuments says how documents from another store are imported, by their kinds.
// Others belong to the gateways there.
func (a *App) MovableDocuments() map[string]registry.ImportedKind {
	account := registry.ImportedKind{Prepare: accounts.CheckStored, Warn: a.accounts.Unreadable, Accounts: true}
	own := registry.ImportedKind{Prepare: accounts.CheckStored, Warn: a.accounts.UnreadableOwn}
	return map[string]registry.ImportedKind{
		accounts.DocumentKind: account, accounts.OwnDocumentKind: own,
		// What Jira says about owners is asked again here.
		facts.KindOwner:   {Quiet: true},
		facts.KindSignIn:  {Quiet: true},
		facts.KindRefresh: {Prepare: facts.WithoutLease, Quiet: true},
	}
}
