// Package approvals keeps the changes that tokens with hold_writes ask for, until
// somebody approves or rejects them. An approved request passes once.
package approvals

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const (
	// waits is how long a request waits for a decision.
	waits = 24 * time.Hour
	// usable is how long an approved request may be sent.
	usable = time.Hour
	// keptUsed is how long a request that has passed is remembered, so that its sender
	// can ask what became of it.
	keptUsed = time.Hour
	// keptRejected is how long a rejected request stays rejected.
	keptRejected = 24 * time.Hour

	// maxPending is the maximum number of a token's requests that wait.
	maxPending = handler.MaxPendingApprovals
	// maxBody is the maximum size, in bytes, of a body that is kept to be read, and
	// maxBodies that of all bodies of a token together.
	maxBody, maxBodies = 64 << 10, 1 << 20
	// fullFor is how long a node remembers that a token has maxPending requests
	// waiting, so that a flood of them does not read all of them again each time.
	fullFor = 2 * time.Second

	// attempts is the maximum number of attempts at a change, after conflicts.
	attempts = 10
)

// Sealer encrypts what is kept of a request's body. accounts.Keys implements it.
type Sealer interface {
	// Configured reports whether there is a key.
	Configured() bool
	// Seal encrypts text, which Open decrypts with the same bound data only.
	Seal(text, bound []byte) (json.RawMessage, error)
	Open(sealed json.RawMessage, bound []byte) ([]byte, error)
}

// Options are what a Keeper needs.
type Options struct {
	Store storage.Store
	// Keys encrypt the bodies. If no key is configured, they are kept as they are.
	Keys Sealer
	// PublicURL is the gateway's address as its users know it, without a slash at the
	// end; empty if it is not configured.
	PublicURL string
	// Notices gets a notice of each request that waits.
	Notices notice.Publisher
}

// Keeper keeps held requests in a store. It is safe for concurrent use.
type Keeper struct {
	Options
	now func() time.Time

	// creating is held for a budget while its pending requests are counted and another is
	// added. Nodes that do so at the same moment can exceed maxPending by one each.
	creating locks
	// using is held for a request while its approval is used up.
	using locks

	mu sync.Mutex
	// full maps budgets with maxPending requests to when to count them again.
	full map[string]time.Time
}

// New returns a Keeper.
func New(options Options) *Keeper {
	return &Keeper{Options: options, now: time.Now, creating: newLocks(), using: newLocks(), full: make(map[string]time.Time)}
}

// answer returns what the sender of a request learns about it.
func (k *Keeper) answer(s stored, request *handler.HeldRequest) handler.Approval {
	base := k.PublicURL
	if base == "" {
		base = request.BaseURL
	}
	return handler.Approval{
		ID: s.ID, State: s.stateAt(k.now()), URL: base + handler.EndpointsPath + Path + s.ID, Reason: s.Reason, ExpiresAt: s.ExpiresAt,
	}
}

// Path is the path of the endpoint, below handler.EndpointsPath, that says what became of
// a held request.
const Path = "1/approvals/"

// Check implements handler.Approvals.
func (k *Keeper) Check(ctx context.Context, request *handler.HeldRequest) (handler.Approval, error) {
	name, fingerprint := slotOf(request)
	for range attempts {
		known, err := k.read(ctx, name)
		if err != nil {
			return handler.Approval{}, err
		}
		if known.exists() && known.stateAt(k.now()) != StateExpired && known.stateAt(k.now()) != StateUsed && known.Fingerprint != fingerprint {
			return handler.Approval{}, errSlotTaken
		}
		if known.exists() && known.Stamp == stampOf(request.Record) {
			switch state := known.stateAt(k.now()); state {
			case StatePending, StateApproved, StateRejected:
				return k.answer(known, request), nil
			}
		}
		made, err := k.request(ctx, known, name, request)
		if !errors.Is(err, storage.ErrConflict) {
			return made, err
		}
	}
	return handler.Approval{}, errConflicts
}

// Use implements handler.Approvals.
func (k *Keeper) Use(ctx context.Context, request *handler.HeldRequest, approval handler.Approval, admit func() error) (used bool, err error) {
	name, fingerprint := slotOf(request)
	release, err := k.using.acquire(ctx, name.ID)
	if err != nil {
		return false, err
	}
	defer release()
	known, err := k.read(ctx, name)
	if err != nil {
		return false, err
	}
	if known.ID != approval.ID || known.Fingerprint != fingerprint || known.Stamp != stampOf(request.Record) || known.stateAt(k.now()) != StateApproved {
		return false, nil
	}
	if err := admit(); err != nil {
		return false, err
	}
	actor := clientOf(request)
	_, err = k.change(ctx, known, ActionUse, actor, "", func(d *document) {
		d.State, d.UsedAt, d.ExpiresAt = StateUsed, k.timestamp(), k.timestamp().Add(keptUsed)
	})
	if errors.Is(err, storage.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// request asks for the approval of a request in place of what is known at its name.
func (k *Keeper) request(ctx context.Context, known stored, name storage.DocumentName, request *handler.HeldRequest) (handler.Approval, error) {
	budget := request.Record.BudgetID()
	release, err := k.creating.acquire(ctx, budget)
	if err != nil {
		return handler.Approval{}, err
	}
	defer release()
	bodies, err := k.room(ctx, budget)
	if err != nil {
		return handler.Approval{}, err
	}
	if known.exists() && known.State != StateUsed {
		// It has expired, or the token has changed since. Say so in the trail.
		if err := k.end(ctx, known); err != nil {
			return handler.Approval{}, err
		}
		known = stored{}
	}
	made := stored{name: name, version: known.version, damaged: known.damaged, document: k.newDocument(request, name)}
	if err := k.keepBody(&made.document, request, bodies); err != nil {
		return handler.Approval{}, err
	}
	if err := k.apply(ctx, made, made.document.event(ActionRequest, clientOf(request), k.now(), "")); err != nil {
		return handler.Approval{}, err
	}
	k.Notices.Notify(made.notice())
	return k.answer(made, request), nil
}

// notice returns the notice that a request waits.
func (d *document) notice() notice.Notice {
	path, _, _ := strings.Cut(d.Request.URI, "?")
	return notice.Notice{
		Type: notice.ApprovalRequested, Subject: "approvals/" + d.ID, Once: d.ID, Until: d.ExpiresAt,
		Sentence: fmt.Sprintf("The token %s (%s) of %s asks to %s %s. See it with `caddy jira-token approvals show %s`, and approve or reject it until %s.",
			d.TokenID, d.TokenName, d.Owner, d.Request.Method, path, d.ID, d.ExpiresAt.Format(time.RFC3339)),
		Data: map[string]any{
			"approval_id": d.ID, "token_id": d.TokenID, "token_name": d.TokenName, "owner": d.Owner,
			"method": d.Request.Method, "path": path, "jira": d.Request.Jira, "expires_at": d.ExpiresAt.Format(time.RFC3339),
		},
	}
}

// room returns about the size of all bodies that are kept for a budget, which is most
// often that of one token, or handler.ErrTooManyApprovals if no more requests of it can
// wait.
func (k *Keeper) room(ctx context.Context, budget string) (bodies int, err error) {
	if k.isFull(budget) {
		return 0, handler.ErrTooManyApprovals
	}
	pending := 0
	err = k.each(ctx, budget, func(found storage.Document) bool {
		if k.isPending(found) {
			pending++
			bodies += len(found.Data)
		}
		return pending < maxPending
	})
	if err == nil && pending >= maxPending {
		k.setFull(budget)
		err = handler.ErrTooManyApprovals
	}
	return bodies, err
}

// isPending reports whether a stored request waits. It does not decode the body, which
// would take long for many of them.
func (k *Keeper) isPending(found storage.Document) bool {
	var known struct {
		State     handler.ApprovalState `json:"state"`
		ExpiresAt time.Time             `json:"expires_at"`
	}
	return json.Unmarshal(found.Data, &known) == nil && known.State == StatePending && k.now().Before(known.ExpiresAt)
}

// isFull reports whether a budget had maxPending requests a moment ago.
func (k *Keeper) isFull(budget string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.now().Before(k.full[budget]) {
		return true
	}
	delete(k.full, budget)
	return false
}

func (k *Keeper) setFull(budget string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.full) > 1000 {
		clear(k.full)
	}
	k.full[budget] = k.now().Add(fullFor)
}

func (k *Keeper) timestamp() time.Time { return k.now().UTC().Truncate(time.Second) }

var _ handler.Approvals = (*Keeper)(nil)
