package redisstore

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// withReplica starts a primary and a replica.
func withReplica(t *testing.T) (primary, replica *redistest.Server) {
	t.Helper()
	primary = redistest.Start(t, "--repl-diskless-sync-delay", "0")
	host, port, _ := net.SplitHostPort(primary.Addr)
	replica = redistest.Start(t, "--replicaof", host, port)
	primary.WaitReplicas(1)
	return primary, replica
}

func TestChangeWaitsForReplicas(t *testing.T) {
	primary, replica := withReplica(t)
	s := open(t, &Store{URL: primary.URL(), MinReplicas: 1}, nil)
	r := storagetest.NewRecord(1, "anna", "a")
	began := time.Now()
	if err := s.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	t.Logf("a change took %s", time.Since(began))
	if n := replica.Do("exists", "{jira_tokens}:token:"+r.ID); n != int64(1) {
		t.Error("an acknowledged change is not on the replica")
	}
	if err := s.AddEvents(t.Context(), storage.Event{Action: "account_refused"}); err != nil {
		t.Fatal(err)
	}
	if n := replica.Do("xlen", "{jira_tokens}:events"); n != int64(2) {
		t.Errorf("the replica has %d events", n)
	}
	if err := s.Apply(t.Context(), storagetest.Create(r)); err != storage.ErrConflict {
		t.Errorf("%v, want ErrConflict", err)
	}
	primary.Do("script", "flush")
	if err := s.Apply(t.Context(), storagetest.Delete(r)); err != nil {
		t.Errorf("after the server forgot the script: %v", err)
	}
}

// TestTooFewReplicas checks that nothing is written if it is clear in advance that
// replicas will not confirm it.
func TestTooFewReplicas(t *testing.T) {
	primary, replica := withReplica(t)
	s := open(t, &Store{URL: primary.URL(), MinReplicas: 1}, nil)
	replica.Kill()
	primary.WaitReplicas(0)
	wantOutage(t, s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(1, "anna", "a"))), "nothing was written")
	wantOutage(t, s.AddEvents(t.Context(), storage.Event{Action: "account_refused"}), "0 of the 1 replicas")
	if n := primary.Do("dbsize"); n != int64(0) {
		t.Errorf("%d keys", n)
	}
}

// TestReplicaThatHangs has a replica that is connected but confirms nothing.
func TestReplicaThatHangs(t *testing.T) {
	primary, replica := withReplica(t)
	s := open(t, &Store{URL: primary.URL(), MinReplicas: 1, Timeout: caddy.Duration(time.Second)}, nil)
	replica.Pause()
	r := storagetest.NewRecord(1, "anna", "a")
	wantOutage(t, s.Apply(t.Context(), storagetest.Create(r)), "only 0 of the 1 replicas that min_replicas requires confirmed it")
	if n := primary.Do("exists", "{jira_tokens}:token:"+r.ID); n != int64(1) {
		t.Error("the change was not made, although the error says so")
	}
	wantOutage(t, s.AddEvents(t.Context(), storage.Event{Action: "account_refused"}), "may be lost with the primary")
	replica.Resume()
	redistest.Eventually(t, "changes work again", func() error {
		return s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(2, "anna", "a")))
	})
}

// TestNoPermissionToWait checks that missing permissions are found before anything is
// written.
func TestNoPermissionToWait(t *testing.T) {
	primary, _ := withReplica(t)
	for _, missing := range []string{"wait", "info"} {
		primary.Do("acl", "setuser", "gateway", "reset", "on", ">"+secret, "~*", "&*", "+@all", "-"+missing)
		s := open(t, &Store{Address: []string{primary.Addr}, Username: "gateway", Password: secret, MinReplicas: 1}, nil)
		wantOutage(t, s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(1, "anna", "a"))), "+"+missing)
		if n := primary.Do("dbsize"); n != int64(0) {
			t.Errorf("without %s: %d keys", missing, n)
		}
	}
}

// TestChangeSentTwiceIsConfirmed checks that the client waits for replicas even if an
// earlier attempt made the change.
func TestChangeSentTwiceIsConfirmed(t *testing.T) {
	primary, replica := withReplica(t)
	s := open(t, &Store{URL: primary.URL(), MinReplicas: 1, Timeout: caddy.Duration(time.Second)}, nil).(*store)
	r := storagetest.NewRecord(1, "anna", "a")
	args, err := s.applyArgs(t.Context(), storagetest.Create(r))
	if err != nil {
		t.Fatal(err)
	}
	keys := s.applyKeys(r.ID, "receipt")
	replica.Pause()
	for range 2 {
		_, err = s.write(t.Context(), "change", s.apply, keys, args)
		wantOutage(t, err, "confirmed it")
	}
	replica.Resume()
	redistest.Eventually(t, "the change is confirmed", func() error {
		_, err := s.write(t.Context(), "change", s.apply, keys, args)
		return err
	})
	if n := primary.Do("xlen", s.events); n != int64(1) {
		t.Errorf("%d events for one change", n)
	}
}

// TestMaybeIsRemembered checks the error when the first attempt was sent and the second
// was refused.
func TestMaybeIsRemembered(t *testing.T) {
	server := redistest.Start(t)
	proxy := listenOnce(t, server.Addr)
	s := open(t, &Store{Address: []string{proxy}}, nil)
	if _, err := s.Get(t.Context(), "0123456789"); err != storage.ErrNotFound {
		t.Fatal(err)
	}
	wantOutage(t, s.Apply(t.Context(), storagetest.Create(storagetest.NewRecord(1, "anna", "a"))), "may or may not have been made")
}

// listenOnce returns the address of a server that accepts one connection, closes it
// when a change is sent, and then shuts down.
func listenOnce(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		conn, err := l.Accept()
		l.Close()
		if err != nil {
			return
		}
		defer conn.Close()
		server, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer server.Close()
		go io.Copy(conn, server)
		buffer := make([]byte, 1<<16)
		for {
			n, err := conn.Read(buffer)
			if err != nil || bytes.Contains(buffer[:n], []byte("evalsha")) {
				return
			}
			server.Write(buffer[:n])
		}
	}()
	return l.Addr().String()
}
