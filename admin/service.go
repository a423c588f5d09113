package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
)

func (c *call) export() (int, any, error) {
	parameters, err := c.parameters("position")
	if err != nil {
		return 0, nil, err
	}
	var from registry.ExportPosition
	if text := parameters.Get("position"); text != "" {
		if err := json.Unmarshal([]byte(text), &from); err != nil {
			return 0, nil, registry.InvalidError{Field: "position", Err: fmt.Errorf("invalid position: expected one from an export: %w", err)}
		}
	}
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	c.w.Header().Set("Cache-Control", "no-store")
	c.noDeadline()
	c.w.Header().Set("Trailer", DamagedTrailer)
	out := &countingWriter{Writer: c.w}
	reached, err := c.app.Registry().Export(c.Context(), out, from, c.app.MovableDocuments())
	c.w.Header().Set(DamagedTrailer, strconv.Itoa(reached.Damaged))
	if err != nil && out.written > 0 {
		// The response has begun with status 200: only a broken connection can
		// tell the client that it is incomplete.
		panic(http.ErrAbortHandler)
	}
	return 0, nil, err
}

// countingWriter counts the bytes written, to tell whether a response has begun.
type countingWriter struct {
	io.Writer
	written int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.written += len(p)
	return w.Writer.Write(p)
}

// noDeadline lifts the time limits that Caddy's admin endpoint sets on every
// request. It is for requests that may take long.
func (c *call) noDeadline() {
	control := http.NewResponseController(c.w)
	_ = control.SetReadDeadline(time.Time{}) // not every connection supports it
	_ = control.SetWriteDeadline(time.Time{})
}

func (c *call) importRecords() (int, any, error) {
	parameters, err := c.parameters("restore", "check", "line", "exported_at")
	if err != nil {
		return 0, nil, err
	}
	options := registry.ImportOptions{Vet: vetConfinement, Documents: c.app.MovableDocuments()}
	for name, to := range map[string]*bool{"restore": &options.Restore, "check": &options.Check} {
		if text := parameters.Get(name); text != "" {
			if *to, err = strconv.ParseBool(text); err != nil {
				return 0, nil, registry.InvalidError{Field: name, Err: fmt.Errorf("invalid value %q: expected true or false", text)}
			}
		}
	}
	if text := parameters.Get("line"); text != "" {
		if options.FirstLine, err = strconv.Atoi(text); err != nil || options.FirstLine < 1 {
			return 0, nil, registry.InvalidError{Field: "line", Err: fmt.Errorf("invalid line %q: expected the number of the first line, from 1", text)}
		}
	}
	if text := parameters.Get("exported_at"); text != "" {
		if options.ExportedAt, err = time.Parse(time.RFC3339, text); err != nil {
			return 0, nil, registry.InvalidError{Field: "exported_at", Err: fmt.Errorf("invalid time %q: expected one such as 2027-01-31T12:00:00Z", text)}
		}
	}
	c.noDeadline()
	result, err := c.app.Registry().Import(c.Context(), c.actor(), c.Body, options)
	switch {
	case err != nil && options.Check:
		return 0, nil, err
	case err != nil:
		return 0, nil, fmt.Errorf("%w; %d records before it were imported", err, result.Imported+result.Updated)
	}
	return http.StatusOK, result, nil
}

// check asks Jira whether it accepts the accounts.
func (c *call) check() (int, any, error) {
	parameters, err := c.parameters("account")
	if err != nil {
		return 0, nil, err
	}
	c.noDeadline()
	ctx, cancel := context.WithTimeout(c.Context(), 30*time.Second)
	defer cancel()
	results, err := c.checkAccounts(ctx, parameters.Get("account"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, CheckResults{results}, nil
}

// health answers 503 when something is wrong, for probes that do not read JSON.
func (c *call) health() (int, any, error) {
	health := c.appHealth(c.Context())
	if !health.OK {
		return http.StatusServiceUnavailable, health, nil
	}
	return http.StatusOK, health, nil
}

// explain describes what would happen to a request with a token.
func (c *call) explain() (int, any, error) {
	parameters, err := c.parameters("token", "method", "path", "from")
	if err != nil {
		return 0, nil, err
	}
	record, err := c.tokens.Show(c.Context(), parameters.Get("token"))
	if err != nil {
		return 0, nil, err
	}
	question := handler.Question{Record: record, Method: parameters.Get("method"), URI: parameters.Get("path"), ForHolder: c.visitor != nil && !c.visitor.Desk.Manages()}
	if from := parameters.Get("from"); from != "" {
		if question.Address, err = netip.ParseAddr(from); err != nil {
			return 0, nil, registry.InvalidError{Field: "from", Err: fmt.Errorf("invalid address %q: expected an IP address such as 203.0.113.7", from)}
		}
	}
	explanations, err := c.ask(c.Context(), question)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, Explanations{explanations}, nil
}
