package admin

import (
	"context"
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
	c.w.Header().Set("Content-Type", "application/x-ndjson")
	c.w.Header().Set("Cache-Control", "no-store")
	c.noDeadline()
	c.w.Header().Set("Trailer", DamagedTrailer)
	out := &countingWriter{Writer: c.w}
	damaged, err := c.app.Registry().Export(c.Context(), out)
	c.w.Header().Set(DamagedTrailer, strconv.Itoa(damaged))
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
	parameters, err := c.parameters("restore")
	if err != nil {
		return 0, nil, err
	}
	options := registry.ImportOptions{Vet: vetConfinement}
	if text := parameters.Get("restore"); text != "" {
		if options.Restore, err = strconv.ParseBool(text); err != nil {
			return 0, nil, registry.InvalidError{Field: "restore", Err: fmt.Errorf("invalid value %q: expected true or false", text)}
		}
	}
	c.noDeadline()
	result, err := c.app.Registry().Import(c.Context(), c.actor(), c.Body, options)
	if err != nil {
		return 0, nil, fmt.Errorf("%w; %d records before it were imported", err, result.Imported)
	}
	return http.StatusOK, result, nil
}

// check asks Jira whether it accepts the accounts.
func (c *call) check() (int, any, error) {
	c.noDeadline()
	ctx, cancel := context.WithTimeout(c.Context(), 30*time.Second)
	defer cancel()
	results, err := c.checkAccounts(ctx, c.URL.Query().Get("account"))
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
	question := handler.Question{Record: record, Method: parameters.Get("method"), URI: parameters.Get("path")}
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
