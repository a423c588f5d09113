// Package gatewaytest tests the gateway as a whole: a real Caddy in its own process, a
// Jira that records every byte that reaches it, and a client that sends raw bytes. It
// contains only tests.
package gatewaytest
