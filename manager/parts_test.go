package manager

import (
	"testing"
	"time"

	"github.com/caddyserver/certmagic"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/audit/tree"
	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// parts are the parts of a test's app that only pages for people who manage need.
type parts struct {
	App
	held *approvals.Keeper
	tree *tree.Log
	// signIns is nil unless a test sets it.
	signIns *facts.SignIns
}

func (p *parts) Held() *approvals.Keeper { return p.held }
func (p *parts) AuditTree() *tree.Log    { return p.tree }
func (p *parts) SignIns() *facts.SignIns { return p.signIns }

// quiet is a notice.Publisher for notices that nobody gets.
type quiet struct{}

func (quiet) Notify(notice.Notice) {}

// encryptionKey is a key for accounts and held changes in the store.
const encryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

func newParts(t testing.TB, store storage.Store) *parts {
	t.Helper()
	keys, err := accounts.NewKeys([]string{encryptionKey})
	if err != nil {
		t.Fatal(err)
	}
	return &parts{
		held: approvals.New(approvals.Options{Store: store, Keys: keys, PublicURL: "https://jira.example.com", Notices: quiet{}}),
		tree: tree.New(store, tree.Options{Keep: &certmagic.FileStorage{Path: t.TempDir()}, Logger: zap.NewNop(), Now: time.Now}),
	}
}
