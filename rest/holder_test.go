package rest

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// events returns the audit events of a token after its creation.
func (g *gateway) events(id string) []registry.Event {
	g.t.Helper()
	page, err := g.Registry.Events(g.t.Context(), storage.EventQuery{TokenID: id})
	if err != nil {
		g.t.Fatal(err)
	}
	return page.Events[1:]
}

// works reports whether a token's secret is known, and not replaced.
func (g *gateway) works(secret token.Token) bool {
	_, err := g.Registry.Lookup(g.t.Context(), secret)
	return err == nil
}

func parsed(t *testing.T, text string) token.Token {
	t.Helper()
	parsed, err := token.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// TestRotateSelf: the holder gets a new secret; the old one ends, at once or after the
// overlap, during which it cannot rotate again.
func TestRotateSelf(t *testing.T) {
	g := newGateway(t)
	issued := g.create(nil)
	var first, second shown
	decodeInto(t, g.call("POST", "1/self/rotate", "{}", issued.Token, "User-Agent: curl/8"), &first)
	if first.ID != issued.Record.ID || first.Owner != "alice" || first.Token == issued.Token.Reveal() || g.works(issued.Token) || !g.works(parsed(t, first.Token)) {
		t.Errorf("rotated: %+v", first)
	}
	decodeInto(t, g.call("POST", "1/self/rotate", `{"overlap":"1h"}`, parsed(t, first.Token)), &second)
	if !g.works(parsed(t, first.Token)) || !g.works(parsed(t, second.Token)) || second.PreviousUntil == nil {
		t.Errorf("with an overlap: %+v", second)
	}
	if w := g.call("POST", "1/self/rotate", "", parsed(t, first.Token)); w.reason() != handler.ReasonConflict || !strings.Contains(w.failed.Message, "was replaced") {
		t.Errorf("the old secret rotates: %+v", w.failed)
	}
	for body, want := range map[string]string{`{"overlap":"1y"}`: "overlap", `{"overlap":"31d"}`: "overlap", `{"for":"1h"}`: "unknown field", `[]`: "JSON"} {
		if w := g.call("POST", "1/self/rotate", body, parsed(t, second.Token)); w.reason() != handler.ReasonInvalidRequest || !strings.Contains(w.failed.Message, want) {
			t.Errorf("%s: %+v", body, w.failed)
		}
	}
	events := g.events(first.ID)
	if len(events) != 2 || events[0].Action != registry.ActionRotate || events[0].Actor != (registry.Actor{Kind: registry.ActorToken, Name: first.ID, Address: "192.0.2.7", Claim: "curl/8"}) {
		t.Errorf("events %+v", events)
	}
}

// TestRotateSelfAtOnce: of two concurrent rotations one fails, so that nobody is shown a
// secret that the other one has replaced.
func TestRotateSelfAtOnce(t *testing.T) {
	g := newGateway(t)
	issued := g.create(nil)
	answers := make([]answer, 8)
	var all sync.WaitGroup
	for i := range answers {
		all.Go(func() {
			w := answer{}
			_, err := g.Registry.RotateHeld(t.Context(), registry.Actor{}, issued.Token, 0)
			if err == nil {
				return
			}
			if err = refused(err); !errors.As(err, &w.failed) {
				t.Error(err)
			}
			answers[i] = w
		})
	}
	all.Wait()
	succeeded := 0
	for _, w := range answers {
		if w.failed == nil {
			succeeded++
		} else if w.reason() != handler.ReasonConflict {
			t.Errorf("%+v", w.failed)
		}
	}
	if succeeded != 1 || len(g.events(issued.Record.ID)) != 1 {
		t.Errorf("%d rotations succeeded, events %+v", succeeded, g.events(issued.Record.ID))
	}
}

// TestRotateSelfState: a token that does not work cannot rotate, whatever the handler
// has checked before.
func TestRotateSelfState(t *testing.T) {
	g := newGateway(t)
	issued := g.create(nil)
	if _, err := g.Registry.Disable(t.Context(), registry.Actor{}, issued.Record.ID); err != nil {
		t.Fatal(err)
	}
	if w := g.call("POST", "1/self/rotate", "", issued.Token); w.reason() != handler.ReasonConflict || !strings.Contains(w.failed.Message, "is disabled") {
		t.Errorf("%+v", w.failed)
	}
}

// TestEndSelf: whoever presents a token ends it, in any state, and may say why.
func TestEndSelf(t *testing.T) {
	for name, c := range map[string]struct {
		body  string
		state func(*gateway, string) error
	}{
		"active": {"", func(*gateway, string) error { return nil }},
		"leaked": {`{"reason":"leaked"}`, func(*gateway, string) error { return nil }},
		"disabled": {`{"reason":"leaked"}`, func(g *gateway, id string) error {
			_, err := g.Registry.Disable(t.Context(), registry.Actor{}, id)
			return err
		}},
	} {
		g := newGateway(t)
		issued := g.create(nil)
		if err := c.state(g, issued.Record.ID); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time, nothing is left to do
			if w := g.call("DELETE", "1/self", c.body, issued.Token); w.Code != 204 || w.Body.Len() != 0 {
				t.Errorf("%s: HTTP %d %s %+v", name, w.Code, w.Body, w.failed)
			}
		}
		record, err := g.Registry.Show(t.Context(), issued.Record.ID)
		if err != nil || record.Status != token.StatusRevoked || (record.StatusReason == "leaked") != (c.body != "") {
			t.Errorf("%s: %+v, %v", name, record, err)
		}
		events := g.events(issued.Record.ID)
		last := events[len(events)-1]
		if last.Action != registry.ActionRevoke || last.Actor.Kind != registry.ActorToken || events[0].Action == last.Action && len(events) != 1 {
			t.Errorf("%s: events %+v", name, events)
		}
	}
	g := newGateway(t)
	if w := g.call("DELETE", "1/self", `{"reason":"`+strings.Repeat("x", 300)+`"}`, g.create(nil).Token); w.reason() != handler.ReasonInvalidRequest {
		t.Errorf("a long reason: HTTP %d %+v", w.Code, w.failed)
	}
}

// TestEndPreviousSecret: the secret that a rotation has replaced ends only itself, so
// that its leak does not stop those who have the new one.
func TestEndPreviousSecret(t *testing.T) {
	g := newGateway(t)
	issued := g.create(nil)
	var rotated shown
	decodeInto(t, g.call("POST", "1/self/rotate", `{"overlap":"1h"}`, issued.Token), &rotated)
	if w := g.call("DELETE", "1/self", `{"reason":"leaked"}`, issued.Token); w.Code != 204 {
		t.Fatalf("HTTP %d %+v", w.Code, w.failed)
	}
	if g.works(issued.Token) || !g.works(parsed(t, rotated.Token)) {
		t.Error("the wrong secret ends")
	}
	events := g.events(issued.Record.ID)
	if last := events[len(events)-1]; last.Action != registry.ActionEndOverlap {
		t.Errorf("events %+v", events)
	}
}
