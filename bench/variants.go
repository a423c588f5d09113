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

// What a client authenticates as where there is no token.
const (
	benchUser     = "bench@example.com"
	benchPassword = "bench-password"
)

// variant is a configuration that is measured.
type variant struct {
	name string // as on the command line
	what string // as in the report
	// start starts it in front of the Jira at url.
	start func(l *lab, v variant, url string) (*running, error)
}

// running is a variant that runs.
type running struct {
	variant
	*caddy
	target target
}

func variants() []variant {
	return []variant{
		{"plain", "`reverse_proxy` as it comes", startPlain},
		{"control", "the same once more (A/A)", startPlain},
		{"tuned", "`reverse_proxy`, tuned", startTuned},
		{"basic_auth", "`basic_auth` + `reverse_proxy`", startBasicAuth},
		{"gateway", "`jira_gateway`", startGateway},
		{"gateway_nolinks", "`jira_gateway`, links off", startGatewayWithoutLinks},
		{"gateway_before", "`jira_gateway`, the build before", startGatewayBefore},
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
	return variant{}, fmt.Errorf("no process to measure is called %q: want some of %s", name, strings.Join(names, ","))
}

// startVariants starts the named variants in front of one upstream, and looks
// whether each does what it should.
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
		if err := r.prove(url); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, r)
	}
	return all, nil
}

func startPlain(l *lab, v variant, url string) (*running, error) {
	return startSite(l, v, "\treverse_proxy "+url+"\n")
}

// startTuned sets what jira_gateway sets: see idleConnections in handler.
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
	return startTokens(l, v, l.caddy, "\tjira_gateway "+url+"\n")
}

func startGatewayBefore(l *lab, v variant, url string) (*running, error) {
	if l.before == "" {
		return nil, errors.New("-before must name a program to be measured as gateway_before")
	}
	return startTokens(l, v, l.before, "\tjira_gateway "+url+"\n")
}

func startGatewayWithoutLinks(l *lab, v variant, url string) (*running, error) {
	return startTokens(l, v, l.caddy, "\tjira_gateway "+url+" {\n\t\trewrite_links off\n\t}\n")
}

func startTokens(l *lab, v variant, program, site string) (*running, error) {
	c, err := l.startCaddy(caddyOptions{name: v.name, program: program, global: gatewayOptions("file tokens.db"), site: site})
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

// prove makes sure that what is measured is what the name says: who may not
// pass is refused, and links lead where they should.
func (r *running) prove(url string) error {
	status, body, err := fetch(r.target.address, r.target.request)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("HTTP %d (%w)", status, err)
	}
	base, other := url, "http://"+r.address
	if r.variant.name == "gateway" || r.variant.name == "gateway_before" {
		base, other = other, base
	}
	if !bytes.Contains(body, []byte(base)) || bytes.Contains(body, []byte(other)) {
		return fmt.Errorf("links in the response do not lead to %s, or not all", base)
	}
	status, _, err = fetch(r.target.address, request(r.address, benchUser, "wrong"))
	open := r.variant.name == "plain" || r.variant.name == "control" || r.variant.name == "tuned"
	if (status == http.StatusOK) != open {
		return fmt.Errorf("a wrong password gets HTTP %d (%w)", status, err)
	}
	return nil
}

// fetch makes one request and returns the response's status and body.
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
