package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, config string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "xcaddy.json")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadBuilder(t *testing.T) {
	builder, err := loadBuilder("../../xcaddy.json")
	if err != nil {
		t.Fatal(err)
	}
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(builder.Replacements[0].New); got != checkout {
		t.Errorf("the replacement is %s, want %s", got, checkout)
	}
	// The version that is built must be the one that the tests run with.
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/caddyserver/caddy/v2 " + builder.CaddyVersion + "\n"; !strings.Contains(string(mod), want) {
		t.Errorf("xcaddy.json has caddy_version %s, but go.mod has another", builder.CaddyVersion)
	}
}

func TestLoadBuilderRefuses(t *testing.T) {
	for config, want := range map[string]string{
		"":                    "EOF",
		`{"plugin": []}`:      `unknown field "plugin"`,
		`{"caddy_version":2}`: "cannot unmarshal number",
	} {
		path := write(t, config)
		if _, err := loadBuilder(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want the file's name and %q", config, err, want)
		}
	}
}
