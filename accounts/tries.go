package accounts

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// tryInterval and tryBurst limit how often a credential is tried for one owner. Otherwise
// a stolen token could be used to guess passwords, and Data Center requires a CAPTCHA from
// a user after three failed logins.
const (
	tryInterval = time.Minute
	tryBurst    = 3
	// maxTried is the number of owners that are remembered.
	maxTried = 10_000
)

// tries limits how often credentials are tried. The zero value is ready to use.
type tries struct {
	mu      sync.Mutex
	byOwner map[string]*rate.Limiter
}

// allow reports whether a credential may be tried for an owner now.
func (t *tries) allow(owner string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byOwner == nil {
		t.byOwner = make(map[string]*rate.Limiter)
	}
	limiter, ok := t.byOwner[owner]
	if !ok {
		if len(t.byOwner) >= maxTried {
			t.forget(now)
		}
		limiter = rate.NewLimiter(rate.Every(tryInterval), tryBurst)
		t.byOwner[owner] = limiter
	}
	return limiter.AllowN(now, 1)
}

// forget drops the owners that have not tried anything for a while.
func (t *tries) forget(now time.Time) {
	for owner, limiter := range t.byOwner {
		if limiter.TokensAt(now) >= tryBurst {
			delete(t.byOwner, owner)
		}
	}
}
