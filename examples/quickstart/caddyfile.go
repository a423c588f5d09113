package main

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// Ports that are used when they are free.
const (
	gatewayPort = 8090
	standInPort = 8091
	adminPort   = 2029 // 2019 is that of another Caddy here, perhaps
)

// caddyfile is the configuration of the gateway. Credentials, and what could
// hold some, come from the environment of Caddy's process: see environment.
func (s *settings) caddyfile(gateway, admin string) string {
	account := "basic {env.JIRA_USER} {env.JIRA_SECRET}"
	if s.user == "" {
		account = "bearer {env.JIRA_SECRET}"
	}
	store := "store file .run/tokens.db"
	if s.redis != "" {
		store = "store redis {$REDIS}"
	}
	_, port, _ := net.SplitHostPort(gateway)
	return strings.NewReplacer("ADMIN", admin, "STORE", store, "ACCOUNT", account, "PORT", port, "JIRA_URL", s.jira).Replace(
		`# Written by make run, anew every time.
{
	admin ADMIN
	persist_config off
	servers {
		max_header_size 64KiB
	}
	jira_tokens {
		STORE
		account default {
			ACCOUNT
		}
	}
}

# Plain HTTP, since it is on loopback.
http://localhost:PORT, http://127.0.0.1:PORT {
	bind 127.0.0.1
	log
	jira_gateway JIRA_URL
}

# Any other host.
http://:PORT {
	bind 127.0.0.1
	respond "This host is not a Jira gateway." 421
}
`)
}

// environment is what the Caddyfile's placeholders stand for, as NAME=value,
// and directories that keep Caddy out of the home directory.
func (s *settings) environment(place *place) []string {
	return []string{
		"JIRA_USER=" + s.user, "JIRA_SECRET=" + s.secret, "REDIS=" + s.redis,
		"XDG_DATA_HOME=" + place.inRun("data"), "XDG_CONFIG_HOME=" + place.inRun("config"),
	}
}

// choosePort returns a loopback address with this port, or with a free one and
// a word about it.
func choosePort(out io.Writer, what string, port int) (string, error) {
	wanted := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if listener, err := net.Listen("tcp", wanted); err == nil {
		return wanted, listener.Close()
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no port is free for %s: %w", what, err)
	}
	fmt.Fprintf(out, "Port %d is taken: %s is at %s instead.\n", port, what, listener.Addr())
	return listener.Addr().String(), listener.Close()
}
