package due

import (
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestTokenPending(t *testing.T) {
	record := &token.Record{ID: "4fT0aB9xYz", Name: "nightly", Owner: "alice", Scope: token.ScopeWrite}
	told := TokenPending(record, "https://jira.example.com")
	if told.Type != notice.TokenPending || told.Subject != "tokens/4fT0aB9xYz" || told.Data["scope"] != "write" || told.Data["public_url"] != "https://jira.example.com" ||
		!strings.Contains(told.Sentence, "waits for approval: the policy requires it") {
		t.Errorf("%+v", told)
	}
	record.Exempt = "the auditors want it"
	if told := TokenPending(record, ""); told.Data["exempt"] != "the auditors want it" || !strings.Contains(told.Sentence, "asks for an exemption from the policy") {
		t.Errorf("%+v", told)
	}
}
