package registry

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var opener = storage.Actor{Kind: storage.ActorLink, Address: "192.0.2.7"}

func handedOver(t *testing.T, r *Registry, fields map[string]any) Issued {
	t.Helper()
	all := map[string]any{"owner": "eve", "name": "handed"}
	for name, value := range fields {
		all[name] = value
	}
	issued, err := r.CreateHandedOver(t.Context(), admin, edit(t, all), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// wantShut checks that a link cannot be opened, and whether that leaves an alarm.
func wantShut(t *testing.T, r *Registry, link token.Link, state HandoverState, alarm bool) {
	t.Helper()
	issued, err := r.OpenHandover(t.Context(), opener, link)
	var refused HandoverError
	if !errors.As(err, &refused) || refused.State != state || refused.Alarm != alarm || issued.Token != (token.Token{}) {
		t.Errorf("opening it: %v (alarm %v), want state %s, alarm %v", err, refused.Alarm, state, alarm)
	}
}

func actionsOf(t *testing.T, r *Registry, id string) string {
	t.Helper()
	page, err := r.Events(t.Context(), storage.EventQuery{TokenID: id})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, event := range page.Events {
		actions = append(actions, event.Action)
	}
	return strings.Join(actions, " ")
}

// TestHandover: a link shows the token once, and before that nobody has it; the store
// holds nothing with which it could be used or opened.
func TestHandover(t *testing.T) {
	r, now := newRegistry(t)
	issued := handedOver(t, r, nil)
	id := issued.Record.ID
	if issued.Token != (token.Token{}) || issued.Link.ID() != id {
		t.Fatalf("issued %v %v", issued.Token, issued.Link)
	}
	view := r.View(issued.Record)
	if view.State != token.StateActive || view.StateReason != "waiting to be handed over until 21 November 2026, 13:00 UTC" || view.Handover.State != HandoverWaiting {
		t.Errorf("view %s, %q, %+v", view.State, view.StateReason, view.Handover)
	}
	for range 3 {
		if _, state, err := r.FindHandover(t.Context(), issued.Link); err != nil || state != HandoverWaiting {
			t.Errorf("looking at it: %s, %v", state, err)
		}
	}
	opened, err := r.OpenHandover(t.Context(), opener, issued.Link)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := r.Lookup(t.Context(), opened.Token); err != nil || found.ID != id {
		t.Errorf("the token does not work: %v", err)
	}
	var exported bytes.Buffer
	if _, err := r.Export(t.Context(), &exported, ExportPosition{}, nil); err != nil {
		t.Fatal(err)
	}
	secret := opened.Token.Reveal()
	for _, text := range []string{secret, secret[len(secret)-38:], issued.Link.Reveal(), issued.Link.Reveal()[11:]} {
		if strings.Contains(exported.String(), text) {
			t.Errorf("the store holds %q", text)
		}
	}
	if view := r.View(opened.Record); view.StateReason != "" || view.Handover.State != HandoverOpened || !opened.Record.RotatedAt.IsZero() {
		t.Errorf("after opening: %q, %+v, rotated %v", view.StateReason, view.Handover, opened.Record.RotatedAt)
	}
	wantShut(t, r, issued.Link, HandoverOpened, true)
	*now = now.Add(2 * time.Hour)
	wantShut(t, r, issued.Link, HandoverOpened, true)
	if got := actionsOf(t, r, id); got != "create handover_opened handover_alarm handover_alarm" {
		t.Errorf("trail: %s", got)
	}
	if _, err := r.Lookup(t.Context(), opened.Token); err != nil {
		t.Errorf("an alarm ends the token: %v", err)
	}
	for range 3 * token.MaxHandoverAlarms {
		if _, err := r.OpenHandover(t.Context(), opener, issued.Link); err == nil {
			t.Fatal("opened again")
		}
	}
	if got := strings.Count(actionsOf(t, r, id), ActionHandoverAlarm); got != token.MaxHandoverAlarms {
		t.Errorf("%d alarms in the trail", got)
	}
}

// TestHandoverAtOnce: of many who open a link at once, one gets the token.
func TestHandoverAtOnce(t *testing.T) {
	r, _ := newRegistry(t)
	issued := handedOver(t, r, nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	var tokens []token.Token
	alarms := 0
	for range 6 {
		all.Go(func() {
			opened, err := r.OpenHandover(t.Context(), opener, issued.Link)
			var refused HandoverError
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				tokens = append(tokens, opened.Token)
			case errors.As(err, &refused) && refused.Alarm:
				alarms++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(tokens) != 1 || alarms != 5 {
		t.Fatalf("%d got the token, %d alarms", len(tokens), alarms)
	}
	if _, err := r.Lookup(t.Context(), tokens[0]); err != nil {
		t.Error(err)
	}
}

// TestHandoverEnds: a link dies with its time, and with its token or owner.
func TestHandoverEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end   func(*Registry, *time.Time, string) error
		state HandoverState
		alarm bool
	}{
		"time": {func(_ *Registry, now *time.Time, _ string) error { *now = now.Add(time.Hour); return nil }, HandoverEnded, true},
		"revoked": {func(r *Registry, _ *time.Time, id string) error {
			_, err := r.Revoke(t.Context(), admin, id)
			return err
		}, HandoverEnded, true},
		"disabled and enabled": {func(r *Registry, _ *time.Time, id string) error {
			_, err := r.Disable(t.Context(), admin, id)
			_, err2 := r.Enable(t.Context(), admin, id)
			return errors.Join(err, err2)
		}, HandoverEnded, true},
		"rotated": {func(r *Registry, _ *time.Time, id string) error {
			_, err := r.Rotate(t.Context(), admin, id, 0)
			return err
		}, HandoverEnded, true},
		"token's expiry": {func(_ *Registry, now *time.Time, _ string) error { *now = now.Add(40 * time.Minute); return nil }, HandoverEnded, true},
		"transferred": {func(r *Registry, _ *time.Time, _ string) error {
			_, err := r.Transfer(t.Context(), admin, "eve", "bob")
			return err
		}, HandoverEnded, true},
		"suspended": {func(r *Registry, _ *time.Time, _ string) error {
			obey(t, r, policy.Rule{Accounts: []string{"reporting"}})
			return nil
		}, HandoverSuspended, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, now := newRegistry(t)
			issued := handedOver(t, r, map[string]any{"expires_at": "35m"})
			if name == "time" {
				issued = handedOver(t, r, nil)
			}
			if err := c.end(r, now, issued.Record.ID); err != nil {
				t.Fatal(err)
			}
			wantShut(t, r, issued.Link, c.state, c.alarm)
			if got := actionsOf(t, r, issued.Record.ID); strings.Contains(got, ActionHandoverOpened) || strings.Contains(got, ActionHandoverAlarm) != c.alarm {
				t.Errorf("trail: %s", got)
			}
		})
	}
	r, now := newRegistry(t)
	issued := handedOver(t, r, nil)
	*now = now.Add(time.Hour)
	if view := r.View(issued.Record); !strings.HasPrefix(view.StateReason, "nobody has it: its hand-over link ended unopened") {
		t.Errorf("never opened: %q", view.StateReason)
	}
	if _, err := r.Rotate(t.Context(), admin, issued.Record.ID, 0); err != nil {
		t.Fatal(err)
	}
	record, err := r.Show(t.Context(), issued.Record.ID)
	if err != nil || r.View(record).StateReason != "" {
		t.Errorf("after a rotation: %q, %v", r.View(record).StateReason, err)
	}
}

// TestNoHandoverOfDisabled: nobody gets a link that cannot be opened.
func TestNoHandoverOfDisabled(t *testing.T) {
	r, _ := newRegistry(t)
	record, _ := create(t, r, map[string]any{"owner": "eve", "name": "n"})
	if _, err := r.Disable(t.Context(), admin, record.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.HandOver(t.Context(), admin, record.ID, 0, time.Hour); err == nil || !strings.Contains(err.Error(), "enable it before") {
		t.Errorf("a disabled token: %v", err)
	}
	if _, err := r.Enable(t.Context(), admin, record.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.HandOver(t.Context(), admin, record.ID, 0, time.Hour); err != nil {
		t.Error(err)
	}
}

// TestHandoverOfRotation: the token that is there keeps working until the link is opened,
// and for the overlap after that.
func TestHandoverOfRotation(t *testing.T) {
	r, now := newRegistry(t)
	record, first := create(t, r, map[string]any{"owner": "eve", "name": "n"})
	linked, err := r.HandOver(t.Context(), admin, record.ID, time.Hour, 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if view := r.View(linked.Record); view.StateReason != "" || view.Handover.State != HandoverWaiting {
		t.Errorf("view %q %+v", view.StateReason, view.Handover)
	}
	*now = now.Add(90 * time.Minute)
	if _, err := r.Lookup(t.Context(), first); err != nil {
		t.Errorf("before it is opened: %v", err)
	}
	again, err := r.HandOver(t.Context(), admin, record.ID, time.Hour, 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.OpenHandover(t.Context(), opener, linked.Link); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a link that another one replaced: %v", err)
	}
	opened, err := r.OpenHandover(t.Context(), opener, again.Link)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []token.Token{first, opened.Token} {
		if _, err := r.Lookup(t.Context(), secret); err != nil {
			t.Errorf("during the overlap: %v", err)
		}
	}
	*now = now.Add(time.Hour)
	if _, err := r.Lookup(t.Context(), first); !errors.Is(err, token.ErrRotated) {
		t.Errorf("after the overlap: %v", err)
	}
	wantShut(t, r, again.Link, HandoverOpened, true)
}

// TestHandoverOfExchanged: no link leads to a token that was exchanged for a JWT, not even
// one that came into the store in another way. It would give it another secret.
func TestHandoverOfExchanged(t *testing.T) {
	r, _ := newRegistry(t)
	issued := exchange(t, r, jwt(r, token.IDFrom([32]byte{1})))
	id := issued.Record.ID
	if _, err := r.HandOver(t.Context(), admin, id, 0, time.Hour); !errors.As(err, new(StateError)) {
		t.Errorf("making a link: %v", err)
	}
	link := token.NewLink(id)
	if _, err := r.change(t.Context(), admin, ActionHandover, id, issued.Record.Version, func(record *token.Record) error {
		record.Handover = r.newHandover(admin, link, time.Hour)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	wantShut(t, r, link, HandoverEnded, true)
	if _, err := r.Lookup(t.Context(), issued.Token); err != nil {
		t.Errorf("its secret has changed: %v", err)
	}
}

func TestHandoverLimits(t *testing.T) {
	r, _ := newRegistry(t)
	record, _ := create(t, r, map[string]any{"owner": "eve", "name": "n"})
	for _, lasts := range []time.Duration{0, time.Second, 8 * 24 * time.Hour} {
		var invalid InvalidError
		if _, err := r.HandOver(t.Context(), admin, record.ID, 0, lasts); !errors.As(err, &invalid) || invalid.Field != "for" {
			t.Errorf("for %s: %v", lasts, err)
		}
	}
	if _, err := r.HandOver(t.Context(), admin, record.ID, 31*24*time.Hour, time.Hour); err == nil {
		t.Error("an overlap of 31 days")
	}
	// Guesses do not reach the store, and all get the same answer.
	issued := handedOver(t, r, nil)
	r.store = unreachable{r.store}
	for _, link := range []token.Link{token.NewLink(issued.Record.ID), token.NewLink(record.ID)} {
		if _, _, err := r.FindHandover(t.Context(), link); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("looking at a guess: %v", err)
		}
		if _, err := r.OpenHandover(t.Context(), opener, link); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("opening a guess: %v", err)
		}
	}
	if _, err := r.OpenHandover(t.Context(), opener, issued.Link); !errors.Is(err, storage.ErrUnavailable) {
		t.Errorf("while the store is away: %v", err)
	}
}

// unreachable is a store that cannot be read.
type unreachable struct{ storage.Store }

func (unreachable) Get(context.Context, string) (*token.Record, error) {
	return nil, storage.ErrUnavailable
}

// TestLinkEndsWithAnUnusedToken: a token that was disabled because nobody used it may be
// enabled later, but a link that waited then does not open again.
func TestLinkEndsWithAnUnusedToken(t *testing.T) {
	r, _ := newRegistry(t)
	issued := rotatedByLink(t, r)
	if err := r.DisableUnused(t.Context(), issued.Record.ID, "unused for 90d"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Enable(t.Context(), admin, issued.Record.ID); err != nil {
		t.Fatal(err)
	}
	wantShut(t, r, issued.Link, HandoverEnded, true)
}
