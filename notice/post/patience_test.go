package post

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/notice"
)

// taking returns a receiver that takes so long for each notice.
func taking(each time.Duration) *hook {
	return &hook{answer: func(int, *http.Request) (int, http.Header) {
		time.Sleep(each)
		return http.StatusNoContent, nil
	}}
}

// TestSlowReceivers checks that many notices wait for a receiver that keeps up, but not for
// long for one that takes its time, although it goes on accepting them.
func TestSlowReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = MaxOutbox - 2000
		keepsUp, slow, slower := taking(50*time.Millisecond), taking(900*time.Millisecond), taking(14*time.Second)
		o := open(t, newStore(t), receiver(t, "fine", keepsUp), receiver(t, "slow", slow), receiver(t, "slower", slower))
		defer o.end()
		publish := func(from, to int, atMost time.Duration) {
			t.Helper()
			began := time.Now()
			for from < to { // page by page, as a scan does
				var notices []notice.Notice
				for range 200 {
					notices = append(notices, expiring(from))
					from++
				}
				if n, err := o.PublishPatiently(t.Context(), notices...); n != len(notices) || err != nil {
					t.Fatalf("published %d, %v", n, err)
				}
			}
			if took := time.Since(began); took > atMost {
				t.Errorf("took %s, want at most %s", took, atMost)
			}
		}
		publish(0, n, maxPatience+2*paceTime)
		publish(n, n+400, 2*paceTime) // the next scan
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := keepsUp.accepted(); got != n+400 {
			t.Errorf("%d of %d have arrived at the receiver that keeps up", got, n+400)
		}
		for _, h := range []*hook{slow, slower} {
			if got := h.accepted(); got == 0 || got == n+400 {
				t.Errorf("%d have arrived at a receiver that takes its time", got)
			}
		}
	})
}
