// Package gatewaytest tests the gateway as a whole: a real Caddy in a process
// of its own, a Jira that records every byte that reaches it, and a client that
// sends bytes as they are. It holds tests only.
package gatewaytest
