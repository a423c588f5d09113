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

// secondOpinion is how long to wait for other sentinels after the first answer,
// which may be out of date.
const secondOpinion = 20 * time.Millisecond

// forgetTerm is how long a primary is stuck to that no sentinel names any
// more, though the one that most of them name is of an earlier term: sentinels
// that are cut off or late name such a one, but so do ones that were set up
// anew.
const forgetTerm = 10 * time.Second

// maxSentinels is the maximum number of sentinels to ask.
const maxSentinels = 16

// sentinels find the primary. The library's own failover client is not used: it
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
	most    int                      // more than half of those configured
	clients map[string]*redis.Client // by address
	closed  bool
	primary primary
	named   time.Time // when a sentinel named the primary last
}

// primary is a sentinel's answer. Every failover begins a new term.
type primary struct {
	addr string
	term uint64
}

// noPrimaryError reports that no sentinel knows the primary.
type noPrimaryError struct{ cause error }

func (n *noPrimaryError) Error() string { return "the sentinels name no primary: " + n.cause.Error() }
func (n *noPrimaryError) Unwrap() error { return n.cause }

// newSentinelClient returns a client of the primary, and what finds it.
func newSentinelClient(options *redis.UniversalOptions, r *settings, conns *conns) (*redis.Client, *sentinels, *address) {
	toPrimary, toSentinel := options.Simple(), options.Simple()
	toSentinel.DB, toSentinel.Username, toSentinel.Password = 0, r.SentinelUsername, r.SentinelPassword
	toSentinel.PoolSize = 2
	dial := redis.NewDialer(toPrimary)
	s := newSentinels(r.SentinelMaster, r.Address, toSentinel, dial, conns)
	toPrimary.Addr = "the primary " + r.SentinelMaster
	// The name that sentinels give it can lead to another server, too.
	address := newAddress(toPrimary, conns, func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr, err := s.look(ctx)
		if err != nil {
			return nil, err
		}
		return dial(ctx, network, addr)
	}, s.known)
	toPrimary.Dialer = s.dial
	return redis.NewClient(toPrimary), s, address
}

func newSentinels(name string, addrs []string, options *redis.Options, dialer dialer, conns *conns) *sentinels {
	ctx, end := context.WithCancel(context.Background()) // by close
	s := &sentinels{
		name: name, options: options, dialer: dialer, conns: conns, asking: background.New(ctx), end: end,
		most: len(addrs)/2 + 1, clients: make(map[string]*redis.Client),
	}
	s.add(addrs)
	return s
}

// dial connects to the primary.
func (s *sentinels) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	addr, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := s.conns.dial(ctx, s.dialer, network, addr)
	if err != nil {
		return nil, err
	}
	if now := s.known(); now != addr { // while this was dialed
		conn.Close()
		return nil, &noPrimaryError{fmt.Errorf("it moved from %s to %s just now", addr, now)}
	}
	return conn, nil
}

// look asks where the primary is, and closes all connections to other servers.
func (s *sentinels) look(ctx context.Context) (string, error) {
	best, votes, err := s.ask(ctx)
	if err != nil {
		return "", err
	}
	addr := s.believe(best, votes, time.Now())
	s.conns.closeIf(func(conn *conn) bool { return conn.addr != addr })
	return addr, nil
}

// check is look for those who need not know where the primary is.
func (s *sentinels) check(ctx context.Context) error {
	_, err := s.look(ctx)
	return err
}

// believe weighs the answer of votes sentinels and returns the primary's address.
func (s *sentinels) believe(now primary, votes int, at time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.term >= s.primary.term || votes >= s.most && at.Sub(s.named) > forgetTerm {
		s.primary, s.named = now, at
	}
	return s.primary.addr
}

func (s *sentinels) known() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.primary.addr
}

// ask asks all sentinels and returns the answer of the latest term among those
// that come soon, and how many gave it.
func (s *sentinels) ask(ctx context.Context) (best primary, votes int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type answer struct {
		primary
		err error
	}
	clients := s.all()
	answers := make(chan answer, len(clients))
	for addr, client := range clients {
		if !s.asking.Go(func(context.Context) {
			p, err := s.askOne(ctx, addr, client)
			answers <- answer{p, err}
		}) {
			return best, 0, redis.ErrClosed
		}
	}
	var errs []error
	soon := ctx.Done()
	for range clients {
		select {
		case a := <-answers:
			switch {
			case a.err != nil:
				errs = append(errs, a.err)
				continue
			case votes == 0:
				late, stop := context.WithTimeout(ctx, secondOpinion)
				defer stop()
				soon, best = late.Done(), a.primary
			case a.term > best.term:
				best, votes = a.primary, 0
			}
			if a.primary == best {
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

// askOne asks one sentinel, also for other sentinels. The term is asked for
// before the address: in between a failover can only make the term too low.
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
		return primary{}, fmt.Errorf("the sentinel at %s knows no %q", addr, s.name)
	case err != nil:
		return primary{}, fmt.Errorf("the sentinel at %s: %w", addr, err)
	case len(where) != 2:
		return primary{}, fmt.Errorf("the sentinel at %s answers %q", addr, where)
	}
	var found []string
	for _, other := range others.Val() {
		found = append(found, net.JoinHostPort(other["ip"], other["port"]))
	}
	s.add(found)
	// A user that may not ask for the term has to do without.
	n, _ := strconv.ParseUint(term.Val()["config-epoch"], 10, 64)
	return primary{net.JoinHostPort(where[0], where[1]), n}, nil
}

// add makes more sentinels known.
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

// close closes the connections to the sentinels and waits for their users.
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
