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

// configuration is what of a configuration says which gateway is meant.
type configuration struct {
	Admin *caddy.AdminConfig `json:"admin"`
	Apps  struct {
		Tokens *struct {
			Store any `json:"store"`
		} `json:"jira_tokens"`
	} `json:"apps"`
}

// find looks for the gateway that the flags mean: the one at --address, or the one
// that runs --config. Another one may well listen where Caddy does by default.
func (c *client) find(cmd *cobra.Command) (err error) {
	address, _ := cmd.Flags().GetString("address")
	file, _ := cmd.Flags().GetString("config")
	adapter, _ := cmd.Flags().GetString("adapter")
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
		return fmt.Errorf("--config: %s turns the admin endpoint off (admin off), which this command talks to: no command reaches that gateway until it has one, such as: admin unix//run/caddy/admin.sock", file)
	case config.Apps.Tokens == nil:
		return fmt.Errorf("--config: %s has no jira_tokens: is it the right file?", file)
	}
	if c.address, err = caddycmd.DetermineAdminAPIAddress("", data, file, adapter); err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	return c.runs(file, config.Apps.Tokens.Store)
}

// runs checks that the gateway has the store of the configuration file.
func (c *client) runs(file string, store any) error {
	response, err := caddycmd.AdminAPIRequest(c.address, http.MethodGet, "/config/apps/jira_tokens/store", nil, nil)
	if err != nil {
		return nil // the request that follows tells what is wrong
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	var running any
	if err = errors.Join(err, json.Unmarshal(text, &running)); err != nil {
		return fmt.Errorf("what answers at %s is not Caddy's admin API: %w", c.address, err)
	}
	if !reflect.DeepEqual(running, store) {
		return fmt.Errorf("the Caddy at %s does not run %s: its tokens are in another store; reload it, or name the file that it runs, or --address to use it as it is", c.address, file)
	}
	return nil
}
