package gatewaytest

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	// What the Caddy under test is made of.
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/jiratokens/caddy-jira-tokens"
)

// beCaddy is the environment variable that makes Caddy of this test binary.
const beCaddy = "GATEWAYTEST_BE_CADDY"

func TestMain(m *testing.M) {
	if os.Getenv(beCaddy) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}
