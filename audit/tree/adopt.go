package tree

import (
	"context"
	"errors"
	"fmt"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// ErrTrusted means that there is nothing to adopt.
var ErrTrusted = errors.New("this gateway trusts the checkpoint of the audit trail: there is nothing to adopt")

// Adopt makes this gateway continue a trail whose checkpoint was signed with a key that
// it does not trust, because that key was lost. It records who wanted that. If the
// tree is damaged, it begins a new one.
func (l *Log) Adopt(ctx context.Context, actor storage.Actor) (proof.Signed, error) {
	if err := l.acquire(ctx); err != nil {
		return proof.Signed{}, err
	}
	defer l.release()
	if err := l.refresh(ctx); err == nil || !errors.As(err, new(untrustedError)) {
		if err == nil {
			err = ErrTrusted
		}
		return proof.Signed{}, err
	}
	values, err := l.store.TreeValues(ctx, storage.TreeHead, valueLast)
	if err != nil {
		return proof.Signed{}, err
	}
	head, _ := proof.Open(values[0], nil) // with an error, since its key is not known
	if head.Note != nil {
		l.tree, err = readTree(ctx, l.store, head.Checkpoint, values[1])
	} else { // it is not even a checkpoint
		head.Origin = l.keys.signing.nameOfNewTrail()
	}
	if head.Note == nil || errors.As(err, new(damagedTreeError)) {
		head = proof.Signed{Checkpoint: proof.Checkpoint{Origin: head.Origin}, Note: values[0]}
		l.tree, err = l.restarted(ctx, values[0])
	}
	if err != nil {
		l.tree = nil
		return proof.Signed{}, err
	}
	l.head = head
	texts, _, err := l.keys.verifierKeys(head.Origin)
	if err == nil {
		event := l.event(proof.ActionKey, field("key", nil, quoted(texts[0])), field("checkpoint", quoted(string(values[0])), nil))
		event.Actor = actor
		err = l.store.AddEvents(ctx, event)
	}
	if err != nil {
		l.tree = nil
		return proof.Signed{}, fmt.Errorf("adopting the audit trail: %w", err)
	}
	return l.integrate(ctx)
}
