package clienttest

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// jiraJSScript performs one action per run, as a user's own script would.
//
//go:embed jirajs.cjs
var jiraJSScript string

// jiraJSPackage pins jira.js and its dependencies by checksum.
//
//go:embed npm
var jiraJSPackage embed.FS

// jiraJSInstall makes concurrent tests install only once.
var jiraJSInstall sync.Mutex

// JiraJS is jira.js, a Node.js library for Cloud. Its version 2 client also works
// with Data Center, except for downloads, for which the script uses the content
// link. The script updates and deletes through self links. The library is
// installed with npm into the user's cache directory on first use.
func JiraJS() Client {
	action := func(name Action) func(Target, Arguments) Invocation {
		return func(t Target, a Arguments) Invocation {
			cloud := ""
			if t.Cloud {
				cloud = "cloud"
			}
			return Invocation{Args: []string{"-", t.BaseURL, cloud, string(name), a.Key, a.Text, a.File, a.Attachment}, Stdin: jiraJSScript}
		}
	}
	actions := map[Action]func(Target, Arguments) Invocation{}
	for _, a := range []Action{ServerInfo, Myself, Search, View, Create, Comment, Upload, Download, Update, Delete, Follow} {
		actions[a] = action(a)
	}
	return Client{
		Name: "jira.js", Cloud: true, DataCenter: true, Actions: actions,
		Find: func(t testing.TB) string {
			node := findNode(t)
			installJiraJS(t)
			return node
		},
		Env: func(t Target) []string {
			dir, _ := jiraJSDir() // Find has failed if there is none.
			return []string{"JIRA_JS=" + filepath.Join(dir, "node_modules", "jira.js"), "JIRA_USER=" + t.User, "JIRA_SECRET=" + t.Secret}
		},
	}
}

// nodeAtLeast is the version in Debian 12. The pinned jira.js asks for 20, but works
// with 18 if File is defined.
const nodeAtLeast = 18

// findNode returns the path of Node.js, if it is new enough.
func findNode(t testing.TB) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not installed: apt-get install nodejs npm (version %d or newer)", nodeAtLeast)
	}
	out, err := exec.Command(node, "--version").Output()
	if err != nil {
		missing(t, "node --version: %v", err)
	}
	version := strings.TrimSpace(string(out))
	major, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < nodeAtLeast {
		missing(t, "jira.js needs Node.js %d or newer, this is %s", nodeAtLeast, version)
	}
	return node
}

// jiraJSDir returns the directory of jira.js, which depends on the pinned versions.
func jiraJSDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	lock, err := jiraJSPackage.ReadFile("npm/package-lock.json")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(lock)
	return filepath.Join(cache, "caddy-jira-tokens", "jira.js-"+hex.EncodeToString(sum[:6])), nil
}

// installJiraJS installs jira.js unless it is there. Tests of several packages may do so
// at the same time: each installs into its own directory, and the first to finish
// renames it into place.
func installJiraJS(t testing.TB) {
	t.Helper()
	jiraJSInstall.Lock()
	defer jiraJSInstall.Unlock()
	dir, err := jiraJSDir()
	if err != nil {
		missing(t, "no directory for jira.js: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		return
	}
	if err := installJiraJSAt(dir); err != nil {
		missing(t, "jira.js cannot be installed (apt-get install npm; the first use downloads it from the npm registry): %v", err)
	}
}

func installJiraJSAt(dir string) error {
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
		text, err := jiraJSPackage.ReadFile("npm/" + name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(temporary, name), text, 0o600); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	// Run none of the packages' scripts.
	install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1")
	install.Dir = temporary
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	if err := os.Rename(temporary, dir); err != nil {
		if _, there := os.Stat(dir); there != nil {
			return err
		}
	}
	return nil
}
