package tree

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
)

// childFile is the environment variable with the file that this test binary works on
// if a test has started it as a child process.
const childFile = "AUDIT_TREE_TEST_CHILD_FILE"

func TestMain(m *testing.M) {
	if path := os.Getenv(childFile); path != "" {
		work(path)
		return
	}
	os.Exit(m.Run())
}

// childKeep is the Keep of every child: they have the same key.
func childKeep() *memoryKeep {
	keep := newKeep()
	keep.values[keyPlace] = []byte(strings.Repeat("a", 43) + "=")
	return keep
}

// work keeps recording events and adding them to the tree, and prints each event that
// was acknowledged.
func work(path string) {
	s := filestore.New(path, zap.NewNop())
	l, _ := newLog(s, childKeep())
	for worker := range 4 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i)
				if err := s.AddEvents(context.Background(), storage.Event{Action: "a", Name: name}); err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				fmt.Println("event " + name)
			}
		}()
	}
	for {
		if _, err := l.Integrate(context.Background()); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
}

// TestKilled kills a process several times while it records events and adds them to the
// tree, and checks that every acknowledged event is in a trail that can be verified.
func TestKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.db")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	acknowledged := make(map[string]bool)
	var saved []proof.Saved
	for round := range 4 {
		child := exec.Command(exe)
		child.Env = append(os.Environ(), childFile+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == 50+37*round {
				child.Process.Kill() // the loop still reads what it has printed
			}
			name, ok := strings.CutPrefix(lines.Text(), "event ")
			if !ok {
				t.Fatalf("the other process printed %q", lines.Text())
			}
			acknowledged[name] = true
		}
		child.Wait()

		s := filestore.New(path, zap.NewNop())
		l, logs := newLog(s, childKeep())
		report := wantFindings(t, l, proof.Options{Checkpoints: saved}, "")
		if len(report.Matched) != len(saved) {
			t.Errorf("round %d: the trail does not continue earlier checkpoints: %+v", round, report)
		}
		recorded := make(map[string]bool)
		for after := (storage.EventID{}); ; {
			events, err := s.RawEvents(t.Context(), after, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if len(events) == 0 {
				break
			}
			for _, event := range events {
				recorded[storage.DecodeEvent("", event.Data).Name] = true
				after = event.ID
			}
		}
		for name := range acknowledged {
			if !recorded[name] {
				t.Errorf("round %d: event %s was acknowledged, but is not there", round, name)
			}
		}
		if report.Size != int64(len(recorded)) {
			t.Errorf("round %d: the tree has %d of %d events", round, report.Size, len(recorded))
		}
		saved = append(saved, proof.Saved{Name: fmt.Sprint(round), Note: integrate(t, l).Note})
		if n := logs.FilterLevelExact(zap.ErrorLevel).Len(); n > 0 {
			t.Errorf("round %d: the log has %v", round, logs.All())
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
