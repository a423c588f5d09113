package tree

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
)

// TestStoreGoesBack checks that a gateway notices, running or when it starts, that the
// store was put back to an earlier state; whoever has a later checkpoint does, too.
func TestStoreGoesBack(t *testing.T) {
	for _, running := range []bool{true, false} {
		for _, after := range []int{0, 3, 20} { // events recorded before anybody looks
			t.Run(fmt.Sprint(running, after), func(t *testing.T) {
				s, keep := newMemoryStore(), newKeep()
				l, logs := newLog(s, keep)
				addEvents(t, s, 300)
				integrate(t, l)
				before := s.copied()
				addEvents(t, s, 10)
				saved := integrate(t, l)
				l.flush(t.Context())

				other, _ := newLog(before, keep.onlyKey()) // a gateway that knows nothing of that
				addEvents(t, before, after)
				integrate(t, other)
				l.store = before
				if !running {
					l, logs = newLog(before, keep)
				}
				report := verify(t, l, proof.Options{Checkpoints: []proof.Saved{{Name: "F", Note: saved.Note}}})
				lost := fmt.Sprint("lost ", 301+after)
				if got := findings(report); !strings.Contains(got, lost) || len(report.Matched) != 0 {
					t.Errorf("found %q, matched %v", got, report.Matched)
				}
				if logs.FilterMessageSnippet("has lost events").Len() != 1 {
					t.Errorf("the log has %v", logs.All())
				}
				integrate(t, l)
				wantFindings(t, l, proof.Options{From: int64(302 + after)}, "")
				again, _ := newLog(before, keep)
				wantFindings(t, again, proof.Options{}, lost) // recorded once
			})
		}
	}
}

// TestCauseOfLoss: events that are lost with a failover are told apart from those that
// somebody has removed, in the log and by whoever verifies, and only a gateway can say so.
func TestCauseOfLoss(t *testing.T) {
	for _, test := range []struct{ before, after, cause, log, said string }{
		{"a", "b", proof.CauseFailover, "lost events with a failover", "events were lost with a failover, as event 301 says"},
		{"a", "a", proof.CauseChange, "without a failover", "events were removed or changed without a failover, as event 301 says"},
		{"", "b", proof.CauseUnknown, "or somebody has edited it", "event 301 says that the trail had lost events"},
		{"a", "", proof.CauseUnknown, "or somebody has edited it", "event 301 says that the trail had lost events"},
	} {
		for _, running := range []bool{true, false} {
			s, keep := newMemoryStore(), newKeep()
			lineage := test.before
			follow := func(l *Log) { l.Lineage = func(context.Context) (string, error) { return lineage, nil } }
			l, logs := newLog(s, keep)
			follow(l)
			addEvents(t, s, 300)
			integrate(t, l)
			before := s.copied()
			addEvents(t, s, 10)
			integrate(t, l)
			l.flush(t.Context())
			lineage, l.store = test.after, before
			if !running {
				l, logs = newLog(before, keep)
				follow(l)
			}
			report := verify(t, l, proof.Options{})
			if len(report.Findings) != 1 || report.Findings[0].Kind != proof.KindLost || !strings.HasPrefix(report.Findings[0].Message, test.said) {
				t.Errorf("%+v: found %+v", test, report.Findings)
			}
			if logs.FilterMessageSnippet(test.log).Len() != 1 || logs.FilterField(zap.String("cause", test.cause)).Len() != 1 {
				t.Errorf("%+v: the log has %v", test, logs.All())
			}
			addEvents(t, before, 5) // the tree goes on
			integrate(t, l)
			wantFindings(t, l, proof.Options{From: 302}, "")
		}
	}
	// An event that no gateway has signed says nothing about failovers.
	s := newMemoryStore()
	l, _ := newLog(s, newKeep())
	addEvents(t, s, 3)
	saved := integrate(t, l)
	if err := s.AddEvents(t.Context(), l.event(proof.ActionLost, field(proof.FieldCheckpoint, nil, quoted(string(foreign(t, string(saved.Note))))), field("cause", nil, quoted(proof.CauseFailover)))); err != nil {
		t.Fatal(err)
	}
	if report := wantFindings(t, l, proof.Options{}, "lost 4"); strings.Contains(report.Findings[0].Message, "failover") {
		t.Errorf("it says %s", report.Findings[0].Message)
	}
}
