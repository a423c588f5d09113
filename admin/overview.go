package admin

import (
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/registry"
)

// Overview says in numbers what there is and what happens, and whether everything works.
type Overview struct {
	Tokens *registry.Overview `json:"tokens"`
	Health Health             `json:"health"`
	// Accounts counts accounts by state.
	Accounts map[string]int `json:"accounts"`
	// Unproven is the number of configured accounts about which this node does not know
	// yet whether Jira accepts them. They count as valid.
	Unproven int `json:"unproven_accounts,omitempty"`
}

// overview counts tokens and denied requests, and says whether everything works.
func (c *call) overview() (int, any, error) {
	tokens, err := c.app.Registry().Overview(c.Context())
	if err != nil {
		return 0, nil, err
	}
	answer := Overview{Tokens: tokens, Health: c.appHealth(c.Context()), Accounts: make(map[string]int)}
	for _, account := range c.app.JiraAccounts().Known() {
		answer.Accounts[string(account.State)]++
		if account.Unproven {
			answer.Unproven++
		}
	}
	return http.StatusOK, answer, nil
}
