package main

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// caddy is a running Caddy.
type caddy struct {
	*process
	address, admin string
}

// caddyOptions describe a Caddy to start.
type caddyOptions struct {
	name string
	// program overrides the binary under test.
	program string
	// global is added to the global options; site is the body of the site block.
	global, site string
}

// startCaddy launches a Caddy with one site and waits until it is ready.
func (l *lab) startCaddy(o caddyOptions) (*caddy, error) {
	c, err := l.launchCaddy(o)
	if err != nil {
		return nil, err
	}
	return c, l.until(c.process, 10*time.Millisecond, func() error {
		if err := dialable(c.address); err != nil {
			return err
		}
		return c.call(http.MethodGet, "/config/", nil, nil)
	})
}

// launchCaddy starts a Caddy without waiting for it to be ready.
func (l *lab) launchCaddy(o caddyOptions) (*caddy, error) {
	dir, err := os.MkdirTemp(l.dir, "caddy")
	if err != nil {
		return nil, err
	}
	c := new(caddy)
	if c.address, err = l.freeAddress(); err != nil {
		return nil, err
	}
	if c.admin, err = l.freeAddress(); err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(c.address)
	config := filepath.Join(dir, "Caddyfile")
	text := fmt.Sprintf("{\n\tadmin %s\n\tpersist_config off\n%s}\n\nhttp://:%s {\n\tbind 127.0.0.1\n%s}\n", c.admin, o.global, port, o.site)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	c.process, err = l.startIn(dir, o.name, cmp.Or(o.program, l.caddy), "run", "--config", config, "--adapter", "caddyfile")
	return c, err
}

// gatewayOptions returns the global options of a gateway that uses the given
// token store.
func gatewayOptions(store string) string {
	return "\tjira_tokens {\n\t\tstore " + store + "\n\t\taccount default {\n\t\t\tbasic svc-bi@example.com bench-secret\n\t\t}\n\t}\n"
}

// call sends a request to the admin endpoint. It encodes payload as JSON and
// decodes the response into result; either may be nil. A *[]byte receives the
// body as it is.
func (c *caddy) call(method, path string, payload, result any) error {
	var body bytes.Buffer
	if payload != nil {
		if err := json.NewEncoder(&body).Encode(payload); err != nil {
			return err
		}
	}
	request, err := http.NewRequest(method, "http://"+c.admin+path, &body)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "bench")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s of %s: %w", method, path, c.name, err)
	case response.StatusCode >= http.StatusBadRequest:
		return fmt.Errorf("%s %s of %s: HTTP %d: %s", method, path, c.name, response.StatusCode, text)
	case result == nil:
		return nil
	}
	if raw, ok := result.(*[]byte); ok {
		*raw = text
		return nil
	}
	return json.Unmarshal(text, result)
}

// issued is a new token, as its owner receives it.
type issued struct {
	ID    string `json:"id"`
	Owner string `json:"owner"`
	Token string `json:"token"`
}

// issue creates a token.
func (c *caddy) issue(name string) (issued, error) {
	var made issued
	err := c.call(http.MethodPost, "/jira_tokens/tokens",
		map[string]any{"owner": "bench@example.com", "name": name, "scope": "read", "expires_at": "1d"}, &made)
	return made, err
}

// request returns the bytes that a client sends. Only the host and the
// credentials differ between the processes under test.
func request(host, user, password string) []byte {
	return fmt.Appendf(nil, "GET /rest/api/2/search?jql=project%%3DDEMO&maxResults=50 HTTP/1.1\r\nHost: %s\r\n"+
		"User-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: application/json\r\n"+
		"Content-Type: application/json\r\nAuthorization: Basic %s\r\n\r\n",
		host, base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}
