package gatewaytest

import (
	"os"
	"testing"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	// The modules of the Caddy under test.
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/jiratokens/caddy-jira-tokens"
)

// runAsCaddy is the environment variable that makes this test binary run as Caddy.
const runAsCaddy = "GATEWAYTEST_BE_CADDY"

func TestMain(m *testing.M) {
	if os.Getenv(runAsCaddy) != "" {
		caddycmd.Main()
		return
	}
	os.Exit(m.Run())
}
