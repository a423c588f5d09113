// Command caddy is Caddy with the jira_tokens modules compiled in: what xcaddy
// builds from xcaddy.json, for `go run` and `go build`.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard" // Caddy's own modules

	_ "github.com/jiratokens/caddy-jira-tokens" // and ours
)

func main() {
	caddycmd.Main()
}
