package main

import (
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
)

// lock keeps a second quickstart from overwriting the configuration and log of
// the running Caddy in .run, until unlock is called. The lock is a bbolt file
// because bbolt's file locks work on every system that Caddy runs on.
func (p *place) lock() (unlock func(), err error) {
	db, err := bbolt.Open(p.inRun("lock"), 0o600, &bbolt.Options{Timeout: 100 * time.Millisecond})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("another `make run` is using %s: stop it first (nothing was changed)", p.inRun(""))
	case err != nil:
		return nil, fmt.Errorf("locking %s: %w", p.inRun(""), err)
	}
	return func() { db.Close() }, nil
}
