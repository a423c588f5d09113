package redisstore

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// TestWatchAcrossOutages watches through a second store, like another node.
func TestWatchAcrossOutages(t *testing.T) {
	server := redistest.Start(t)
	node := func() storage.Store {
		return open(t, &Store{URL: server.URL(), Timeout: caddy.Duration(2 * time.Second)}, nil)
	}
	here, there := node(), node()
	heard, _ := storagetest.Watch(t, there)
	heard.Want(t, "restored")
	n := 0
	change := func() {
		t.Helper()
		n++
		r := storagetest.NewRecord(n, "anna", "a")
		redistest.Eventually(t, "the store recovers", func() error {
			return here.Apply(t.Context(), storagetest.Create(r))
		})
		heard.Want(t, r.ID)
	}
	change()

	server.Kill()
	heard.Want(t, "lost")
	server.Restart()
	heard.Want(t, "restored")
	change()

	server.Pause() // the connection stays open, but is dead
	heard.Want(t, "lost")
	server.Resume()
	heard.Want(t, "restored")
	change()

	server.Do("client", "kill", "type", "pubsub")
	heard.Want(t, "lost")
	heard.Want(t, "restored")
	change()
}

func TestWatchOfServerThatComesLater(t *testing.T) {
	server := redistest.Start(t)
	server.Kill()
	heard, stop := storagetest.Watch(t, open(t, &Store{URL: server.URL()}, nil))
	heard.Want(t, "lost") // once, however often the store tries
	server.Restart()
	heard.Want(t, "restored")
	server.Kill()
	heard.Want(t, "lost")
	if err := stop(); err == nil {
		t.Error("Watch returned nil")
	}
}
