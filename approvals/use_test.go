package approvals

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// TestOneOfManyUsesAnApproval: of several at once, exactly one.
func TestOneOfManyUsesAnApproval(t *testing.T) {
	d := newDesk(t)
	r := d.request("1")
	if _, err := d.Approve(t.Context(), admin, d.check(r).ID, ""); err != nil {
		t.Fatal(err)
	}
	approval := d.check(r)
	other := New(d.Options) // another node
	other.now = d.now
	var uses atomic.Int32
	var wait sync.WaitGroup
	for i := range 50 {
		wait.Go(func() {
			node := []*Keeper{d.Keeper, other}[i%2]
			if used, err := node.Use(t.Context(), r, approval, admitted); err != nil {
				t.Error(err)
			} else if used {
				uses.Add(1)
			}
			if next, err := node.Check(t.Context(), r); err != nil || next.State == StateApproved {
				t.Errorf("%+v %v", next, err)
			}
		})
	}
	wait.Wait()
	if uses.Load() != 1 {
		t.Errorf("used %d times", uses.Load())
	}
	if list, _, err := d.List(t.Context(), Query{State: StatePending}); err != nil || len(list) != 1 {
		t.Errorf("%d wait, %v", len(list), err)
	}
}

// TestRefusedUseKeepsApproval: a request that is not admitted after all uses nothing up,
// and of several at once, one is asked about.
func TestRefusedUseKeepsApproval(t *testing.T) {
	d := newDesk(t)
	r := d.request("1")
	if _, err := d.Approve(t.Context(), admin, d.check(r).ID, ""); err != nil {
		t.Fatal(err)
	}
	approval, refused := d.check(r), errors.New("refused")
	if used, err := d.Use(t.Context(), r, approval, func() error { return refused }); used || !errors.Is(err, refused) {
		t.Errorf("refused: used %t, %v", used, err)
	}
	if again := d.check(r); again.ID != approval.ID || again.State != StateApproved {
		t.Errorf("afterwards: %+v", again)
	}
	var asked, uses atomic.Int32
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			used, err := d.Use(t.Context(), r, approval, func() error { asked.Add(1); return nil })
			if err != nil {
				t.Error(err)
			} else if used {
				uses.Add(1)
			}
		})
	}
	wait.Wait()
	if asked.Load() != 1 || uses.Load() != 1 {
		t.Errorf("asked about %d, %d passed", asked.Load(), uses.Load())
	}
	if len(d.using.of) > 0 {
		t.Errorf("locks are left: %v", d.using.of)
	}
}
