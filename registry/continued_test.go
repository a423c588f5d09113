package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// manyTokens fills a store with tokens that take more than two pages.
func manyTokens(t *testing.T, r *Registry) {
	t.Helper()
	var lines strings.Builder
	encoder := json.NewEncoder(&lines)
	for i := range 2*storage.MaxPageSize + 3 {
		if err := encoder.Encode(&token.Record{
			ID: fmt.Sprintf("1%09d", i), Owner: "alice", Name: "x", Scope: token.ScopeRead, Account: "default", Status: token.StatusActive,
			CreatedAt: r.now(), UpdatedAt: r.now(), Digest: token.New().Digest(), Version: 1,
		}); err != nil {
			t.Fatal(err)
		}
	}
	importInto(t, r, lines.String(), ImportOptions{})
}

// firstPosition returns the first position in an export.
func firstPosition(t *testing.T, export string) ExportPosition {
	t.Helper()
	for line := range strings.Lines(export) {
		var mark exportLine
		if !strings.HasPrefix(line, `{"position":`) {
			continue
		}
		if err := json.Unmarshal([]byte(line), &mark); err != nil {
			t.Fatal(err)
		}
		return *mark.Position
	}
	t.Fatal("the export has no position")
	return ExportPosition{}
}

// TestContinuedElsewhere: an export cannot be continued from another store, whose tokens
// would end up in the same file, nor if it does not say from which store it is.
func TestContinuedElsewhere(t *testing.T) {
	from, _ := newRegistry(t)
	other, _ := newRegistry(t)
	manyTokens(t, from)
	manyTokens(t, other)
	export := exported(t, from)
	header, _, _ := strings.Cut(export, "\n")
	position := firstPosition(t, export)
	if position.Store == "" || !strings.Contains(header, `"store":"`+position.Store+`"`) || strings.Contains(export, `"kind":"store"`) {
		t.Errorf("position %+v after the header %s", position, header)
	}
	if again := firstPosition(t, exported(t, from)); again.Store != position.Store {
		t.Errorf("the store is called %s, then %s", position.Store, again.Store)
	}
	refused := func(what string, r *Registry, position ExportPosition, want string) {
		t.Helper()
		var out strings.Builder
		_, err := r.Export(t.Context(), &out, position, movable)
		if _, ok := errors.AsType[InvalidError](err); !ok || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%s: %v, after %d bytes", what, err, out.Len())
		}
	}
	refused("another store", other, position, "from an export of another store")
	nameless := position
	nameless.Store = ""
	refused("a file of an earlier version", from, nameless, "does not say from which store it is")
}

// TestExportOfReadOnlyStore: a store that cannot be written can be exported, which may be
// why it is exported.
func TestExportOfReadOnlyStore(t *testing.T) {
	r, _ := newRegistry(t)
	manyTokens(t, r)
	r.store = readOnly{r.store}
	if position := firstPosition(t, exported(t, r)); position.Store != "" {
		t.Errorf("position %+v", position)
	}
}

// readOnly is a store that takes no changes.
type readOnly struct{ storage.Store }

func (readOnly) ApplyQuietly(context.Context, ...storage.DocumentChange) error {
	return fmt.Errorf("%w: the disk is full", storage.ErrUnavailable)
}
