package background

import (
	"context"
	"testing"
)

// TestQueueKeepsTheOrder: what is added runs in its order, and after the end
// nothing does.
func TestQueueKeepsTheOrder(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	group := New(ctx)
	queue := NewQueue(group.Go)
	ran := make(chan int, 1000)
	for i := range cap(ran) {
		queue.Add(func(context.Context) { ran <- i })
	}
	for i := range cap(ran) {
		if got := <-ran; got != i {
			t.Fatalf("%d ran in the place of %d", got, i)
		}
	}
	cancel()
	group.Wait()
	queue.Add(func(context.Context) { t.Error("ran after the end") })
	group.Wait()
}
