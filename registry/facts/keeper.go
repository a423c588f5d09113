// Package facts keeps what Jira says about the owners of tokens: whether they are still
// there, and which groups they are in. One node asks Jira for all; what it says is kept
// in the store, and every node has it in memory.
package facts

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Options configure a Keeper.
type Options struct {
	// Interval is how often everybody is asked for.
	Interval time.Duration
	// Keep is how long what Jira said is believed while Jira does not answer.
	Keep time.Duration
}

// Mirrors hold the documents in memory.
type Mirrors interface {
	Mirror(kind string) *storage.Mirror
}

// Keeper asks Jira about owners and makes a directory learn the answers. It implements
// registry.Source.
type Keeper struct {
	options   Options
	store     storage.Documents
	registry  *registry.Registry
	directory *registry.Directory
	logger    *zap.Logger
	now       func() time.Time
	node      string // identifies this keeper in the refresh document

	owners, refreshes *storage.Mirror
	cancel            []func() // ends the subscriptions

	url       string
	transport http.RoundTripper // nil if there is no Jira to ask
	account   func(context.Context) (*jira.Account, error)

	slots    chan struct{} // holds a value per question in flight
	pace     *rate.Limiter
	busy     atomic.Int64 // when Jira may be asked again, in Unix nanoseconds
	usersMu  sync.Mutex
	users    *jira.Users
	usersAt  time.Time
	expectMu sync.Mutex
	expected map[string]string // names by folded names

	learnMu sync.Mutex
	lapsed  bool
	decoded map[string]decoded
	// changed and asked have room for one signal each: that there is something to
	// learn, and that somebody is expected.
	changed, asked chan struct{}
}

// How fast Jira is asked: 10,000 owners take about ten minutes, or twice that on Cloud,
// and other requests to Jira hardly notice.
const (
	questionsAtOnce = 4
	questionsPerSec = 20
)

const (
	// usersLifetime is how long the product and the account's permission are
	// remembered.
	usersLifetime = 10 * time.Minute
	// confirmTimeout is how long the creation of a token waits for Jira.
	confirmTimeout = 10 * time.Second
	// learnAtMostEvery is the time between two updates of the directory.
	learnAtMostEvery = 250 * time.Millisecond
	// lookAtLeastEvery is how often the clock is looked at: it can be set.
	lookAtLeastEvery = 30 * time.Second
)

// New returns a keeper. It knows at once what the mirrors know.
func New(store storage.Documents, mirrors Mirrors, tokens *registry.Registry, directory *registry.Directory, options Options, logger *zap.Logger) *Keeper {
	k := &Keeper{
		options: options, store: store, registry: tokens, directory: directory, logger: logger, now: time.Now, node: rand.Text(),
		owners: mirrors.Mirror(KindOwner), refreshes: mirrors.Mirror(KindRefresh),
		slots: make(chan struct{}, questionsAtOnce), pace: rate.NewLimiter(questionsPerSec, questionsAtOnce),
		expected: make(map[string]string), changed: make(chan struct{}, 1), asked: make(chan struct{}, 1),
	}
	k.cancel = []func(){k.owners.Subscribe(k.notice), k.refreshes.Subscribe(k.notice)}
	k.learn()
	return k
}

// Close ends the subscriptions. Run must have ended.
func (k *Keeper) Close() {
	for _, cancel := range k.cancel {
		cancel()
	}
	k.cancel = nil
}

// Ask sets the Jira to ask, and how to find the account that asks. It must be called
// before Run. Without it, the keeper only knows what other nodes have asked.
func (k *Keeper) Ask(url string, transport http.RoundTripper, account func(context.Context) (*jira.Account, error)) {
	k.url, k.transport, k.account = url, paced{transport, k.pace}, account
}

// paced is a transport that limits the rate of requests.
type paced struct {
	http.RoundTripper
	pace *rate.Limiter
}

func (p paced) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := p.pace.Wait(request.Context()); err != nil {
		return nil, err
	}
	return p.RoundTripper.RoundTrip(request)
}

// Ready waits until what the store knows about owners is known here, or until ctx is
// done.
func (k *Keeper) Ready(ctx context.Context) error {
	for _, mirror := range []*storage.Mirror{k.owners, k.refreshes} {
		if err := mirror.Ready(ctx); err != nil {
			return err
		}
	}
	k.learn()
	return nil
}

// Run keeps the directory current until ctx is done.
func (k *Keeper) Run(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() { k.learnChanges(ctx) })
	defer running.Wait()
	if k.transport == nil {
		return
	}
	running.Go(func() { k.askExpected(ctx) })
	running.Go(func() {
		for ctx.Err() == nil {
			background.Pause(ctx, k.turn(ctx))
		}
	})
}

func (k *Keeper) notice(storage.Mirrored) { background.Signal(k.changed) }

// learnChanges makes the directory learn changes, and what lapses. It does so at
// intervals, since there may be thousands of changes in a row.
func (k *Keeper) learnChanges(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.changed:
		case <-timer.C:
		}
		wait, began := lookAtLeastEvery, time.Now()
		if lapses := k.learn(); !lapses.IsZero() {
			wait = min(wait, max(lapses.Sub(k.now()), 0)+time.Millisecond)
		}
		timer.Reset(wait)
		background.Pause(ctx, max(learnAtMostEvery, 20*time.Since(began))) // use little of a processor
	}
}

// learn makes the directory learn what the mirrors know. It returns when some of that
// lapses, if ever.
func (k *Keeper) learn() (lapses time.Time) {
	k.learnMu.Lock()
	defer k.learnMu.Unlock()
	documents, _ := k.owners.Documents()
	last, now := k.refreshKnown(), k.now()
	known := make(map[string]registry.Facts, len(documents))
	k.decode(documents)
	for id, o := range k.decoded {
		said, until := o.owner.facts(last, k.options.Keep, now)
		known[id] = said
		if !until.IsZero() && (lapses.IsZero() || until.Before(lapses)) {
			lapses = until
		}
	}
	k.directory.Learn(known)
	k.reportLapse(k.isLapsed(last, now), last)
	return lapses
}

// decoded is a decoded document.
type decoded struct {
	document storage.MirroredDocument
	owner    owner
}

// decode decodes the documents that have changed.
func (k *Keeper) decode(documents storage.Mirrored) {
	next := make(map[string]decoded, len(documents))
	for id, document := range documents {
		known, ok := k.decoded[id]
		if !ok || known.document.Err != nil || document.Err != nil || !sameText(known.document.Data, document.Data) {
			known.document = document
			known.owner, _ = decodeOwner(document)
		}
		next[id] = known
	}
	k.decoded = next
}

// sameText reports whether two texts are the same in memory.
func sameText(a, b []byte) bool {
	return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0]
}

// isLapsed reports whether nothing that Jira said is believed any longer. If Jira has never
// said anything, it has as much time.
func (k *Keeper) isLapsed(last refresh, now time.Time) bool {
	since := last.CompletedAt
	if since.IsZero() {
		since = last.FailingSince
	}
	return !last.FailingSince.IsZero() && !now.Before(since.Add(k.options.Keep))
}

// reportLapse logs when the groups become unknown, and when they are known again.
func (k *Keeper) reportLapse(lapsed bool, last refresh) {
	switch {
	case lapsed == k.lapsed:
		return
	case lapsed:
		k.logger.Error("Jira has not said for too long which groups the owners of tokens are in: their groups in Jira give no rights until it does",
			zap.String("jira", k.url), lastConfirmed(last), zap.String("error", last.Error))
	default:
		k.logger.Info("the groups of the owners of tokens in Jira are known again")
	}
	k.lapsed = lapsed
}

// lastConfirmed says in the log when Jira was last asked about everybody, if ever.
func lastConfirmed(last refresh) zap.Field {
	if last.CompletedAt.IsZero() {
		return zap.String("last_confirmed", "never")
	}
	return zap.Time("last_confirmed", last.CompletedAt)
}

// Health says whether Jira tells the groups of owners.
type Health struct {
	// OK is false while Jira does not answer. Error says why.
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
	// Lapsed is set if that has lasted for so long that the groups in Jira give no
	// rights any longer.
	Lapsed bool `json:"lapsed,omitempty"`
	// LastConfirmed is when Jira was last asked about everybody.
	LastConfirmed time.Time `json:"last_confirmed,omitzero"`
}

// Health returns the health of the refreshing on all nodes.
func (k *Keeper) Health() Health {
	last := k.refreshKnown()
	return Health{OK: last.FailingSince.IsZero(), Error: last.Error, Lapsed: k.isLapsed(last, k.now()), LastConfirmed: last.CompletedAt}
}

var _ registry.Source = (*Keeper)(nil)
