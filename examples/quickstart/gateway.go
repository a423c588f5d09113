package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/child"
)

// gateway is a running Caddy.
type gateway struct {
	place    *place
	settings *settings
	// address and admin are the host:port of the gateway and of Caddy's admin API.
	address, admin string
	command        *exec.Cmd
	// ended is closed when the process has exited.
	ended chan struct{}
}

// startGateway starts Caddy and waits until it is ready.
func startGateway(ctx context.Context, place *place, settings *settings, out io.Writer) (*gateway, error) {
	g := &gateway{place: place, settings: settings, ended: make(chan struct{})}
	var err error
	if g.address, err = choosePort(out, "the gateway", gatewayPort); err != nil {
		return nil, err
	}
	if g.admin, err = choosePort(out, "the admin API", adminPort); err != nil {
		return nil, err
	}
	if err := g.start(); err != nil {
		return nil, err
	}
	if err := g.wait(ctx); err != nil {
		g.stop()
		return nil, err
	}
	return g, nil
}

func (g *gateway) start() error {
	config := g.place.inRun("Caddyfile")
	if err := os.WriteFile(config, []byte(g.settings.caddyfile(g.address, g.admin)), 0o600); err != nil {
		return err
	}
	log, err := os.OpenFile(g.place.inRun("caddy.log"), os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // Caddy has its own
	g.command = exec.Command(g.place.caddy(), "run", "--config", config, "--adapter", "caddyfile")
	g.command.Dir = g.place.home
	g.command.Env = append(os.Environ(), g.settings.environment(g.place)...)
	g.command.Stdout, g.command.Stderr = log, log
	g.command.SysProcAttr = child.EndWithParent(syscall.SIGTERM)
	if err := g.command.Start(); err != nil {
		return fmt.Errorf("starting Caddy: %w", err)
	}
	go func() {
		_ = g.command.Wait() // exitError says more, from the log
		close(g.ended)
	}()
	return nil
}

// wait waits until the admin API can read the store.
func (g *gateway) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		err := g.manage(ctx, http.MethodGet, "tokens?limit=1", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-g.ended:
			return g.exitError()
		case <-ctx.Done():
			return fmt.Errorf("Caddy was not ready in time: %w; its log is .run/caddy.log", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop asks Caddy to exit, and kills it if it does not.
func (g *gateway) stop() { child.Stop(g.command.Process, g.ended) }

// exitError describes why Caddy exited, with the last error in its log if it
// failed.
func (g *gateway) exitError() error {
	if log, err := os.ReadFile(g.place.inRun("caddy.log")); err == nil && g.command.ProcessState.ExitCode() > 0 {
		if message := lastError(string(log)); message != "" {
			return fmt.Errorf("Caddy stopped: %s", message)
		}
	}
	return fmt.Errorf("Caddy stopped (%s); its log is .run/caddy.log", g.command.ProcessState)
}

// lastError returns the last error in a log of Caddy: a JSON line, or plain text
// if Caddy failed before it opened its log.
func lastError(log string) string {
	for _, line := range slices.Backward(strings.Split(strings.TrimSpace(log), "\n")) {
		var entry struct {
			Level   string `json:"level"`
			Message string `json:"msg"`
		}
		message, found := strings.CutPrefix(line, "Error: ")
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Level == "error" {
			message, found = entry.Message, true
		}
		if found {
			_, after, nested := strings.Cut(message, "loading new config: ")
			if nested {
				return after
			}
			return message
		}
	}
	return ""
}

// manage calls the plugin's admin API. It encodes payload as JSON and decodes the
// response into result; either may be nil.
func (g *gateway) manage(ctx context.Context, method, path string, payload, result any) error {
	var body bytes.Buffer
	if payload != nil {
		if err := json.NewEncoder(&body).Encode(payload); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+g.admin+"/jira_tokens/"+path, &body)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "quickstart")
	return send(request, result)
}

// send sends a request and decodes the JSON response into result, unless it is
// nil.
func send(request *http.Request, result any) error {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return responseError(response.StatusCode, text)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(text, result); err != nil {
		return fmt.Errorf("unexpected response from %s: %w", request.URL.Path, err)
	}
	return nil
}

// responseError returns the message in an error response of the admin API or of
// Jira.
func responseError(status int, text []byte) error {
	var body struct {
		Error    string   `json:"error"`
		Messages []string `json:"errorMessages"`
	}
	_ = json.Unmarshal(text, &body) // if it fails, the status is all there is
	switch {
	case body.Error != "":
		return errors.New(body.Error)
	case len(body.Messages) > 0:
		return errors.New(strings.Join(body.Messages, " "))
	}
	return fmt.Errorf("HTTP %d", status)
}
