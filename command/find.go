package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// configuration is the part of a Caddy configuration that identifies a gateway.
type configuration struct {
	Admin *caddy.AdminConfig `json:"admin"`
	Apps  struct {
		Tokens *struct {
			Store any `json:"store"`
		} `json:"jira_tokens"`
	} `json:"apps"`
}

// find sets the address of the gateway that the flags specify: the one at
// --address, or the one that runs --config. With --config it makes sure of that,
// since another Caddy may be listening on the default address.
func (c *client) find(cmd *cobra.Command) (err error) {
	address, _ := cmd.Flags().GetString("address")
	file, _ := cmd.Flags().GetString("config")
	adapter, _ := cmd.Flags().GetString("adapter")
	for _, name := range []string{"address", "config", "adapter"} {
		if value, _ := cmd.Flags().GetString(name); value != "" {
			c.place += " --" + name + " " + shellQuote(value)
		}
	}
	if address != "" || file == "" {
		c.address, err = caddycmd.DetermineAdminAPIAddress(address, nil, "", "")
		return err
	}
	data, _, _, err := caddycmd.LoadConfig(file, adapter)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	var config configuration
	if err := json.Unmarshal(data, &config); err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	switch {
	case config.Admin != nil && config.Admin.Disabled:
		return fmt.Errorf("--config: %s turns the admin endpoint off, which this command needs: replace \"admin off\" with, for example, \"admin unix//run/caddy/admin.sock\"", file)
	case config.Apps.Tokens == nil:
		return fmt.Errorf("--config: %s has no jira_tokens: is it the right file?", file)
	}
	if c.address, err = caddycmd.DetermineAdminAPIAddress("", data, file, adapter); err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	return c.checkStore(file, config.Apps.Tokens.Store)
}

// checkStore returns an error if the gateway does not use the store of the
// configuration file.
func (c *client) checkStore(file string, store any) error {
	response, err := caddycmd.AdminAPIRequest(c.address, http.MethodGet, "/config/apps/jira_tokens/store", nil, nil)
	if err != nil {
		return nil // the request that follows reports what is wrong
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var running any
	if err = errors.Join(err, json.Unmarshal(text, &running)); err != nil {
		return fmt.Errorf("the server at %s is not Caddy's admin API: %w", c.address, err)
	}
	if !reflect.DeepEqual(running, store) {
		return fmt.Errorf("the Caddy at %s does not run %s, since its tokens are in another store: reload it, name the file that it runs, or use --address to talk to it as it is", c.address, file)
	}
	return nil
}
