// Package npmtest gives tests programs from the npm registry, each pinned with
// all that it depends on by a package-lock.json.
package npmtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// oldestNode is the major version that Debian 12 has.
const oldestNode = 18

// Node returns the path of Node.js. Without one the test is skipped; in CI it
// fails.
func Node(t testing.TB) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed: apt-get install nodejs npm (version %d or newer)", oldestNode)
	}
	out, err := exec.Command(node, "--version").Output()
	if err != nil {
		missing(t, "node --version: %v", err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestNode {
		missing(t, "Node.js %d or newer is needed, this is %s", oldestNode, version)
	}
	return node
}

// installing makes tests of one process that run at the same time install only
// once.
var installing sync.Mutex

// Install returns the node_modules directory with what pinned lists: a directory
// that holds package.json and package-lock.json. It is installed into the user's
// cache directory at its first use; another pin is another directory there.
// Where that fails the test is skipped; in CI it fails.
func Install(t testing.TB, pinned fs.FS) string {
	t.Helper()
	installing.Lock()
	defer installing.Unlock()
	modules, err := Modules(pinned)
	if err != nil {
		missing(t, "no place for npm's packages: %v", err)
	}
	if _, err := os.Stat(modules); err != nil {
		if err := install(pinned, filepath.Dir(modules)); err != nil {
			missing(t, "npm's packages cannot be installed (apt-get install npm; the first use downloads them): %v", err)
		}
	}
	return modules
}

// Modules returns where Install puts what pinned lists.
func Modules(pinned fs.FS) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	lock, err := fs.ReadFile(pinned, "package-lock.json")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	return filepath.Join(cache, "caddy-jira-tokens", "npm-"+hex.EncodeToString(sum[:6]), "node_modules"), nil
}

// install puts the packages into dir. Tests of several packages may do so at the
// same time: each installs into a directory of its own, and the first that is
// done gives it its name.
func install(pinned fs.FS, dir string) error {
	npm, err := exec.LookPath("npm")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "installing-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := fs.ReadFile(pinned, name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(temporary, name), text, 0o600); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	// Without the packages' own scripts: nothing that comes along is run.
	command := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
	command.Dir = temporary
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(temporary, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return err
		}
	}
	return nil
}

// missing skips a test that lacks a program, or fails it in CI.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
