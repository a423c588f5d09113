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
	"github.com/spf13/pflag"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// client talks to the admin API of a running Caddy.
type client struct {
	address string
	// place are the flags that say where the gateway is, to be repeated in hints.
	place string
	json  bool
	csv   bool
	// width is the maximum width of tables.
	width int
	out   io.Writer
	err   io.Writer
}

// run returns a cobra RunE that calls f with a client.
func run(f func(*client, *cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		cmd.SilenceUsage = true // the flags are fine: do not print the usage on errors
		output, _ := cmd.Flags().GetString("output")
		switch {
		case output == "text", output == "json", output == "csv" && cmd.Name() == "audit":
		case cmd.Name() == "audit":
			return fmt.Errorf("--output: invalid format %q: expected text, json or csv", output)
		default:
			return fmt.Errorf("--output: invalid format %q: expected text or json", output)
		}
		c := &client{json: output == "json", csv: output == "csv", out: cmd.OutOrStdout(), err: cmd.ErrOrStderr()}
		c.width = widthOf(c.out)
		if c.json {
			c.out = &jsonWriter{Writer: c.out}
		}
		if err := c.find(cmd); err != nil {
			return err
		}
		return f(c, cmd, c.cutSecrets(cmd, args))
	}
}

// cutSecrets replaces whole tokens in the arguments and flags with their ids, so
// that the command sends no secrets.
func (c *client) cutSecrets(cmd *cobra.Command, args []string) []string {
	var leaked []string
	cut := func(text string) string {
		without, found := token.CutSecrets(text)
		if found {
			leaked = append(leaked, without)
		}
		return without
	}
	safe := make([]string, len(args))
	for i, arg := range args {
		safe[i] = cut(arg)
	}
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		if flag.Value.Type() == "string" {
			_ = flag.Value.Set(cut(flag.Value.String())) // never fails for a string
		}
	})
	for _, text := range leaked {
		c.progress("Warning: you gave a whole token; using its id, %s, instead. The token may be in your shell's history and visible to other users of this machine: rotate it.", shown(text))
	}
	return safe
}

// hint returns a command that the user can run next, for the same gateway.
func (c *client) hint(args string) string { return "caddy jira-token " + args + c.place }

// change changes a token and prints the result.
func (c *client) change(method, path string, fields map[string]any, done string) error {
	var view admin.Token
	if err := c.call(method, path, nil, fields, &view); err != nil {
		return err
	}
	return c.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "%s token %s of %s (%s). It is now %s.\n", done, view.ID, view.Owner, view.Name, stateText(view))
		if issues := issuesNow(view); issues != "" {
			fmt.Fprintf(w, "It now sees %s: %s.\n", issues, view.Confine)
		}
	})
}

// print prints a result as JSON or as text, as --output says.
func (c *client) print(result any, text func(io.Writer)) error {
	if c.json {
		encoder := json.NewEncoder(c.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	text(c.out)
	return nil
}

// call sends a request and decodes the JSON response into answer.
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
	data, err := io.ReadAll(response.Body)
	if err == nil {
		read := decode
		if c.json {
			read = json.Unmarshal // keep the text as it is: jsonWriter makes it safe
		}
		err = read(data, answer)
	}
	if err != nil {
		return fmt.Errorf("reading the response of the admin API at %s: %w", c.address, err)
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
	if response.Header.Get(admin.VersionHeader) == "" {
		response.Body.Close()
		return nil, fmt.Errorf("the server at %s is not the admin API of jira_tokens: set the right address with --address or --config", c.address)
	}
	return response, nil
}

// userAgent tells the audit trail who ran the command, as far as this machine
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

// answerError is an error that the admin API has answered with.
type answerError struct{ status, message string }

func (e answerError) Error() string { return e.message }

// explain reduces an error from the admin API to what the user needs to know: the
// message, prefixed with the flag that it is about.
func (c *client) explain(err error) error {
	_, answer, ok := strings.Cut(err.Error(), "caddy responded with error: HTTP ")
	if !ok {
		return fmt.Errorf("%w: is Caddy running with its admin API at %s? If it is elsewhere, use --address or --config", err, c.address)
	}
	status, text, _ := strings.Cut(answer, ": ")
	var api struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(text), &api) != nil || api.Error == "" {
		if status == "404" {
			return fmt.Errorf("the Caddy at %s does not know jira_tokens: was it built with the plugin?", c.address)
		}
		return errors.New(shown(err.Error()))
	}
	message := shown(api.Error)
	return answerError{status, withFlag(message)}
}
