package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// checkKind returns an error if a new token is for an external person, and all others of
// that name are not, or the other way round: the stricter rules for external people could
// be evaded, and a misspelled name would go unnoticed. Tokens that are expired or revoked
// do not count, since somebody's position can change.
func (r *Registry) checkKind(ctx context.Context, record *token.Record) error {
	if record.Exempt != "" {
		return nil
	}
	isExternal := record.Kind == token.KindExternal
	var others []*token.Record
	query := storage.Query{Owner: record.Owner, Alive: true}
	for {
		page, err := r.storedPage(ctx, query)
		if err != nil {
			return err
		}
		for _, other := range page.Records {
			if !r.isAlive(other) {
				continue
			}
			if (other.Kind == token.KindExternal) == isExternal {
				return nil
			}
			others = append(others, other)
		}
		if query.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	if len(others) == 0 {
		return nil
	}
	why := fmt.Sprintf("%s is an external person with %s: use --external, or revoke what is left if the person now works here", record.Owner, listed(others))
	if isExternal {
		why = fmt.Sprintf("%s is a %s with %s, not an external person: use --owner, or revoke what is left if that has changed", record.Owner, others[0].Kind, listed(others))
	}
	return PolicyError{Field: "owner", Err: errors.New(why + ExemptHint)}
}

// isAlive reports whether a token is neither expired nor revoked.
func (r *Registry) isAlive(record *token.Record) bool {
	state := record.State(r.now())
	return state != token.StateExpired && state != token.StateRevoked
}

// listed names a few of the tokens, and says how many there are.
func listed(records []*token.Record) string {
	const most = 3
	var ids []string
	for _, record := range records[:min(len(records), most)] {
		ids = append(ids, record.ID)
	}
	text := "the token "
	if len(records) > 1 {
		text = fmt.Sprintf("%d tokens, ", len(records))
	}
	text += strings.Join(ids, ", ")
	if len(records) > most {
		text += " …"
	}
	return text
}
