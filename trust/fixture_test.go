package trust_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakeissuer"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

const audience = "https://jira.example.com"

func edit(fields string) token.Edit {
	var e token.Edit
	if err := json.Unmarshal([]byte(fields), &e); err != nil {
		panic(err)
	}
	return e
}

func is(claim string, values ...string) trust.Condition {
	return trust.Condition{Claim: claim, Op: trust.OpIs, Values: values}
}

func like(claim string, values ...string) trust.Condition {
	return trust.Condition{Claim: claim, Op: trust.OpLike, Values: values}
}

func has(claim string, values ...string) trust.Condition {
	return trust.Condition{Claim: claim, Op: trust.OpHas, Values: values}
}

// ciRule is a rule for the subject that fakeissuer's JWTs have.
func ciRule() trust.Rule {
	return trust.Rule{
		When:  []trust.Condition{is("sub", "repo:acme/site:ref:refs/heads/main")},
		Token: edit(`{"owner":"ci-site","scope":"write","confine":{"projects":["SITE"]}}`),
	}
}

// trusting returns a configuration that trusts an issuer.
func trusting(from *fakeissuer.Issuer, rules ...trust.Rule) trust.Issuer {
	if rules == nil {
		rules = []trust.Rule{ciRule()}
	}
	return trust.Issuer{Issuer: from.URL, Audiences: []string{audience}, Rules: rules}
}

func newTrust(t testing.TB, issuers ...trust.Issuer) *trust.Trust {
	t.Helper()
	known, err := trust.New(issuers, func(source trust.Source) (*trust.Keys, error) {
		keys := trust.NewKeys(source, func(error) {})
		t.Cleanup(keys.Close)
		return keys, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func exchange(known *trust.Trust, jwt string) (*trust.Grant, error) {
	return known.Exchange(context.Background(), jwt, false)
}

// refusal returns why a JWT is refused, for the client and for administrators.
func refusal(t *testing.T, err error) (message, detail string) {
	t.Helper()
	refused, ok := errors.AsType[*trust.RefusedError](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	return refused.Message, refused.Detail
}

func wantDetail(t *testing.T, err error, want string) {
	t.Helper()
	if _, detail := refusal(t, err); !strings.Contains(detail, want) {
		t.Errorf("detail %q, want it to contain %q", detail, want)
	}
}
