package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
)

// The credentials used where there are no tokens.
const (
	benchUser     = "bench@example.com"
	benchPassword = "bench-password"
)

// variant is a configuration to measure.
type variant struct {
	name string // as on the command line
	what string // as in the report
	// start starts it in front of the Jira at url.
	start func(l *lab, v variant, url string) (*running, error)
}

// running is a variant that has been started.
type running struct {
	variant
	*caddy
	target target
}

func variants() []variant {
	return []variant{
		{"plain", "`reverse_proxy`, defaults", startPlain},
		{"control", "the same again (A/A)", startPlain},
		{"tuned", "`reverse_proxy`, tuned", startTuned},
		{"basic_auth", "`basic_auth` + `reverse_proxy`", startBasicAuth},
		{"gateway", "`jira_gateway`", startGateway},
		{"gateway_before", "`jira_gateway`, earlier build", startGatewayBefore},
	}
}

func findVariant(name string) (variant, error) {
	var names []string
	for _, v := range variants() {
		if v.name == name {
			return v, nil
		}
		names = append(names, v.name)
	}
	return variant{}, fmt.Errorf("unknown process %q: expected one of %s", name, strings.Join(names, ", "))
}

// startVariants starts the named variants in front of one upstream and verifies
// each.
func (l *lab) startVariants(names []string, url string) ([]*running, error) {
	var all []*running
	for _, name := range names {
		v, err := findVariant(name)
		if err != nil {
			return nil, err
		}
		r, err := v.start(l, v, url)
		if err != nil {
			return nil, err
		}
		if err := r.verify(url); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func startPlain(l *lab, v variant, url string) (*running, error) {
	return startSite(l, v, "\treverse_proxy "+url+"\n")
}

// startTuned uses jira_gateway's transport options: see idleConnections in handler.
func startTuned(l *lab, v variant, url string) (*running, error) {
	return startSite(l, v, "\treverse_proxy "+url+" {\n\t\ttransport http {\n\t\t\tkeepalive_idle_conns_per_host 256\n\t\t}\n\t}\n")
}

func startBasicAuth(l *lab, v variant, url string) (*running, error) {
	hash, err := exec.CommandContext(l.ctx, l.caddy, "hash-password", "--plaintext", benchPassword).Output()
	if err != nil {
		return nil, fmt.Errorf("caddy hash-password: %w", err)
	}
	return startSite(l, v, "\tbasic_auth {\n\t\t"+benchUser+" "+strings.TrimSpace(string(hash))+"\n\t}\n\treverse_proxy "+url+"\n")
}

func startSite(l *lab, v variant, site string) (*running, error) {
	c, err := l.startCaddy(caddyOptions{name: v.name, site: site})
	if err != nil {
		return nil, err
	}
	return newRunning(v, c, benchUser, benchPassword), nil
}

func startGateway(l *lab, v variant, url string) (*running, error) {
	return startTokens(l, v, l.caddy, url)
}

func startGatewayBefore(l *lab, v variant, url string) (*running, error) {
	if l.before == "" {
		return nil, errors.New("gateway_before needs -before with the path of an earlier build")
	}
	return startTokens(l, v, l.before, url)
}

func startTokens(l *lab, v variant, program, url string) (*running, error) {
	c, err := l.startCaddy(caddyOptions{
		name: v.name, program: program, global: gatewayOptions("file tokens.db"), site: "\tjira_gateway " + url + "\n",
	})
	if err != nil {
		return nil, err
	}
	made, err := c.issue("compare")
	if err != nil {
		return nil, err
	}
	return newRunning(v, c, made.Owner, made.Token), nil
}

func newRunning(v variant, c *caddy, user, password string) *running {
	return &running{variant: v, caddy: c, target: target{c.address, request(c.address, user, password), c.process}}
}

// verify checks that the process does what its name says: it refuses wrong
// credentials, and links have the right base URL.
func (r *running) verify(url string) error {
	status, body, err := fetch(r.target.address, r.target.request)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("HTTP %d (%w)", status, err)
	}
	base, other := url, "http://"+r.address
	if r.variant.name == "gateway" || r.variant.name == "gateway_before" {
		base, other = other, base
	}
	if !bytes.Contains(body, []byte(base)) || bytes.Contains(body, []byte(other)) {
		return fmt.Errorf("not all links in the response start with %s", base)
	}
	status, _, err = fetch(r.target.address, request(r.address, benchUser, "wrong"))
	open := r.variant.name == "plain" || r.variant.name == "control" || r.variant.name == "tuned"
	if (status == http.StatusOK) != open {
		return fmt.Errorf("HTTP %d for a wrong password (%w)", status, err)
	}
	return nil
}

// fetch sends one request and returns the response's status and body.
func fetch(address string, request []byte) (status int, body []byte, err error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}
