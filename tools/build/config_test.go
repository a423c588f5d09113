package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const goMod = `module example.com/plugin

go 1.26.0

require github.com/caddyserver/caddy/v2 v2.11.9
`

const good = `{
	"caddy_version": "v2.11.9",
	"plugins": [{"module_path": "example.com/plugin", "version": "v0.0.0"}],
	"replacements": [{"old": "example.com/plugin", "new": "."}]
}`

func write(t *testing.T, config string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": goMod, "xcaddy.json": config} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "xcaddy.json")
}

func TestLoadBuilder(t *testing.T) {
	path := write(t, good)
	builder, err := loadBuilder(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(builder.Replacements[0].New); got != filepath.Dir(path) {
		t.Errorf("the checkout is %s, want %s", got, filepath.Dir(path))
	}
}

func TestLoadBuilderRefuses(t *testing.T) {
	for _, test := range []struct{ name, old, new, want string }{
		{"another Caddy", "v2.11.9", "v2.11.8", "caddy_version is v2.11.8, but go.mod requires v2.11.9"},
		{"no Caddy", `"caddy_version": "v2.11.9",`, "", "caddy_version is missing"},
		{"unknown field", `"plugins"`, `"plugin"`, `unknown field "plugin"`},
		{"wrong type", `"v2.11.9"`, "2", "line 2: cannot unmarshal number"},
		{"broken", `"plugins":`, `"plugins"`, "line 3: invalid character"},
		{"two values", "]\n}", "]\n} {}", "after its closing brace"},
		{"not this plugin", `"module_path": "example.com/plugin"`, `"module_path": "example.com/other"`, "plugins lacks this one"},
		{"not this checkout", `"old": "example.com/plugin"`, `"old": "example.com/other"`, "replacements lacks this checkout"},
		{"no such directory", `"new": "."`, `"new": "./gone"`, "no Go module at ./gone"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := write(t, strings.Replace(good, test.old, test.new, 1))
			_, err := loadBuilder(path)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%v does not name the file", err)
			}
		})
	}
	if _, err := loadBuilder(write(t, "")); err == nil || !strings.Contains(err.Error(), "ends too early") {
		t.Errorf("empty: %v", err)
	}
}
