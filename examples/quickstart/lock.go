package main

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// lock keeps a second quickstart out of .run until unlock is called: it would
// overwrite the configuration and the log of the Caddy that runs. A bbolt file is
// the lock because it is one on every system that Caddy runs on.
func (p *place) lock() (unlock func(), err error) {
	db, err := bbolt.Open(p.inRun("lock"), 0o600, &bbolt.Options{Timeout: 100 * time.Millisecond})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("another `make run` is at work in %s: stop that one first; nothing of it was changed", p.inRun(""))
	case err != nil:
		return nil, fmt.Errorf("locking %s: %w", p.inRun(""), err)
	}
	return func() { db.Close() }, nil
}
