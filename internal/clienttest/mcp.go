package clienttest

import (
	"bufio"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/npmtest"
)

// mcpFiles pin an MCP server for Jira and all that it needs, by checksum.
//
//go:embed mcp
var mcpFiles embed.FS

// MCP is a running MCP server for Jira, as an AI agent uses it: it takes calls of
// tools on its standard input and prints their results.
//
// https://modelcontextprotocol.io/specification/2025-06-18
type MCP struct {
	t       testing.TB
	stdin   io.WriteCloser
	answers *bufio.Scanner
	last    int
}

// StartMCP starts an MCP server for a target. It is stopped when the test ends.
func StartMCP(t testing.TB, target Target) *MCP {
	t.Helper()
	node := npmtest.Node(t)
	pinned, err := fs.Sub(mcpFiles, "mcp")
	if err != nil {
		t.Fatal(err)
	}
	modules := npmtest.Install(t, pinned)
	command := exec.CommandContext(t.Context(), node, filepath.Join(modules, "@nexus2520", "jira-mcp-server", "build", "index.js"))
	command.Env = append(os.Environ(), "JIRA_BASE_URL="+target.BaseURL, "JIRA_EMAIL="+target.User, "JIRA_API_TOKEN="+target.Secret, "HOME="+target.Home)
	command.Stderr = os.Stderr
	m := &MCP{t: t}
	if m.stdin, err = command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.stdin.Close() // which ends the server
		_ = command.Wait()
	})
	m.answers = bufio.NewScanner(stdout)
	m.answers.Buffer(nil, 16<<20)
	m.request("initialize", map[string]any{"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "test", "version": "1"}}, nil)
	m.send(map[string]any{"jsonrpc": "2.0", "method": "notifications/initialized"})
	return m
}

// Call calls a tool and returns the text of its result, and whether it says that
// it failed.
func (m *MCP) Call(tool string, arguments map[string]any) (text string, failed bool) {
	m.t.Helper()
	var result struct {
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
		IsError bool `json:"isError"`
	}
	m.request("tools/call", map[string]any{"name": tool, "arguments": arguments}, &result)
	var all strings.Builder
	for _, part := range result.Content {
		all.WriteString(part.Text + "\n")
	}
	return all.String(), result.IsError
}

func (m *MCP) send(message map[string]any) {
	m.t.Helper()
	line, err := json.Marshal(message)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.stdin.Write(append(line, '\n')); err != nil {
		m.t.Fatal(err)
	}
}

// request sends a JSON-RPC request and waits for its answer.
func (m *MCP) request(method string, params map[string]any, result any) {
	m.t.Helper()
	m.last++
	m.send(map[string]any{"jsonrpc": "2.0", "id": m.last, "method": method, "params": params})
	for m.answers.Scan() {
		var answer struct {
			ID     int             `json:"id"`
			Result json.RawMessage `json:"result"`
			Error  json.RawMessage `json:"error"`
		}
		if err := json.Unmarshal(m.answers.Bytes(), &answer); err != nil {
			m.t.Fatalf("%s: %v in %s", method, err, m.answers.Text())
		}
		if answer.ID != m.last {
			continue // a notification
		}
		if answer.Error != nil {
			m.t.Fatalf("%s: %s", method, answer.Error)
		}
		if result != nil {
			if err := json.Unmarshal(answer.Result, result); err != nil {
				m.t.Fatalf("%s: %v in %s", method, err, answer.Result)
			}
		}
		return
	}
	m.t.Fatalf("%s: the server ended: %v", method, m.answers.Err())
}
