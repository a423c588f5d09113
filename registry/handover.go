package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// How long a hand-over link can be opened.
const (
	DefaultHandover = time.Hour
	MinHandover     = time.Minute
	MaxHandover     = 7 * 24 * time.Hour
)

// HandoverPath is where the gateway serves hand-over links: the link follows.
const HandoverPath = "/rest/jira-tokens/1/handover/"

// HandoverState says whether a hand-over link can be opened.
type HandoverState string

// The states of a hand-over link.
const (
	// HandoverWaiting: it shows the token to whoever opens it.
	HandoverWaiting HandoverState = "waiting"
	// HandoverOpened: it has done so.
	HandoverOpened HandoverState = "opened"
	// HandoverEnded: its time is over, or it or its token was ended.
	HandoverEnded HandoverState = "ended"
	// HandoverSuspended: its token is suspended by the policy, or its owner is.
	HandoverSuspended HandoverState = "suspended"
)

// HandoverError reports that a hand-over link cannot be opened.
type HandoverError struct {
	Record *token.Record
	State  HandoverState
	// Alarm is set if the attempt was recorded as an alarm: the link was opened before,
	// or is dead.
	Alarm bool
}

func (e HandoverError) Error() string {
	return fmt.Sprintf("token %s: its hand-over link is %s", e.Record.ID, e.State)
}

// CreateHandedOver issues a token as Create does, but returns a link that can be opened
// for lasts instead of the token, which nobody has until then.
func (r *Registry) CreateHandedOver(ctx context.Context, actor storage.Actor, edit token.Edit, lasts time.Duration, vets ...Vet) (Issued, error) {
	if err := checkHandover(lasts); err != nil {
		return Issued{}, err
	}
	return r.create(ctx, actor, edit, func(issued *Issued) {
		issued.Token, issued.Link = token.Token{}, token.NewLink(issued.Record.ID)
		issued.Record.Handover = r.newHandover(actor, issued.Link, lasts)
		issued.Record.Handover.First = true
	}, vets)
}

// HandOver makes a link to a token that rotates it once it is opened, within lasts. Until
// then the token keeps working, and after that for overlap. An earlier link ends.
// vets examine the record as it was.
func (r *Registry) HandOver(ctx context.Context, actor storage.Actor, id string, overlap, lasts time.Duration, vets ...Vet) (Issued, error) {
	if err := errors.Join(checkOverlap(overlap), checkHandover(lasts)); err != nil {
		return Issued{}, err
	}
	current, err := r.Show(ctx, id)
	if err != nil {
		return Issued{}, asState(err)
	}
	link := token.NewLink(current.ID)
	record, err := r.change(ctx, actor, ActionHandover, id, current.Version, func(record *token.Record) error {
		if err := r.checkChangeable(record); err != nil {
			return err
		}
		if err := r.rotatableFor(ctx, vets)(record); err != nil {
			return err
		}
		if record.Status == token.StatusDisabled {
			return StateError{record.ID, token.StateDisabled, "enable it before you make a hand-over link, which could not be opened"}
		}
		first := record.Handover != nil && record.Handover.First && record.Handover.OpenedAt.IsZero()
		record.Handover = r.newHandover(actor, link, lasts)
		record.Handover.First = first
		record.Handover.OverlapSeconds = int64((overlap + time.Second - 1) / time.Second)
		return nil
	})
	if err != nil {
		return Issued{}, err
	}
	return Issued{Record: record, Link: link}, nil
}

func checkHandover(lasts time.Duration) error {
	if lasts < MinHandover || lasts > MaxHandover {
		return invalid("for", fmt.Errorf("expected a time from 1m to %dd, which is how long the hand-over link can be opened", MaxHandover/(24*time.Hour)))
	}
	return nil
}

func (r *Registry) newHandover(actor storage.Actor, link token.Link, lasts time.Duration) *token.Handover {
	return &token.Handover{
		Digest: link.Digest(), By: token.Printable(actor.Name, 100),
		ExpiresAt: r.now().UTC().Add(lasts).Truncate(time.Second),
	}
}

// FindHandover returns the record of the token to which a link leads, and the link's
// state. For an unknown link it returns storage.ErrNotFound. It uses the cache, and opens
// nothing.
func (r *Registry) FindHandover(ctx context.Context, link token.Link) (*token.Record, HandoverState, error) {
	record, err := r.cache.Get(ctx, link.ID())
	if err != nil && !errors.Is(err, storage.ErrNotFound) {
		return nil, "", err
	}
	if !leadsTo(link, record) {
		return nil, "", storage.ErrNotFound
	}
	return record, r.handoverState(record), nil
}

// leadsTo reports whether link is that of the record's hand-over. record may be nil. It
// compares digests in any case, to take the same time.
func leadsTo(link token.Link, record *token.Record) bool {
	handover := &token.Handover{}
	if record != nil && record.Handover != nil {
		handover = record.Handover
	}
	return handover.Digest.Equal(link.Digest())
}

// handoverState returns the state of a record's hand-over, which must not be nil.
func (r *Registry) handoverState(record *token.Record) HandoverState {
	switch state := r.State(record); {
	case !record.Handover.OpenedAt.IsZero():
		return HandoverOpened
	case !record.Handover.Waiting(r.now()), record.Exchanged(): // opening it would rotate an exchanged token
		return HandoverEnded
	case state == token.StateSuspended:
		return HandoverSuspended
	case state == token.StateActive, state == token.StatePending, state == token.StateNotYetValid:
		return HandoverWaiting
	}
	return HandoverEnded
}

// OpenHandover opens a link and returns the token, whose secret it makes: only its digest
// is stored, in the same change that marks the link as opened. For an unknown link it
// returns storage.ErrNotFound, and a HandoverError for one that cannot be opened: of two
// who open it at once, one gets this error. It records an alarm if the link was opened
// before or is dead.
func (r *Registry) OpenHandover(ctx context.Context, actor storage.Actor, link token.Link) (Issued, error) {
	if _, _, err := r.FindHandover(ctx, link); err != nil {
		return Issued{}, err // guesses do not get to the store
	}
	for range attempts {
		current, err := r.Show(ctx, link.ID())
		switch {
		case errors.Is(err, storage.ErrDamaged):
			return Issued{}, storage.ErrNotFound
		case err != nil:
			return Issued{}, err
		case !leadsTo(link, current):
			return Issued{}, storage.ErrNotFound
		}
		if state := r.handoverState(current); state != HandoverWaiting {
			return Issued{}, r.refuseHandover(ctx, actor, current, state)
		}
		issued, err := r.openHandover(ctx, actor, current)
		if !errors.Is(err, storage.ErrConflict) {
			return issued, err
		}
	}
	return Issued{}, fmt.Errorf("token %s: %w", link.ID(), storage.ErrConflict)
}

// openHandover opens the link of current, unless somebody changes the record first.
func (r *Registry) openHandover(ctx context.Context, actor storage.Actor, current *token.Record) (Issued, error) {
	var secret token.Token
	record, err := r.change(ctx, actor, ActionHandoverOpened, current.ID, current.Version, func(record *token.Record) (err error) {
		opened := *record.Handover
		opened.OpenedAt = r.timestamp()
		record.Handover = &opened
		if opened.First {
			if secret, err = token.WithID(record.ID); err == nil {
				record.Digest = secret.Digest()
			}
			return err
		}
		secret, err = r.renew(record, opened.Overlap())
		return err
	})
	if err != nil {
		return Issued{}, err
	}
	return Issued{Record: record, Token: secret}, nil
}

// refuseHandover returns a HandoverError, after recording an alarm if there is reason for
// one.
func (r *Registry) refuseHandover(ctx context.Context, actor storage.Actor, current *token.Record, state HandoverState) error {
	refused := HandoverError{Record: current, State: state}
	if state == HandoverSuspended {
		return refused
	}
	last, alarms, err := r.lastChangeAndAlarms(ctx, current.ID)
	if err != nil {
		return err
	}
	if last == ActionImport {
		return r.alarmImported(ctx, actor, current, state, alarms)
	}
	record, err := r.change(ctx, actor, ActionHandoverAlarm, current.ID, 0, func(record *token.Record) error {
		if record.Handover == nil || record.Handover.Digest != current.Handover.Digest || record.Handover.Alarms >= token.MaxHandoverAlarms {
			return errUnchanged
		}
		alarmed := *record.Handover
		alarmed.Alarms++
		record.Handover, refused.Alarm = &alarmed, true
		return nil
	})
	if err != nil {
		return err
	}
	refused.Record = record
	return refused
}

// alarmImported records an alarm about the link of a token that nobody has changed since
// it was imported. It does not count it in the record, which would then no longer be what
// was imported, so that later versions of it could not be. alarms is how many the trail has.
func (r *Registry) alarmImported(ctx context.Context, actor storage.Actor, current *token.Record, state HandoverState, alarms int) error {
	refused := HandoverError{Record: current, State: state}
	if alarms >= token.MaxHandoverAlarms {
		return refused
	}
	alarmed := *current
	handover := *current.Handover
	handover.Alarms += alarms + 1
	alarmed.Handover = &handover
	if err := r.store.AddEvents(ctx, r.event(actor, ActionHandoverAlarm, current, &alarmed)); err != nil {
		return err
	}
	return HandoverError{Record: &alarmed, State: state, Alarm: true}
}

// HandoverView is the JSON for a hand-over link.
type HandoverView struct {
	// URL is the link itself. It is set only in the answer to the request that makes it.
	URL       string        `json:"url,omitempty"`
	State     HandoverState `json:"state"`
	ExpiresAt time.Time     `json:"expires_at"`
	OpenedAt  time.Time     `json:"opened_at,omitzero"`
	// Alarms counts how often somebody tried to open the link after it was opened or
	// had ended.
	Alarms int `json:"alarms,omitempty"`
}

func (r *Registry) viewHandover(record *token.Record) *HandoverView {
	h := record.Handover
	if h == nil {
		return nil
	}
	return &HandoverView{State: r.handoverState(record), ExpiresAt: h.ExpiresAt, OpenedAt: h.OpenedAt, Alarms: h.Alarms}
}

// handoverReason says of a token that would be active that nobody has it yet; "" if
// somebody may have it.
func handoverReason(record *token.Record, now time.Time) string {
	h := record.Handover
	switch {
	case h == nil || !h.First || !h.OpenedAt.IsZero():
		return ""
	case h.Waiting(now):
		return "waiting to be handed over until " + token.FormatTime(h.ExpiresAt)
	}
	return "nobody has it: its hand-over link ended unopened on " + token.FormatTime(h.ExpiresAt) + "; make another with rotate --handover"
}

// handoverChange is what the audit trail shows of a hand-over.
type handoverChange struct {
	ExpiresAt time.Time `json:"expires_at"`
	OpenedAt  time.Time `json:"opened_at,omitzero"`
	Overlap   int64     `json:"overlap_seconds,omitempty"`
	Alarms    int       `json:"alarms,omitempty"`
}

func handoverOf(record *token.Record) *handoverChange {
	h := record.Handover
	if h == nil {
		return nil
	}
	return &handoverChange{h.ExpiresAt, h.OpenedAt, h.OverlapSeconds, h.Alarms}
}
