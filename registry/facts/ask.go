package facts

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Confirm asks Jira about an owner now. If Jira does not answer, what is known is
// enough, unless that has lapsed.
func (k *Keeper) Confirm(ctx context.Context, name string) error {
	bounded, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	err := k.askOne(bounded, name)
	if err == nil {
		return nil
	}
	if person := k.directory.Person(name); !person.ConfirmedAt.IsZero() && !person.Unknown {
		return nil
	}
	if bounded.Err() != nil && ctx.Err() == nil {
		return fmt.Errorf("Jira has not answered within %s", confirmTimeout)
	}
	return err
}

// Expect asks Jira about an owner soon, unless something is known.
func (k *Keeper) Expect(name string) {
	documents, _ := k.owners.Documents()
	if known, ok := decodeOwner(documents[token.Fold(name)]); ok && !known.Failing {
		return
	}
	k.expectMu.Lock()
	k.expected[token.Fold(name)] = name
	k.expectMu.Unlock()
	background.Signal(k.asked)
}

// retryExpected is how long to wait before Jira is asked again about somebody who is
// expected.
const retryExpected = 15 * time.Second

// askExpected asks about those who are expected, until something is known about them.
func (k *Keeper) askExpected(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.asked:
		}
		if k.askAll(ctx, k.takeExpected()) {
			background.Pause(ctx, retryExpected)
			background.Signal(k.asked)
		}
	}
}

func (k *Keeper) takeExpected() map[string]string {
	k.expectMu.Lock()
	defer k.expectMu.Unlock()
	names := k.expected
	k.expected = make(map[string]string)
	return names
}

// askAll asks about several owners. If Jira does not answer, it expects those about whom
// nothing is known again, and reports whether there are any.
func (k *Keeper) askAll(ctx context.Context, names map[string]string) (again bool) {
	failures := 0
	for id, name := range names {
		if failures < failuresInARow {
			err := k.askOne(ctx, name)
			if err == nil {
				failures = 0
				continue
			}
			failures++
			k.logger.Debug("Jira cannot be asked about a new owner yet", errorField(err))
		}
		documents, _ := k.owners.Documents()
		if _, known := documents[id]; known || documentName(name).Check() != nil || ctx.Err() != nil {
			continue
		}
		again = true
		k.expectMu.Lock()
		k.expected[id] = name
		k.expectMu.Unlock()
	}
	return again
}

// askOne asks Jira about one owner, and makes the directory learn the answer.
func (k *Keeper) askOne(ctx context.Context, name string) error {
	if err := documentName(name).Check(); err != nil {
		return err
	}
	users, err := k.openUsers(ctx)
	if err != nil {
		return err
	}
	answer, err := k.ask(ctx, users, name)
	if err != nil {
		return err
	}
	if err := k.save(ctx, answer); err != nil {
		return err
	}
	if err := k.owners.Refresh(ctx, token.Fold(name)); err != nil {
		return err
	}
	k.learn()
	return nil
}

// openUsers returns what finds users in Jira. It is reused for a while.
func (k *Keeper) openUsers(ctx context.Context) (*jira.Users, error) {
	k.usersMu.Lock()
	defer k.usersMu.Unlock()
	if k.users != nil && k.now().Before(k.usersAt.Add(usersLifetime)) {
		return k.users, nil
	}
	return k.reopenUsers(ctx)
}

// reopenUsers asks Jira whether it accepts the account, and what it takes to find
// users. The caller holds usersMu.
func (k *Keeper) reopenUsers(ctx context.Context) (*jira.Users, error) {
	if k.transport == nil {
		return nil, errors.New("the configuration has no jira_gateway, so there is no Jira to ask")
	}
	if err := k.mayAsk(); err != nil {
		return nil, err
	}
	account, err := k.account(ctx)
	if err != nil {
		return nil, err
	}
	if probe, refused := account.Usable(k.url, k.now()); refused != nil && !probe {
		return nil, refused
	}
	users, err := jira.NewUsers(ctx, jira.Asker{Transport: k.transport, URL: k.url, Account: account})
	var refused jira.RefusedError
	switch {
	case err == nil:
		account.Accepted(k.url)
	case errors.As(err, &refused) && !refused.Page:
		account.Refused(k.url, refused, k.now())
	}
	if err != nil {
		k.noteBusy(err)
		return nil, err
	}
	k.users, k.usersAt = users, k.now()
	return users, nil
}

// mayAsk returns an error while Jira asks to be left alone.
func (k *Keeper) mayAsk() error {
	if until := time.Unix(0, k.busy.Load()); k.now().Before(until) {
		return jira.BusyError{Status: http.StatusTooManyRequests, RetryAfter: until.Sub(k.now()).Round(time.Second)}
	}
	return nil
}

// noteBusy remembers until when Jira asks to be left alone, if err says so.
func (k *Keeper) noteBusy(err error) {
	if busy, ok := errors.AsType[jira.BusyError](err); ok {
		k.busy.Store(k.now().Add(busy.RetryAfter).UnixNano())
	}
}

// ask asks Jira about an owner. An error means that Jira has given no usable answer.
func (k *Keeper) ask(ctx context.Context, users *jira.Users, name string) (owner, error) {
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
	case <-ctx.Done():
		return owner{}, context.Cause(ctx)
	}
	if err := k.mayAsk(); err != nil {
		return owner{}, err
	}
	answer := owner{Name: name, ConfirmedAt: k.now().UTC().Truncate(time.Second)}
	user, err := users.Find(ctx, name)
	switch {
	case errors.Is(err, jira.ErrNoUser):
		answer.State = stateAbsent
	case errors.Is(err, jira.ErrUncertainUser):
		answer.State, answer.Why = stateUnknown, err.Error()
	case err != nil:
		k.noteBusy(err)
		return owner{}, err
	case user.Active:
		answer.State, answer.Groups = stateActive, user.Groups
	default:
		answer.State = stateInactive
	}
	return answer, nil
}

// attempts is how often a document is written after conflicts with other nodes.
const attempts = 5

// save stores what Jira said about an owner, if it is new.
func (k *Keeper) save(ctx context.Context, answer owner) error {
	id := token.Fold(answer.Name)
	documents, _ := k.owners.Documents()
	if known, ok := decodeOwner(documents[id]); ok && known.same(answer) {
		return nil
	}
	var err error
	for range attempts {
		if err = k.update(ctx, id, func(known *owner) *owner {
			if known != nil && (known.same(answer) || known.ConfirmedAt.After(answer.ConfirmedAt)) {
				return known
			}
			return &answer
		}); !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
	return err
}

// update changes an owner's document. edit gets nil if there is none, and returns nil to
// delete it, or what it got to leave it as it is.
func (k *Keeper) update(ctx context.Context, id string, edit func(*owner) *owner) error {
	document, err := k.store.Document(ctx, documentName(id))
	var known *owner
	damaged := errors.Is(err, storage.ErrDamaged)
	switch {
	case errors.Is(err, storage.ErrNotFound), damaged:
	case err != nil:
		return err
	default:
		if decoded, ok := decodeOwner(storage.MirroredDocument{Document: document}); ok {
			known = &decoded
		}
	}
	next := edit(known)
	if next == known {
		return nil
	}
	if next != nil {
		next.ReturnedAt = next.returnedAt(known, k.now())
	}
	change, err := change(document.Version, known, next, k.now())
	if err != nil {
		return err
	}
	change.Damaged = damaged
	return k.store.ApplyDocument(ctx, change)
}
