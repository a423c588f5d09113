// Command caddy is Caddy with the jira_tokens modules: the same program that
// xcaddy builds from xcaddy.json, for use with go run and go build.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/jiratokens/caddy-jira-tokens"
)

func main() {
	caddycmd.Main()
}
