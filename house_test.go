package jiratokens_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/jiratokens/caddy-jira-tokens"

// never lists dependencies that docs/architecture.md rules out: a package, and what it
// must not depend on, not even indirectly. A name includes everything below it. Go
// itself rules out cycles.
var never = map[string][]string{
	"token":     {"*"},
	"jira":      {"*"},
	"notice":    {"confine", "jira", "limits", "registry", "handler", "pool", "accounts", "approvals", "admin", "trust", "command", "manager"},
	"policy":    {"confine", "jira", "limits", "storage", "registry", "handler", "pool", "accounts", "approvals", "admin", "rest", "trust", "command", "manager"},
	"confine":   {"limits", "storage", "registry", "handler", "pool", "accounts", "approvals", "admin", "rest", "trust", "command", "manager"},
	"limits":    {"confine", "storage", "registry", "handler", "pool", "accounts", "approvals", "admin", "rest", "trust", "command", "manager"},
	"storage":   {"confine", "limits", "registry", "handler", "pool", "accounts", "approvals", "admin", "rest", "trust", "command", "manager"},
	"audit":     {"confine", "limits", "registry", "handler", "pool", "accounts", "approvals", "admin", "rest", "trust", "command", "manager"},
	"handler":   {"storage", "audit", "registry", "pool", "accounts", "approvals", "admin", "rest", "trust", "command", "manager"},
	"registry":  {"confine", "limits", "handler", "pool", "accounts", "approvals", "admin", "rest", "trust", "command", "manager"},
	"accounts":  {"confine", "registry", "handler", "pool", "approvals", "admin", "rest", "trust", "command", "manager"},
	"pool":      {"registry", "handler", "accounts", "approvals", "admin", "rest", "trust", "command", "manager"},
	"trust":     {"limits", "storage", "audit", "registry", "handler", "pool", "accounts", "approvals", "admin", "rest", "command", "manager"},
	"approvals": {"registry", "pool", "accounts", "admin", "rest", "trust", "command", "manager"},
	"rest":      {"pool", "admin", "command", "manager"},
	"admin":     {"pool", "command", "rest", "manager"},
	"manager":   {"pool", "command", "rest"},

	"manager/page": {"*"},
	"samples":      {"*"},
}

// neverDirectly lists dependencies that must be indirect: the command knows the
// store and the registry only by what admin sends.
var neverDirectly = map[string][]string{
	"manager/page": {"*"},
	"command":      {"confine", "storage", "registry", "handler", "pool", "accounts", "approvals", "jira", "limits"},
	"admin":        {"storage"},
	"rest":         {"storage"},
}

func TestArrowsPointDown(t *testing.T) {
	imports := projectImports(t)
	for from := range imports {
		for _, to := range imports[from] {
			if to == "." && from != "cmd/caddy" {
				t.Errorf("%s imports the root package: only cmd/caddy may", from)
			}
		}
		for room, forbidden := range neverDirectly {
			for _, to := range imports[from] {
				if within(from, room) && withinAny(to, forbidden) {
					t.Errorf("%s imports %s", from, to)
				}
			}
		}
		for room, forbidden := range never {
			if !within(from, room) {
				continue
			}
			for to, way := range reachable(imports, from) {
				if !within(to, room) && withinAny(to, forbidden) {
					t.Errorf("%s depends on %s: %s", from, to, strings.Join(way, " → "))
				}
			}
		}
	}
}

func within(dir, room string) bool {
	return room == "*" || dir == room || strings.HasPrefix(dir, room+"/")
}

func withinAny(dir string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { return within(dir, room) })
}

// reachable returns everything that from depends on, and how.
func reachable(imports map[string][]string, from string) map[string][]string {
	ways := map[string][]string{from: {from}}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, to := range imports[queue[0]] {
			if ways[to] == nil {
				ways[to] = append(slices.Clone(ways[queue[0]]), to)
				queue = append(queue, to)
			}
		}
	}
	delete(ways, from)
	return ways
}

// projectImports returns the directories of the project's packages, and the other
// packages of the project that each imports outside tests.
func projectImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := make(map[string][]string)
	err := filepath.WalkDir(".", func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != "." && (strings.HasPrefix(entry.Name(), ".") || slices.Contains([]string{"tools", "testdata", "bin"}, entry.Name())):
			return fs.SkipDir
		case entry.IsDir() || filepath.Ext(file) != ".go" || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		for _, spec := range parsed.Imports {
			name, _ := strconv.Unquote(spec.Path.Value) // the parser has checked it
			if to, ok := strings.CutPrefix(name, module); ok && (to == "" || to[0] == '/') {
				imports[dir] = append(imports[dir], path.Clean(strings.TrimPrefix(to, "/")))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(imports) < 10 || len(imports["handler"]) == 0 {
		t.Fatalf("found the imports of only %d packages", len(imports))
	}
	return imports
}
