package due

import (
	"fmt"
	"strconv"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TokenPending returns the notice that a token waits for approval. publicURL is where the
// gateway is; it can be empty.
func TokenPending(record *token.Record, publicURL string) notice.Notice {
	data, why := tokenData(record, publicURL), "the policy requires it"
	if record.Exempt != "" {
		data["exempt"] = record.Exempt
		why = "it asks for an exemption from the policy"
	}
	return notice.Notice{
		Type: notice.TokenPending, Subject: "tokens/" + record.ID, Data: data,
		Sentence: fmt.Sprintf("The token %q (%s) of %s waits for approval: %s. Approve or reject it on the page, or with `caddy jira-token approve %s`.",
			record.Name, record.ID, record.Owner, why, record.ID),
	}
}

// tokenData returns what a notice says about a token.
func (w *Watch) tokenData(record *token.Record) map[string]any {
	return tokenData(record, w.PublicURL)
}

func tokenData(record *token.Record, publicURL string) map[string]any {
	data := map[string]any{
		"token_id": record.ID, "owner": record.Owner, "name": record.Name, "scope": record.Scope.String(),
		"created_at": record.CreatedAt.UTC().Format(time.RFC3339),
	}
	if !record.ExpiresAt.IsZero() {
		data["expires_at"] = record.ExpiresAt.UTC().Format(time.RFC3339)
	}
	if record.Responsible != "" {
		data["responsible"] = record.Responsible
	}
	if publicURL != "" {
		data["public_url"] = publicURL
	}
	return data
}

func (w *Watch) tokenExpiring(record *token.Record, before time.Duration, now time.Time) notice.Notice {
	data := w.tokenData(record)
	data["within"] = token.FormatSpan(before)
	return notice.Notice{
		Type: notice.TokenExpiring, Subject: "tokens/" + record.ID, Data: data,
		Sentence: fmt.Sprintf("The token %q (%s) of %s expires %s, on %s. Extend or rotate it before then, or let it end.",
			record.Name, record.ID, record.Owner, in(record.ExpiresAt.Sub(now)), moment(record.ExpiresAt)),
		Once:  record.ID + " " + strconv.FormatInt(record.ExpiresAt.Unix(), 10) + " " + before.String(),
		Until: record.ExpiresAt,
	}
}

func (w *Watch) accountExpiring(account Account, before time.Duration, now time.Time) notice.Notice {
	data := map[string]any{
		"account": account.Name, "jira": account.Jira, "expires_at": account.ExpiresAt.UTC().Format(time.RFC3339), "within": token.FormatSpan(before),
	}
	name := "account " + account.Name
	if account.Owner != "" {
		data["owner"] = account.Owner
		name = "own account of " + account.Owner
	}
	if w.PublicURL != "" {
		data["public_url"] = w.PublicURL
	}
	return notice.Notice{
		Type: notice.AccountExpiring, Subject: "accounts/" + account.ID, Data: data,
		Sentence: fmt.Sprintf("The credential of the %s expires %s, on %s. Replace it before then: its tokens stop working otherwise.",
			name, in(account.ExpiresAt.Sub(now)), moment(account.ExpiresAt)),
		Once:  account.ID + " " + strconv.FormatInt(account.ExpiresAt.Unix(), 10) + " " + before.String(),
		Until: account.ExpiresAt,
	}
}

func (w *Watch) tokenUnused(record *token.Record, use, now time.Time) notice.Notice {
	data := w.tokenData(record)
	data["unused_after"], data["disabled"] = token.FormatSpan(w.UnusedAfter), w.DisableUnused
	last, since := "it has never been used", record.CreatedAt
	if !use.IsZero() {
		data["last_used"] = use.UTC().Format(time.RFC3339)
		last, since = "it was last used on "+moment(use), use
	}
	advice := "Revoke it if nobody needs it."
	if w.DisableUnused {
		advice = "It has been disabled."
	}
	return notice.Notice{
		Type: notice.TokenUnused, Subject: "tokens/" + record.ID, Data: data,
		Sentence: fmt.Sprintf("Nobody has used the token %q (%s) of %s for %s: %s. %s", record.Name, record.ID, record.Owner, token.FormatSpan(w.UnusedAfter), last, advice),
		Once:     record.ID + " " + strconv.FormatInt(since.Unix(), 10),
		Until:    now.Add(30 * 24 * time.Hour),
	}
}

func (w *Watch) unusedReason() string { return "unused for " + token.FormatSpan(w.UnusedAfter) }

// in says how long something takes, for people.
func in(left time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case left >= 2*day:
		return fmt.Sprintf("in %d days", (left+day/2)/day)
	case left >= 2*time.Hour:
		return fmt.Sprintf("in %d hours", (left+time.Hour/2)/time.Hour)
	case left >= 2*time.Minute:
		return fmt.Sprintf("in %d minutes", (left+time.Minute/2)/time.Minute)
	}
	return "in a moment"
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 at 15:04 UTC") }
