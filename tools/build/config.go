package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/caddyserver/xcaddy"
	"golang.org/x/mod/modfile"
)

const caddyModule = "github.com/caddyserver/caddy/v2"

// loadBuilder reads an xcaddy.Builder and checks it against the go.mod beside
// it. Relative replacements begin at the file's directory.
func loadBuilder(path string) (*xcaddy.Builder, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	builder, err := decodeBuilder(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	module, err := readModule(filepath.Join(dir, "go.mod"))
	if err != nil {
		return nil, err
	}
	if err := checkCaddyVersion(builder, module); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := resolveReplacements(builder, dir); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := checkPlugin(builder, module.Module.Mod.Path, dir); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return builder, nil
}

// decodeBuilder reads JSON strictly: a misspelt field would otherwise build
// something else than was asked for.
func decodeBuilder(data []byte) (*xcaddy.Builder, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	builder := new(xcaddy.Builder)
	if err := decoder.Decode(builder); err != nil {
		return nil, locate(data, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("has something after its closing brace")
	}
	return builder, nil
}

// locate says what is wrong, and in which line if the decoder knows.
func locate(data []byte, err error) error {
	const want = "want the fields of xcaddy.Builder, such as caddy_version, plugins, replacements"
	message := strings.TrimPrefix(err.Error(), "json: ")
	var syntax *json.SyntaxError
	var mismatch *json.UnmarshalTypeError
	var offset int64
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("ends too early: want a JSON object")
	case errors.As(err, &syntax):
		offset = syntax.Offset
	case errors.As(err, &mismatch):
		offset = mismatch.Offset
	default:
		return fmt.Errorf("%s: %s", message, want)
	}
	line := 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
	return fmt.Errorf("line %d: %s; %s", line, message, want)
}

func readModule(path string) (*modfile.File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return modfile.Parse(path, data, nil)
}

// checkCaddyVersion refuses another Caddy than the tests run with.
func checkCaddyVersion(builder *xcaddy.Builder, module *modfile.File) error {
	required := ""
	for _, r := range module.Require {
		if r.Mod.Path == caddyModule {
			required = r.Mod.Version
		}
	}
	switch {
	case required == "":
		return fmt.Errorf("go.mod does not require %s", caddyModule)
	case builder.CaddyVersion == "":
		return fmt.Errorf("caddy_version is missing: go.mod requires %s", required)
	case builder.CaddyVersion != required:
		return fmt.Errorf("caddy_version is %s, but go.mod requires %s: make them the same", builder.CaddyVersion, required)
	}
	return nil
}

// resolveReplacements makes directories absolute, since xcaddy builds
// elsewhere.
func resolveReplacements(builder *xcaddy.Builder, dir string) error {
	for i, r := range builder.Replacements {
		local := string(r.New)
		if !strings.HasPrefix(local, ".") {
			continue
		}
		local = filepath.Join(dir, filepath.FromSlash(local))
		if _, err := os.Stat(filepath.Join(local, "go.mod")); err != nil {
			return fmt.Errorf("replacement of %s: no Go module at %s", r.Old, r.New)
		}
		builder.Replacements[i] = xcaddy.NewReplace(string(r.Old), local)
	}
	return nil
}

// checkPlugin makes sure that this checkout is what is built, not a published
// version of it.
func checkPlugin(builder *xcaddy.Builder, module, dir string) error {
	listed := false
	for _, plugin := range builder.Plugins {
		listed = listed || plugin.PackagePath == module && plugin.Version != ""
	}
	if !listed {
		return fmt.Errorf(`plugins lacks this one: want {"module_path": %q, "version": "v0.0.0"}`, module)
	}
	for _, r := range builder.Replacements {
		if string(r.Old) == module && string(r.New) == dir {
			return nil
		}
	}
	return fmt.Errorf(`replacements lacks this checkout: want {"old": %q, "new": "."}`, module)
}

// setEnvironment makes xcaddy compile as `go build` here does, so that both
// find each other's work in Go's build cache: it would turn cgo off by itself,
// and with it every package that uses the network is another one. -v is for
// the progress.
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
