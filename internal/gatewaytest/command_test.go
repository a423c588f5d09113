package gatewaytest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func decodeJSON(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Errorf("%v in %s", err, text)
	}
}

func TestCommand(t *testing.T) {
	g := startGateway(t, options{apps: "account reporting {\nbearer reporting-secret-88\n}"})
	g.account = append(g.account, "reporting-secret-88")
	var made issued
	r := g.tokenCommand("create", "--owner", "o'hara $x", "--name", "BI \"export\"", "--scope", "write", "--expires", "90d", "--allow-ip", "127.0.0.0/8", "--allow-ip", "::1", "--deny-ip", "10.0.0.1", "--account", "reporting", "-o", "json")
	decodeJSON(t, r.out, &made)
	if r.code != 0 || r.err != "" || made.Token == "" || made.Account != "reporting" || made.State != "active" {
		t.Fatal(r)
	}
	g.guard(made.Owner, made.Token)

	// The curl line works as pasted.
	r = g.tokenCommand("create", "--owner", "o'hara $x", "--name", "curl", "--expires", "30d")
	token := regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`).FindString(r.out)
	line := lineWith(r.out, "curl -u")
	if r.code != 0 || r.err != "" || token == "" || line == "" {
		t.Fatal(r)
	}
	g.guard("o'hara $x", token)
	if _, err := exec.LookPath("curl"); err == nil {
		out, err := exec.Command("sh", "-c", strings.Replace(line, "https://GATEWAY", "http://"+g.addr, 1)+" -s --noproxy '*'").CombinedOutput()
		if err != nil || string(out) != `{"ok":true}` {
			t.Errorf("%s: %s, %v", line, out, err)
		}
		g.up.take()
	}

	secrets := func(r result) {
		t.Helper()
		if strings.Contains(r.out+r.err, made.Token[14:]) || strings.Contains(r.out+r.err, token[14:]) || strings.Contains(r.out+r.err, "reporting-secret") {
			t.Errorf("a secret is shown: %s", r)
		}
	}
	for _, args := range [][]string{
		{"show", made.ID},
		{"list"},
		{"list", "--owner", "O'HARA $X"},
		{"list", "--search", "export"},
		{"list", "--state", "active", "--limit", "1"},
		{"update", made.ID, "--name", "new name", "--expires", "never"},
		{"update", made.ID, "--allow-ip", "", "--deny-ip", "192.0.2.0/24"},
		{"disable", made.ID},
		{"disable", made.ID},
		{"enable", made.ID},
		{"audit"},
		{"audit", "--since", "1h"},
		{"audit", "--token", made.ID},
		{"check", "--account", "default"},
	} {
		if args[0] == "check" {
			g.up.answerWith(reply("200 OK", "Content-Type: application/json\r\n", `{"name":"svc-bi","displayName":"Service"}`))
		}
		text, asJSON := g.token(args...), g.token(append(args, "--output", "json")...)
		secrets(text)
		secrets(asJSON)
		if text.code != 0 || asJSON.code != 0 || text.out == "" || strings.HasPrefix(text.out, "{") {
			t.Errorf("%q: %s%s", args, text, asJSON)
		}
		for _, part := range strings.SplitAfter(strings.TrimSpace(asJSON.out), "\n") {
			if args[0] != "audit" {
				part = asJSON.out
			}
			if !json.Valid([]byte(part)) {
				t.Errorf("%q: not JSON: %s", args, part)
			}
		}
	}
	g.up.answer(nil)

	var shown issued
	r = g.token("show", made.ID, "-o", "json")
	decodeJSON(t, r.out, &shown)
	if r := g.token("update", made.ID, "--name", "a", "--version", fmt.Sprint(shown.Version)); r.code != 0 {
		t.Error(r)
	}
	if r := g.token("update", made.ID, "--name", "b", "--version", fmt.Sprint(shown.Version)); r.code == 0 || !strings.Contains(r.err, "version") {
		t.Errorf("version conflict: %s", r)
	}
	var rotated issued
	r = g.token("rotate", made.ID, "--overlap", "1h", "-o", "json")
	decodeJSON(t, r.out, &rotated)
	g.guard(rotated.Owner, rotated.Token)
	if r.code != 0 || rotated.ID != made.ID || rotated.Token == made.Token {
		t.Error(r)
	}
	if r := g.token("rotate", made.ID); r.code != 0 || !strings.Contains(r.out, "curl -u") {
		t.Error(r)
	} else {
		g.guard(made.Owner, regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`).FindString(r.out))
	}
	if r := g.token("revoke", made.ID); r.code != 0 {
		t.Error(r)
	}

	// A mistake gets one line that names the flag and what is allowed.
	for _, c := range []struct {
		args string
		want []string
	}{
		{"create", []string{"name"}},
		{"create --name x", []string{"--owner", "--external"}},
		{"create --owner a --external b --name x", []string{"owner", "external"}},
		{"create --external a --name x", []string{"--purpose"}},
		{"create --external a --name x --purpose y", []string{"--responsible"}},
		{"create --owner a", []string{"name"}},
		{"create --owner a:b --name x", []string{"--owner", "colon"}},
		{"create --owner a --name=", []string{"--name", "1 to 100"}},
		{"create --owner a --name x --scope all", []string{"--scope", "read", "write", "admin"}},
		{"create --owner a --name x --expires 2001-01-01", []string{"--expires", "past"}},
		{"create --owner a --name x --expires soon", []string{"--expires", "90d", "never"}},
		{"create --owner a --name x --expires 2300-01-01", []string{"--expires"}},
		{"create --owner a --name x --expires -5d", []string{"--expires"}},
		{"create --owner a --name x --not-before soon", []string{"--not-before", "90d"}},
		{"create --owner a --name x --not-before 2300-01-01", []string{"--not-before"}},
		{"create --owner a --name x --not-before 2d --expires 1d", []string{"not-before"}},
		{"create --owner a --name x --allow-ip 10.0.0.0/40", []string{"--allow-ip", "10.0.0.0/40"}},
		{"create --owner a --name x --allow-ip 10.0.0.1/8", []string{"--allow-ip", "10.0.0.0/8"}},
		{"create --owner a --name x --deny-ip host", []string{"--deny-ip", "host"}},
		{"create --owner a --name x --account nope", []string{"--account", "default", "reporting"}},
		{"create --owner a --name x --colour red", []string{"--colour", "`caddy jira-token create --help`"}},
		{"create --owner a --name x y", []string{`unexpected argument "y"`, "quotes"}},
		{"create --owner a --name x --output xml", []string{"--output", "text", "json"}},
		{"update " + made.ID, []string{"--name", "--scope"}},
		{"update " + made.ID + " --owner b", []string{"owner"}},
		{"update " + made.ID + " --name x", []string{"revoked"}},
		{"update " + token[3:13] + " --version 0 --name x", []string{"--version"}},
		{"update " + token[3:13] + " --version 1", []string{"nothing to change"}},
		{"update " + made.ID + " --version x", []string{"--version"}},
		{"rotate " + made.ID, []string{"revoked"}},
		{"rotate " + made.ID + " --overlap 90d", []string{"--overlap"}},
		{"rotate " + made.ID + " --overlap x", []string{"--overlap", "12h"}},
		{"enable " + made.ID, []string{"revoked"}},
		{"show", []string{"ID"}},
		{"show a b", []string{"one argument"}},
		{"show zzzzzzzzzz", []string{"zzzzzzzzzz", "no such token"}},
		{"show ../../config", []string{"expected one argument"}},
		{"list --state gone", []string{"--state", "active", "revoked"}},
		{"list --limit -1", []string{"--limit"}},
		{"list --limit x", []string{`--limit: invalid value "x": expected a whole number`}},
		{"list extra", []string{`unexpected argument "extra"`}},
		{"list " + token, []string{`unexpected argument "` + token[3:13] + `"`}},
		{"import tokens.ndjson", []string{"tokens.ndjson", "import < tokens.ndjson"}},
		{"export tokens.ndjson", []string{"tokens.ndjson", "export > tokens.ndjson"}},
		{"audit --since x", []string{"--since", "24h"}},
		{"audit --token zz", []string{"--token"}},
		{"check --account nope", []string{"--account", "default"}},
		{"nonsense", []string{"nonsense"}},
		{token, []string{token[3:13]}},
	} {
		r := g.token(strings.Fields(c.args)...)
		secrets(r)
		if r.code == 0 || r.out != "" {
			t.Errorf("%s: %s", c.args, r)
		}
		for _, part := range c.want {
			if !strings.Contains(r.err, part) {
				t.Errorf("%s: does not say %q: %s", c.args, part, r)
			}
		}
		if lines := strings.Count(strings.TrimSpace(r.err), "\n"); lines > 1 {
			t.Errorf("%s: %d lines: %s", c.args, lines+1, r)
		}
	}
	for _, args := range [][]string{{"show", "zzzzzzzzzz"}, {"create", "--owner", "a", "--name", "x", "--scope", "all"}, {"list", "--colour"}} {
		inside, outside := g.token(args...), g.tokenCommand(args...)
		if inside.err != outside.err || outside.code == 0 || outside.out != "" {
			t.Errorf("%q: %s\nin this process: %s", args, outside, inside)
		}
	}
	// If a whole token is given in place of its ID, the command cuts it and says so.
	for _, args := range [][]string{
		{"show", token}, {"show", token[3:]}, {"list", "--search", token}, {"audit", "--token", token},
		{"explain", "--token", token, "GET", issuePath},
	} {
		r := g.token(args...)
		secrets(r)
		if r.code != 0 || !strings.Contains(r.out, token[3:13]) && args[0] != "explain" || !strings.Contains(r.err, "whole token") {
			t.Errorf("%s: %s", args[0], r)
		}
	}
	if strings.Contains(g.log.String(), token[14:]) {
		t.Errorf("a secret on the command line is in Caddy's log: %s", lineWith(g.log.String(), token[14:]))
	}

	g.up.answerWith(reply("401 Unauthorized", "", ""))
	if r := g.token("check"); r.code == 0 || !strings.Contains(r.out, "401") || !strings.Contains(r.out, "reporting") {
		t.Errorf("check: %s", r)
	}
	g.up.answer(nil)

	gone := newGateway(t, options{})
	if r := gone.token("list"); r.code == 0 || !strings.Contains(r.err, "is Caddy running") || !strings.Contains(r.err, gone.admin) {
		t.Errorf("without Caddy: %s", r)
	}
}

func TestCommandManyTokens(t *testing.T) {
	g := startGateway(t, options{})
	const count = 3000
	first := g.issue("first", "read")
	record := lineWith(g.token("export").out, first.ID)
	if strings.Contains(record, first.Token[14:]) {
		t.Errorf("a secret is in the export: %s", record)
	}
	var lines strings.Builder
	for i := range count {
		lines.WriteString(strings.Replace(record, first.ID, fmt.Sprintf("%010d", i), 1) + "\n")
	}
	importAll(t, g, lines.String(), count)
	r := g.token("list", "-o", "json")
	var page struct{ Tokens []issued }
	decodeJSON(t, r.out, &page)
	seen := make(map[string]bool)
	for _, token := range page.Tokens {
		seen[token.ID] = true
	}
	if r.code != 0 || len(page.Tokens) != count+1 || len(seen) != count+1 {
		t.Errorf("%d tokens, %d of them distinct; exit status %d, %s", len(page.Tokens), len(seen), r.code, r.err)
	}
	r = g.token("list")
	if rows := strings.Count(r.out, "\n"); r.code != 0 || rows != count+2 {
		t.Errorf("%d rows; exit status %d, %s", rows, r.code, r.err)
	}
	// Columns keep their positions from page to page.
	rows := strings.Split(r.out, "\n")
	place := strings.Index(rows[0], "SCOPE")
	for i, row := range rows[1 : count+2] {
		if len(row) < place || !strings.HasPrefix(row[place:], "read") {
			t.Errorf("row %d is not aligned:\n%s\n%s", i, rows[0], row)
			break
		}
	}
	for limit, want := range map[string]int{"1": 1, "1000": 1000, "1001": 1001, "2500": 2500, "0": count + 1, "5000": count + 1} {
		r := g.token("list", "--limit", limit, "-o", "json")
		decodeJSON(t, r.out, &page)
		if len(page.Tokens) != want {
			t.Errorf("--limit %s: %d tokens", limit, len(page.Tokens))
		}
	}

	// To a second gateway, with the same tokens.
	other := startGateway(t, options{})
	export := g.token("export")
	lines = strings.Builder{}
	for line := range strings.Lines(export.out) {
		if strings.Contains(line, first.ID) || strings.Contains(line, `"00000000`) {
			lines.WriteString(line)
		}
	}
	importAll(t, other, lines.String(), 101)
	if r := other.tokenWith(lines.String(), "import"); r.code != 0 || !strings.Contains(r.out, "imported: 0; already present: 101") {
		t.Error(r)
	}
	other.guard(first.Owner, first.Token)
	other.check(t, other.do("GET", issuePath, first.basic()), passes)
	for name, text := range map[string]string{
		"not JSON": "{nonsense", "other JSON": `{"a":1}`, "a record without digest": `{"id":"0123456789","owner":"a","name":"b","scope":"read","account":"default","status":"active","version":1}`,
		"a differing record": strings.Replace(record, `"first"`, `"mallory"`, 1), "cut off": record[:len(record)/2],
	} {
		if r := other.tokenWith(text, "import"); r.code == 0 || r.err == "" {
			t.Errorf("import of %s: %s", name, r)
		}
	}
	other.check(t, other.do("GET", issuePath, first.basic()), passes)
}

// importAll imports records in batches: see TestSlowAdminCalls.
func importAll(t *testing.T, g *gateway, records string, count int) {
	t.Helper()
	lines := slices.Collect(strings.Lines(records))
	imported := 0
	for part := range slices.Chunk(lines, 300) {
		r := g.tokenWith(strings.Join(part, ""), "import", "-o", "json")
		var result struct{ Imported int }
		decodeJSON(t, r.out, &result)
		if r.code != 0 {
			t.Fatalf("importing %d records: %s", len(part), r)
		}
		imported += result.Imported
	}
	if imported != count {
		t.Errorf("imported %d records, want %d", imported, count)
	}
}

func TestAuditFollow(t *testing.T) {
	g := startGateway(t, options{})
	first := g.issue("alice", "read")
	cmd := g.command("jira-token", "audit", "--follow", "--output", "json", "--address", g.admin)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	reader := bufio.NewReader(out)
	for _, action := range []string{"create", "disable", "enable"} {
		if action != "create" {
			g.call("POST", "/jira_tokens/tokens/"+first.ID+"/"+action, nil, 200, nil)
		}
		line, err := reader.ReadString('\n')
		var event struct {
			Action  string `json:"action"`
			TokenID string `json:"token_id"`
			Actor   struct{ Kind, Name, Address string }
		}
		decodeJSON(t, line, &event)
		if err != nil || event.Action != action || event.TokenID != first.ID || event.Actor.Kind != "admin" || event.Actor.Address != "127.0.0.1" {
			t.Errorf("%s, %v", line, err)
		}
	}
	_ = cmd.Process.Signal(interrupt)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}
