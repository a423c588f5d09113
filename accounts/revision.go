package accounts

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// revision identifies the credential that somebody has given an account. Unlike the version
// of the document, it stays the same while gateways refresh or encrypt it.
func (r *record) revision() string {
	last := r.AddedAt
	if r.ReplacedAt.After(last) {
		last = r.ReplacedAt
	}
	if last.IsZero() {
		return "" // the record is damaged
	}
	return strconv.FormatInt(last.UnixNano(), 36)
}

// now returns the time of a change by which the account gets another revision: not rounded,
// because two people can change an account within a second.
func (s *Set) now() time.Time { return s.options.Now().UTC().Round(0) }

// checkRevision returns an error unless an account has the revision that somebody has seen.
// An empty one means that it does not matter.
func (r *record) checkRevision(ref Ref, seen string) error {
	if seen == "" || seen == r.revision() {
		return nil
	}
	by, at := r.AddedBy, r.AddedAt
	if r.ReplacedAt.After(at) {
		by, at = r.ReplacedBy, r.ReplacedAt
	}
	return conflict("nothing was saved: %s was changed by %s at %s, after you had looked at it: look at it again", ref, by.Name, at.Format(time.RFC3339))
}

// RemoveRevision is as Remove, but fails unless the account has a revision.
func (s *Set) RemoveRevision(ctx context.Context, actor storage.Actor, ref Ref, revision string, inUse func(context.Context) (int, error)) error {
	return s.remove(ctx, actor, ref, revision, inUse)
}

// lost reports that the account which somebody wants to replace is gone.
func lost(ref Ref, seen string, err error) error {
	if seen == "" || seen == NoRevision || !errors.Is(err, token.ErrNotFound) {
		return err
	}
	return Error{fmt.Sprintf("nothing was saved: %s was removed after you had looked at it", ref), token.ErrConflict}
}

// NoRevision is the revision of an account that does not exist.
const NoRevision = "none"
