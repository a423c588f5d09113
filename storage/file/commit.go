package filestore

import (
	"errors"
	"sync"

	"go.etcd.io/bbolt"
)

// commits groups changes: those that are made while a transaction is being written to
// disk share the next one, and its fsync. So a change on its own does not wait for
// others, and many at once are fast. (bbolt's own DB.Batch waits for a fixed time, and
// does not hold back small transactions while another one is written.)
type commits struct {
	mu      sync.Mutex
	waiting []*commit
	running bool
}

// commit is a change that waits for a transaction.
type commit struct {
	apply func(*bbolt.Tx) error
	done  chan error
}

// commitsAtOnce is the maximum number of changes in a transaction.
const commitsAtOnce = 1000

// errAlone says that a change failed among others, and must be made in a transaction of
// its own.
var errAlone = errors.New("to be made alone")

// make makes a change. It may call apply more than once, in transactions of which all
// but the last are rolled back.
func (c *commits) make(db *bbolt.DB, apply func(*bbolt.Tx) error) error {
	own := &commit{apply: apply, done: make(chan error, 1)}
	c.mu.Lock()
	c.waiting = append(c.waiting, own)
	first := !c.running
	c.running = true
	c.mu.Unlock()
	if first {
		go c.run(db)
	}
	if err := <-own.done; err != errAlone { //nolint:errorlint // never wrapped
		return err
	}
	return db.Update(apply)
}

// run commits changes until none is waiting.
func (c *commits) run(db *bbolt.DB) {
	for {
		c.mu.Lock()
		n := min(len(c.waiting), commitsAtOnce)
		group := c.waiting[:n:n]
		if c.waiting = c.waiting[n:]; n == 0 {
			c.waiting, c.running = nil, false
		}
		c.mu.Unlock()
		if n == 0 {
			return
		}
		commitAll(db, group)
	}
}

// commitAll makes changes in one transaction, without those that fail.
func commitAll(db *bbolt.DB, group []*commit) {
	for len(group) > 0 {
		failed := -1
		err := db.Update(func(tx *bbolt.Tx) error {
			for i, change := range group {
				if !succeeds(change.apply, tx) {
					failed = i
					return errAlone
				}
			}
			return nil
		})
		if failed < 0 {
			for _, change := range group {
				change.done <- err
			}
			return
		}
		group[failed].done <- errAlone
		group = append(group[:failed:failed], group[failed+1:]...)
	}
}

// succeeds makes a change. A panic is a failure here: it happens again where the change
// was asked for.
func succeeds(apply func(*bbolt.Tx) error, tx *bbolt.Tx) (succeeded bool) {
	defer func() {
		if recover() != nil {
			succeeded = false
		}
	}()
	return apply(tx) == nil
}
