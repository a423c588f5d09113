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

// push measures how long a token that was revoked on one node still works on
// others: three Caddys on one redis-server.
func push(l *lab, o *options) error {
	url, _, err := l.startUpstream()
	if err != nil {
		return err
	}
	redis, _, err := l.startRedis()
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

// poller asks a node with one token, without a pause.
type poller struct {
	*connection
	passes  atomic.Int64
	refused time.Time // when the first refusal was read
	err     error
}

// revokeOnce revokes a token on the first node while others are asked with it,
// and returns how long after the acknowledgement each refused it.
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
		defer c.Close() // before polling.Wait: it ends the polling
		p := &poller{connection: c}
		pollers = append(pollers, p)
		polling.Go(func() { p.poll(request(node.address, made.Owner, made.Token), end) })
	}
	for _, p := range pollers {
		for p.passes.Load() < 20 { // it is in the node's memory
			if err := l.wait(time.Millisecond); err != nil {
				return nil, err
			}
			if time.Now().After(end) {
				return nil, fmt.Errorf("the token does not pass: %w", p.err)
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

// poll goes on until the token is refused.
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
			p.err = fmt.Errorf("HTTP %d for a token that should pass", status)
			return
		}
		p.passes.Add(1)
	}
	p.err = fmt.Errorf("the token still passes after %s", patience)
}

func reportPush(out io.Writer, o *options, taken [][]time.Duration) {
	fmt.Fprintf(out, "## Push\n\n%s\n\nFrom the acknowledged `revoke` on node A to the first refusal on another, %d tokens, "+
		"asked without a pause. Less than nothing: refused before node A's answer was read.\n\n", machine(), o.revocations)
	header(out, "", "p50", "p99", "at most")
	for i, times := range taken {
		slices.Sort(times)
		row(out, "node "+string(rune('B'+i)),
			writeTime(float64(quantile(times, 0.50))), writeTime(float64(quantile(times, 0.99))), writeTime(float64(times[len(times)-1])))
	}
	fmt.Fprintln(out)
}
