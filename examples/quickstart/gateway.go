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
	// ended is closed when the process has ended.
	ended chan struct{}
}

// startGateway starts Caddy and waits until it serves.
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
		_ = g.command.Wait() // death tells more, from the log
		close(g.ended)
	}()
	return nil
}

// wait waits until the store answers through the admin API.
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
			return g.death()
		case <-ctx.Done():
			return fmt.Errorf("Caddy does not get ready: %w; its log is .run/caddy.log", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends Caddy, gently for some seconds.
func (g *gateway) stop() { child.Stop(g.command.Process, g.ended) }

// death says why Caddy ended, in the last words of its log if it ended by
// itself.
func (g *gateway) death() error {
	if log, err := os.ReadFile(g.place.inRun("caddy.log")); err == nil && g.command.ProcessState.ExitCode() > 0 {
		if words := lastWords(string(log)); words != "" {
			return fmt.Errorf("Caddy stopped: %s", words)
		}
	}
	return fmt.Errorf("Caddy stopped (%s); its log is .run/caddy.log", g.command.ProcessState)
}

// lastWords are the last error in a log of Caddy: a line of JSON, or of text
// when Caddy had no log yet.
func lastWords(log string) string {
	for _, line := range slices.Backward(strings.Split(strings.TrimSpace(log), "\n")) {
		var entry struct {
			Level   string `json:"level"`
			Message string `json:"msg"`
		}
		words, found := strings.CutPrefix(line, "Error: ")
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Level == "error" {
			words, found = entry.Message, true
		}
		if found {
			_, after, nested := strings.Cut(words, "loading new config: ")
			if nested {
				return after
			}
			return words
		}
	}
	return ""
}

// manage calls the admin API of the plugin.
func (g *gateway) manage(ctx context.Context, method, path string, question, answer any) error {
	var body bytes.Buffer
	if question != nil {
		if err := json.NewEncoder(&body).Encode(question); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+g.admin+"/jira_tokens/"+path, &body)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", "quickstart")
	return send(request, answer)
}

// send makes a request and reads its JSON answer.
func send(request *http.Request, answer any) error {
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
		return refusal(response.StatusCode, text)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the answer of %s is not understood: %w", request.URL.Path, err)
	}
	return nil
}

// refusal is the message of an error's body: the admin API's or Jira's.
func refusal(status int, text []byte) error {
	var body struct {
		Error    string   `json:"error"`
		Messages []string `json:"errorMessages"`
	}
	_ = json.Unmarshal(text, &body) // else there is the status
	switch {
	case body.Error != "":
		return errors.New(body.Error)
	case len(body.Messages) > 0:
		return errors.New(strings.Join(body.Messages, " "))
	}
	return fmt.Errorf("HTTP %d", status)
}
