package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// push measures how long a token revoked on one node still works on the others,
// with three Caddys sharing one redis-server.
func push(l *lab, o *options) error {
	url, err := l.startUpstream()
	if err != nil {
		return err
	}
	redis, err := l.startRedis()
	if err != nil {
		return err
	}
	var nodes []*caddy
	for _, name := range []string{"node A", "node B", "node C"} {
		node, err := l.startCaddy(caddyOptions{
			name: name, global: gatewayOptions("redis redis://" + redis + "/0"), site: "\tjira_gateway " + url + "\n",
		})
		if err != nil {
			return err
		}
		nodes = append(nodes, node)
	}
	taken := make([][]time.Duration, len(nodes)-1)
	for i := range o.revocations {
		if i%50 == 0 {
			l.say("push: token %d of %d", i+1, o.revocations)
		}
		times, err := revokeOnce(l, nodes)
		if err != nil {
			return fmt.Errorf("token %d: %w", i+1, err)
		}
		for j, t := range times {
			taken[j] = append(taken[j], t)
		}
	}
	reportPush(l.out, o, taken)
	return nil
}

// poller sends requests with one token to one node, back to back.
type poller struct {
	*connection
	passes  atomic.Int64
	refused time.Time // when the first refusal was read
	err     error
}

// revokeOnce revokes a token on the first node while it is in use on the others,
// and returns how long after the acknowledgment each of them refused it.
func revokeOnce(l *lab, nodes []*caddy) ([]time.Duration, error) {
	made, err := nodes[0].issue("push")
	if err != nil {
		return nil, err
	}
	var polling sync.WaitGroup
	defer polling.Wait()
	end := time.Now().Add(patience)
	var pollers []*poller
	for _, node := range nodes[1:] {
		c, err := dial(node.address)
		if err != nil {
			return nil, err
		}
		defer c.Close() // runs before polling.Wait and ends the polling
		p := &poller{connection: c}
		pollers = append(pollers, p)
		polling.Go(func() { p.poll(request(node.address, made.Owner, made.Token), end) })
	}
	for _, p := range pollers {
		for p.passes.Load() < 20 { // until the node has certainly cached it
			if err := l.wait(time.Millisecond); err != nil {
				return nil, err
			}
			if time.Now().After(end) {
				return nil, fmt.Errorf("the token was not accepted: %w", p.err)
			}
		}
	}
	if err := nodes[0].call(http.MethodPost, "/jira_tokens/tokens/"+made.ID+"/revoke", struct{}{}, nil); err != nil {
		return nil, err
	}
	acknowledged := time.Now()
	polling.Wait()
	var times []time.Duration
	for _, p := range pollers {
		if p.err != nil {
			return nil, p.err
		}
		times = append(times, p.refused.Sub(acknowledged))
	}
	return times, nil
}

// poll sends requests until the token is refused.
func (p *poller) poll(request []byte, end time.Time) {
	for time.Now().Before(end) {
		status, err := p.exchange(request)
		switch {
		case err != nil:
			p.err = err
			return
		case status == http.StatusUnauthorized && p.passes.Load() > 0:
			p.refused = time.Now()
			return
		case status != http.StatusOK:
			p.err = fmt.Errorf("HTTP %d for a valid token", status)
			return
		}
		p.passes.Add(1)
	}
	p.err = fmt.Errorf("the token was still accepted after %s", patience)
}

func reportPush(out io.Writer, o *options, taken [][]time.Duration) {
	fmt.Fprintf(out, "## Push\n\n%s\n\nFrom the acknowledged `revoke` on node A to the first refusal on another node, %d tokens, "+
		"polled back to back. A negative time means that the refusal came before node A's response was read.\n\n", machine(), o.revocations)
	header(out, "", "p50", "p99", "max")
	for i, times := range taken {
		slices.Sort(times)
		row(out, "node "+string(rune('B'+i)),
			writeTime(float64(quantile(times, 0.50))), writeTime(float64(quantile(times, 0.99))), writeTime(float64(times[len(times)-1])))
	}
	fmt.Fprintln(out)
}
