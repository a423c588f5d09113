package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
)

// secondOpinion is how long to wait for other sentinels after the first reply, which
// may be out of date.
const secondOpinion = 20 * time.Millisecond

// forgetTerm is how long after a sentinel last named the primary a quorum can replace
// it by one of an earlier term. Sentinels that are cut off or late name one of an
// earlier term, but so do sentinels that have been set up again from scratch.
const forgetTerm = 10 * time.Second

// maxSentinels is the maximum number of sentinels to ask.
const maxSentinels = 16

// sentinels finds the primary. It replaces the failover client of go-redis, which
// trusts a single sentinel, even one that hangs or is partitioned with the old
// primary, and leaves subscriptions on a server that is no longer the primary.
type sentinels struct {
	name    string         // of the primary
	options *redis.Options // of connections to sentinels
	dialer  dialer         // to the primary
	conns   *conns
	asking  *background.Group
	end     context.CancelFunc // of asking

	mu      sync.Mutex
	quorum  int                      // more than half of the configured sentinels
	clients map[string]*redis.Client // by address
	closed  bool
	primary primary
	named   time.Time // when a sentinel last named the primary
}

// primary is a sentinel's reply. Every failover begins a new term.
type primary struct {
	addr string
	term uint64
}

// noPrimaryError reports that no sentinel knows the primary.
type noPrimaryError struct{ cause error }

func (n *noPrimaryError) Error() string {
	return "the sentinels do not name a primary: " + n.cause.Error()
}
func (n *noPrimaryError) Unwrap() error { return n.cause }

// newSentinelClient returns a client of the primary, and what finds the primary.
func newSentinelClient(options *redis.UniversalOptions, r *settings, conns *conns) (*redis.Client, *sentinels, *address) {
	toPrimary, toSentinel := options.Simple(), options.Simple()
	toSentinel.DB, toSentinel.Username, toSentinel.Password = 0, r.SentinelUsername, r.SentinelPassword
	toSentinel.PoolSize = 2
	dial := redis.NewDialer(toPrimary)
	s := newSentinels(r.SentinelMaster, r.Address, toSentinel, dial, conns)
	toPrimary.Addr = "the primary " + r.SentinelMaster
	// The address that sentinels report can move to another server too.
	address := newAddress(toPrimary, conns, func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr, err := s.find(ctx)
		if err != nil {
			return nil, err
		}
		return dial(ctx, network, addr)
	}, s.current)
	toPrimary.Dialer = s.dial
	return redis.NewClient(toPrimary), s, address
}

func newSentinels(name string, addrs []string, options *redis.Options, dialer dialer, conns *conns) *sentinels {
	ctx, end := context.WithCancel(context.Background()) // until close
	s := &sentinels{
		name: name, options: options, dialer: dialer, conns: conns, asking: background.New(ctx), end: end,
		quorum: len(addrs)/2 + 1, clients: make(map[string]*redis.Client),
	}
	s.add(addrs)
	return s
}

// dial connects to the primary.
func (s *sentinels) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	addr, err := s.find(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := s.conns.dial(ctx, s.dialer, network, addr)
	if err != nil {
		return nil, err
	}
	if current := s.current(); current != addr { // it changed during the dial
		conn.Close()
		return nil, &noPrimaryError{fmt.Errorf("it has just moved from %s to %s", addr, current)}
	}
	return conn, nil
}

// find asks where the primary is, and closes all connections to other servers.
func (s *sentinels) find(ctx context.Context) (string, error) {
	best, votes, err := s.ask(ctx)
	if err != nil {
		return "", err
	}
	addr := s.accept(best, votes, time.Now())
	s.conns.closeIf(func(conn *conn) bool { return conn.addr != addr })
	return addr, nil
}

// check implements topology.
func (s *sentinels) check(ctx context.Context) error {
	_, err := s.find(ctx)
	return err
}

// accept decides whether to accept the reply of votes sentinels, and returns the
// address of the primary.
func (s *sentinels) accept(reply primary, votes int, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if reply.term >= s.primary.term || votes >= s.quorum && now.Sub(s.named) > forgetTerm {
		s.primary, s.named = reply, now
	}
	return s.primary.addr
}

func (s *sentinels) current() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.primary.addr
}

// ask asks all sentinels. Among the replies that arrive soon enough, it returns the
// one of the latest term and how many sentinels gave it.
func (s *sentinels) ask(ctx context.Context) (best primary, votes int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type reply struct {
		primary
		err error
	}
	clients := s.all()
	replies := make(chan reply, len(clients))
	for addr, client := range clients {
		if !s.asking.Go(func(context.Context) {
			p, err := s.askOne(ctx, addr, client)
			replies <- reply{p, err}
		}) {
			return best, 0, redis.ErrClosed
		}
	}
	var errs []error
	soon := ctx.Done()
	for range clients {
		select {
		case r := <-replies:
			switch {
			case r.err != nil:
				errs = append(errs, r.err)
				continue
			case votes == 0:
				late, stop := context.WithTimeout(ctx, secondOpinion)
				defer stop()
				soon, best = late.Done(), r.primary
			case r.term > best.term:
				best, votes = r.primary, 0
			}
			if r.primary == best {
				votes++
			}
		case <-soon:
			if votes > 0 {
				return best, votes, nil
			}
			return best, 0, &noPrimaryError{errors.Join(append(errs, ctx.Err())...)}
		}
	}
	if votes == 0 {
		return best, 0, &noPrimaryError{errors.Join(errs...)}
	}
	return best, votes, nil
}

// askOne asks one sentinel for the primary and for other sentinels. It asks for the
// term before the address, so that a failover in between can only make the term too
// low.
func (s *sentinels) askOne(ctx context.Context, addr string, client *redis.Client) (primary, error) {
	var term *redis.MapStringStringCmd
	var at *redis.StringSliceCmd
	var others *redis.MapStringStringSliceCmd
	_, _ = client.Pipelined(ctx, func(pipe redis.Pipeliner) error { // each command has its own error
		term = redis.NewMapStringStringCmd(ctx, "sentinel", "master", s.name)
		at = redis.NewStringSliceCmd(ctx, "sentinel", "get-master-addr-by-name", s.name)
		others = redis.NewMapStringStringSliceCmd(ctx, "sentinel", "sentinels", s.name)
		return pipe.BatchProcess(ctx, term, at, others)
	})
	where, err := at.Result()
	switch {
	case errors.Is(err, redis.Nil):
		return primary{}, fmt.Errorf("the sentinel at %s does not know %q", addr, s.name)
	case err != nil:
		return primary{}, fmt.Errorf("the sentinel at %s: %w", addr, err)
	case len(where) != 2:
		return primary{}, fmt.Errorf("unexpected reply from the sentinel at %s: %q", addr, where)
	}
	var found []string
	for _, other := range others.Val() {
		found = append(found, net.JoinHostPort(other["ip"], other["port"]))
	}
	s.add(found)
	// If the user may not ask for the term, it is 0.
	n, _ := strconv.ParseUint(term.Val()["config-epoch"], 10, 64)
	return primary{net.JoinHostPort(where[0], where[1]), n}, nil
}

// add adds sentinels to ask.
func (s *sentinels) add(addrs []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, addr := range addrs {
		if s.clients[addr] != nil || len(s.clients) >= maxSentinels || s.closed {
			continue
		}
		options := *s.options
		options.Addr = addr
		s.clients[addr] = redis.NewClient(&options)
	}
}

func (s *sentinels) all() map[string]*redis.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.clients)
}

// close closes the connections to the sentinels and waits for pending requests.
func (s *sentinels) close() error {
	s.end()
	s.mu.Lock()
	s.closed = true
	var errs []error
	for _, client := range s.clients {
		errs = append(errs, client.Close())
	}
	s.mu.Unlock()
	s.asking.Wait()
	return errors.Join(errs...)
}
