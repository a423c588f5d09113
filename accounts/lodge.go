package accounts

import (
	"context"
	"errors"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TriesError reports that too many credentials were tried for an owner.
type TriesError struct{ RetryAfter time.Duration }

func (TriesError) Error() string {
	return "too many credentials were tried for this owner: wait a minute"
}

// Lodge saves the credential that owners themselves give for their own account at a Jira,
// once that says that it is theirs, and reports whether it is their first one. How often
// that can be tried is limited, whichever way the owner comes.
func (s *Set) Lodge(ctx context.Context, actor storage.Actor, ref Ref, edit Edit, at Jira) (view View, added bool, err error) {
	if !s.tries.allow(token.Fold(ref.Owner), s.options.Now()) {
		return View{}, false, TriesError{tryInterval}
	}
	view, err = s.Replace(ctx, actor, ref, edit, func(string) (Jira, error) { return at, nil })
	if !errors.Is(err, token.ErrNotFound) {
		return view, false, err
	}
	edit.Owner = ref.Owner
	view, err = s.Add(ctx, actor, edit, at)
	return view, true, err
}

// Connects reports whether owners can connect to a Jira by OAuth.
func (s *Set) Connects(url string) bool {
	_, err := s.app(url)
	return err == nil && s.options.PublicURL != ""
}
