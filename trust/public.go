package trust

import (
	"fmt"
	"slices"
	"strings"
)

// identifying holds, for issuers that issue JWTs to anybody, the claims that say for
// whom. A rule without a condition on one of them would give tokens to everybody who
// has an account there. GitHub's job_workflow_ref is not among them: anybody can call a
// reusable workflow that is public.
// https://docs.github.com/en/actions/reference/security/oidc
// https://docs.gitlab.com/ci/secrets/id_token_authentication/
var identifying = map[string][]string{
	"https://token.actions.githubusercontent.com": {"sub", "repository", "repository_id", "repository_owner", "repository_owner_id", "workflow_ref", "enterprise", "enterprise_id"},
	"https://gitlab.com":                          {"sub", "project_path", "project_id", "namespace_path", "namespace_id"},
	"https://accounts.google.com":                 {"sub", "email", "hd"},
	"https://agent.buildkite.com":                 {"sub", "organization_slug", "organization_id"},
	"https://app.terraform.io":                    {"sub", "terraform_organization_id", "terraform_organization_name"},
}

// checkIdentifying returns an error if a rule for an issuer that issues JWTs to anybody
// does not say for whom.
func checkIdentifying(issuer string, conditions []condition) error {
	claims := identifying[strings.TrimSuffix(issuer, "/")]
	if claims == nil || slices.ContainsFunc(conditions, func(c condition) bool { return slices.Contains(claims, c.Claim) && c.identifies() }) {
		return nil
	}
	return fmt.Errorf("%s issues JWTs to anybody, and no condition says for whom: add one on %s; a pattern must not begin before that, as repo:* does", issuer, strings.Join(claims, ", "))
}

// identifies reports whether the condition, which is on a claim that identifies, leaves
// nobody a choice: the fixed part of each pattern must include the name of an
// organization, which in a subject is the second part, as in repo:acme/*.
func (c *condition) identifies() bool {
	if c.Op == OpIs {
		return true
	}
	needed := 1
	if c.Claim == "sub" {
		needed = 2
	}
	return len(c.patterns) > 0 && !slices.ContainsFunc(c.patterns, func(p pattern) bool {
		parts := strings.FieldsFunc(p[0], func(r rune) bool { return strings.ContainsRune(delimiters, r) })
		return len(parts) < needed
	})
}
