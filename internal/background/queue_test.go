package background

import (
	"context"
	"testing"
)

// TestQueueKeepsTheOrder checks that functions run in the order in which they were
// added, and that none runs once the context is done.
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
			t.Fatalf("function %d ran instead of %d", got, i)
		}
	}
	cancel()
	group.Wait()
	queue.Add(func(context.Context) { t.Error("a function ran after the context was done") })
	group.Wait()
}
