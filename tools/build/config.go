package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/caddyserver/xcaddy"
)

// loadBuilder reads an xcaddy.Builder from a JSON file. It rejects unknown fields,
// since a misspelled one would build something else, and makes relative replacements
// absolute, since xcaddy builds in another directory.
func loadBuilder(path string) (*xcaddy.Builder, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	builder := new(xcaddy.Builder)
	if err := decoder.Decode(builder); err != nil {
		return nil, fmt.Errorf("%s: %w: expected the fields of xcaddy.Builder, such as caddy_version, plugins and replacements", path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	for i, r := range builder.Replacements {
		if local := string(r.New); strings.HasPrefix(local, ".") {
			builder.Replacements[i] = xcaddy.NewReplace(string(r.Old), filepath.Join(dir, filepath.FromSlash(local)))
		}
	}
	return builder, nil
}

// setEnvironment makes xcaddy compile like `go build` in this directory, so that both
// share Go's build cache. By default xcaddy disables cgo, which would rebuild every
// package that uses the network. The flag -v is for the progress display.
func setEnvironment(builder *xcaddy.Builder) error {
	out, err := exec.Command("go", "env", "CGO_ENABLED", "GOFLAGS").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	cgo, flags, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	builder.Cgo = builder.Cgo || cgo == "1"
	builder.Env = append(os.Environ(), "GOFLAGS="+strings.TrimSpace(flags+" -v"), "GOWORK=off")
	return nil
}
