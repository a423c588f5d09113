package filestore

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// childFile is the environment variable with the file that this test binary works
// on if a test has started it as a child process.
const childFile = "FILESTORE_TEST_CHILD_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		work(path)
		return
	}
	os.Exit(m.Run())
}

// work keeps making changes, several at a time, and prints each one that was
// acknowledged: its action, id and version, which is 0 for a deletion.
func work(path string) {
	s := New(path, zap.NewNop())
	if err := s.Open(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("open")
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				r := storagetest.NewRecord(i, fmt.Sprint("worker ", worker), "x")
				update := storagetest.Update(r, func(r *token.Record) { r.Name = "y" })
				changes := []storage.Change{storagetest.Create(r), update}
				if i%3 == 0 {
					changes = append(changes, storagetest.Delete(update.New))
				}
				for _, change := range changes {
					if err := s.Apply(context.Background(), change); err != nil {
						fmt.Println(err)
						os.Exit(1)
					}
					version := uint64(0)
					if change.New != nil {
						version = change.New.Version
					}
					// One write per line, so that lines are complete even when the process is killed.
					fmt.Printf("%s %s %d\n", change.Event.Action, change.ID(), version)
				}
			}
		})
	}
	wg.Wait()
}

// startChild starts a child process that works on the file, and returns its output
// once it has opened the file.
func startChild(t *testing.T, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(exe)
	child.Env = append(os.Environ(), childFile+"="+path)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { child.Process.Kill(); child.Wait() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "open" {
		t.Fatalf("the other process printed %q", lines.Text())
	}
	return child, lines
}

// TestKilled kills a process in the middle of its changes several times, and checks
// that everything it acknowledged is in the file, with its event.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	versions, events := make(map[string]string), 0
	acknowledged := make(map[string]bool)
	for round := range 4 {
		child, lines := startChild(t, path)
		for n := 0; lines.Scan(); n++ {
			if n == 50+30*round {
				child.Process.Kill() // the loop still reads what it has printed
			}
			fields := strings.Fields(lines.Text())
			if len(fields) != 3 {
				t.Fatalf("the other process printed %q", lines.Text())
			}
			acknowledged[fields[0]+" "+fields[1]] = true
			versions[fields[1]] = fields[2]
		}
		child.Wait()

		s := New(path, zap.NewNop())
		recorded := make(map[string]bool)
		for q := (storage.EventQuery{Limit: storage.MaxPageSize}); ; {
			page, err := s.Events(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				recorded[e.Action+" "+e.TokenID] = true
			}
			if q.Cursor = page.Next; !page.More {
				break
			}
		}
		if len(recorded) < events {
			t.Fatalf("round %d: %d events, but there were %d", round, len(recorded), events)
		}
		events = len(recorded)
		for change := range acknowledged {
			if !recorded[change] {
				t.Errorf("round %d: no event for %s, which was acknowledged", round, change)
			}
		}
		for id, version := range versions {
			r, err := s.Get(t.Context(), id)
			switch {
			case err == storage.ErrNotFound && (version == "0" || recorded["delete "+id]):
			case err != nil:
				t.Errorf("round %d: token %s, of which version %s was acknowledged: %v", round, id, version, err)
			case version == "0" || fmt.Sprint(r.Version) < version:
				t.Errorf("round %d: token %s has version %d, but %s was acknowledged", round, id, r.Version, version)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d acknowledged changes, %d events", len(acknowledged), events)
}

func TestSecondProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	child, lines := startChild(t, path)

	module := provisioned(t, path) // like caddy validate
	s, err := module.NewStore(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	wantRefusal(t, s, path, "is open in another process")

	child.Process.Kill()
	for lines.Scan() {
	}
	child.Wait()
	if err := open(t, path).Open(t.Context()); err != nil {
		t.Errorf("after the other process exited: %v", err)
	}
}
