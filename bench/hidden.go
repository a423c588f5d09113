package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// subject is a kind of request whose response must take as long for something that is
// hidden as for something that does not exist.
type subject struct {
	what string
	// confine is the token's confinement.
	confine map[string]any
	// method and path are the request's. The path ends where the name begins.
	method, path, body string
	// suffix follows the name: -1 for the key of an issue.
	suffix string
}

func subjects() []subject {
	projects, condition := map[string]any{"projects": []string{"ABC"}}, map[string]any{"jql": "project = ABC AND labels = partner"}
	const edit = `{"fields":{"summary":"x"}}`
	return []subject{
		{"read an issue, projects", projects, http.MethodGet, "/rest/api/2/issue/", "", "-1"},
		{"read an issue, JQL", condition, http.MethodGet, "/rest/api/2/issue/", "", "-1"},
		{"edit an issue, projects", projects, http.MethodPut, "/rest/api/2/issue/", edit, "-1"},
		{"edit an issue, JQL", condition, http.MethodPut, "/rest/api/2/issue/", edit, "-1"},
		{"read a project, projects", projects, http.MethodGet, "/rest/api/2/project/", "", ""},
	}
}

// contenders are what is compared. Half of the hidden things are only there to compare
// them with the other half.
var contenders = [...]struct{ name, prefix string }{{"hidden", "OUT"}, {"absent", "ZZZ"}, {"hidden again (A/A)", "OUT9"}}

// hidden measures whether the time of a response tells hidden things from things that
// do not exist.
func hidden(l *lab, o *options) error {
	jira, err := startHiding()
	if err != nil {
		return err
	}
	defer jira.Close()
	url := "http://" + jira.Addr().String()
	node, err := l.startCaddy(caddyOptions{
		name: "gateway of confined tokens", global: gatewayOptions("file tokens.db"), site: "\tjira_gateway " + url + "\n",
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(l.out, "## Hidden and absent\n\n%s\n\n%d requests each. Nothing is asked about twice.\n\n", machine(), o.trials)
	header(l.out, "", "hidden p50", "absent p50", "ratio", "A/A", "hidden p90", "absent p90", "ratio", "A/A")
	for _, s := range subjects() {
		l.say("hidden: %s", s.what)
		sorted, err := s.measure(l, node, o.trials)
		if err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		s.report(l.out, sorted)
	}
	fmt.Fprintln(l.out)
	return nil
}

// measure returns the times of each kind, in order of length.
func (s subject) measure(l *lab, node *caddy, trials int) (sorted [len(contenders)][]time.Duration, err error) {
	var made issued
	err = node.call(http.MethodPost, "/jira_tokens/tokens",
		map[string]any{"owner": "bench@example.com", "name": "hidden", "scope": "write", "confine": s.confine, "check": false}, &made)
	if err != nil {
		return sorted, err
	}
	if err := s.verify(node, made); err != nil {
		return sorted, err
	}
	c, err := dial(node.address)
	if err != nil {
		return sorted, err
	}
	defer c.Close()
	const untimed = 500
	for trial := range untimed + trials {
		if err := l.ctx.Err(); err != nil {
			return sorted, err
		}
		for turn := range contenders {
			i := (turn + trial) % len(contenders) // each comes first, second and third as often
			took, err := s.once(c, s.request(node.address, made, name(contenders[i].prefix, trial)))
			if err != nil {
				return sorted, err
			}
			if trial >= untimed {
				sorted[i] = append(sorted[i], took)
			}
		}
	}
	for _, times := range sorted {
		slices.Sort(times)
	}
	return sorted, nil
}

// name returns a key of a fixed length, which no other trial uses.
func name(prefix string, trial int) string {
	return fmt.Sprintf("%s%0*d", prefix, len("OUT1000000")-len(prefix), trial)
}

func (s subject) once(c *connection, request []byte) (time.Duration, error) {
	began := time.Now()
	status, err := c.exchange(request)
	took := time.Since(began)
	if err == nil && status != http.StatusNotFound {
		err = fmt.Errorf("HTTP %d", status)
	}
	return took, err
}

func (s subject) request(host string, token issued, name string) []byte {
	return fmt.Appendf(nil, "%s %s%s%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		s.method, s.path, name, s.suffix, host, base64.StdEncoding.EncodeToString([]byte(token.Owner+":"+token.Token)), len(s.body), s.body)
}

// verify checks that the token reaches what is inside, and that it gets the same
// response for what is hidden and what does not exist.
func (s subject) verify(node *caddy, token issued) error {
	if status, body, err := fetch(node.address, s.request(node.address, token, "ABC")); err != nil || status >= 300 {
		return fmt.Errorf("inside: HTTP %d %s (%w)", status, body, err)
	}
	var bodies []string
	for _, kind := range contenders {
		asked := name(kind.prefix, 999_999)
		status, body, err := fetch(node.address, s.request(node.address, token, asked))
		if err != nil || status != http.StatusNotFound {
			return fmt.Errorf("%s: HTTP %d %s (%w)", kind.name, status, body, err)
		}
		bodies = append(bodies, regexp.MustCompile(asked).ReplaceAllString(string(body), ""))
	}
	if bodies[0] != bodies[1] {
		return fmt.Errorf("the responses differ: %q and %q", bodies[0], bodies[1])
	}
	return nil
}

func (s subject) report(out io.Writer, sorted [len(contenders)][]time.Duration) {
	var cells []string
	for _, q := range []float64{0.5, 0.9} {
		hidden, absent, again := float64(quantile(sorted[0], q)), float64(quantile(sorted[1], q)), float64(quantile(sorted[2], q))
		cells = append(cells, writeTime(hidden), writeTime(absent), fmt.Sprintf("%.3f", hidden/absent), fmt.Sprintf("%.3f", hidden/again))
	}
	row(out, s.what, cells...)
}
