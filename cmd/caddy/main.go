// Command caddy is Caddy with the jira_tokens modules compiled in: what xcaddy
// builds from xcaddy.json, for `go run` and `go build`.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	// The standard modules, and ours.
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	_ "github.com/jiratokens/caddy-jira-tokens"
)

func main() {
	caddycmd.Main()
}
