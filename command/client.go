package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/user"
	"strings"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

// client talks to the admin API of a running Caddy.
type client struct {
	address string
	json    bool
	out     io.Writer
	err     io.Writer
}

// run makes a command of a function that needs a client.
func run(f func(*client, *cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SilenceUsage = true // the mistake is not in the flags
		output, _ := cmd.Flags().GetString("output")
		if output != "text" && output != "json" {
			return fmt.Errorf("--output: %q: want text or json", output)
		}
		address, _ := cmd.Flags().GetString("address")
		config, _ := cmd.Flags().GetString("config")
		adapter, _ := cmd.Flags().GetString("adapter")
		address, err := caddycmd.DetermineAdminAPIAddress(address, nil, config, adapter)
		if err != nil {
			return fmt.Errorf("finding the address of the admin API: %w", err)
		}
		return f(&client{address: address, json: output == "json", out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}, cmd, args)
	}
}

// change makes a change and prints the token as it is then.
func (c *client) change(method, path string, fields map[string]any, done string) error {
	var view admin.Token
	if err := c.call(method, path, nil, fields, &view); err != nil {
		return err
	}
	return c.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "%s token %s of %s (%s). It is %s.\n", done, view.ID, view.Owner, view.Name, view.State)
	})
}

// print shows a result as JSON, or as text.
func (c *client) print(result any, text func(io.Writer)) error {
	if c.json {
		encoder := json.NewEncoder(c.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	text(c.out)
	return nil
}

// call makes a request and reads its JSON answer.
func (c *client) call(method, path string, query url.Values, fields map[string]any, answer any) error {
	var body io.Reader
	if method != http.MethodGet {
		text, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	response, err := c.request(method, path, query, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("reading the answer of the admin API: %w", err)
	}
	return nil
}

func (c *client) request(method, path string, query url.Values, body io.Reader) (*http.Response, error) {
	uri := admin.Base + path
	if len(query) > 0 {
		uri += "?" + query.Encode()
	}
	response, err := caddycmd.AdminAPIRequest(c.address, method, uri, http.Header{"User-Agent": {userAgent()}}, body)
	if err != nil {
		return nil, c.explain(err)
	}
	return response, nil
}

// userAgent tells the audit trail who runs the command, as far as this machine
// knows.
func userAgent() string {
	agent := "caddy jira-token"
	if u, err := user.Current(); err == nil {
		agent += " as " + u.Username
	}
	if host, err := os.Hostname(); err == nil {
		agent += "@" + host
	}
	return agent
}

// explain makes of an error of the admin API what the user needs to know: the
// message alone, with the flag it is about.
func (c *client) explain(err error) error {
	_, answer, ok := strings.Cut(err.Error(), "caddy responded with error: HTTP ")
	if !ok {
		return fmt.Errorf("%w: is Caddy running, with its admin API at %s? --address or --config say where else", err, c.address)
	}
	status, text, _ := strings.Cut(answer, ": ")
	var api struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(text), &api) != nil || api.Error == "" {
		if status == "404" {
			return fmt.Errorf("the Caddy at %s has no jira_tokens: is it built with the plugin?", c.address)
		}
		return err
	}
	for name, flag := range flagNames() {
		if message, ok := strings.CutPrefix(api.Error, name+": "); ok {
			return fmt.Errorf("--%s: %s", flag, message)
		}
	}
	return errors.New(api.Error)
}
