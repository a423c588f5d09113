// Package redistest starts real Redis servers for tests. They listen on loopback, work
// in a temporary directory, and are killed at the end of the test.
package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/jiratokens/caddy-jira-tokens/internal/child"
	"github.com/jiratokens/caddy-jira-tokens/internal/freeport"
)

// patience is how long Eventually waits. It is minutes, because the machine may be
// busy; a test that passes never waits that long.
const patience = 2 * time.Minute

// Server is a redis-server process, or none while it is stopped.
type Server struct {
	// Addr is the server's host:port. It stays the same across restarts.
	Addr string
	// Dir is the server's working directory, with its log and data.
	Dir string

	t       testing.TB
	args    []string
	command *exec.Cmd
	exited  chan struct{}
}

// Start starts a server and waits until it answers. args are additional arguments for
// redis-server. The server saves nothing to disk unless they say so.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := prepare(t)
	port := s.freePort()
	s.Addr = net.JoinHostPort("127.0.0.1", port)
	s.args = append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}, args...)
	s.Restart()
	return s
}

// StartTLS starts a server that speaks only TLS. It uses the certificate, and requires
// clients to present one from the same authority.
func StartTLS(t testing.TB, certificate Certificate) *Server {
	t.Helper()
	s := prepare(t)
	port := s.freePort()
	s.Addr = net.JoinHostPort("127.0.0.1", port)
	s.args = []string{
		"--port", "0", "--tls-port", port, "--bind", "127.0.0.1", "--save", "", "--tls-auth-clients", "yes",
		"--tls-cert-file", certificate.Cert, "--tls-key-file", certificate.Key, "--tls-ca-cert-file", certificate.Cert,
	}
	s.Restart()
	return s
}

// prepare returns a server that has not been started. If redis-server is not installed,
// it skips the test, or fails it in CI.
func prepare(t testing.TB) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		const missing = "redis-server is missing: apt-get install redis-server"
		if os.Getenv("CI") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	// Not t.TempDir: the path of a unix socket must be short.
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, Dir: dir}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			if log, err := os.ReadFile(filepath.Join(dir, "log")); err == nil {
				t.Logf("log of redis-server at %s:\n%s", s.Addr, log)
			}
		}
		os.RemoveAll(dir)
	})
	return s
}

// freePort returns a port that is free and whose cluster bus port is free too.
func (s *Server) freePort() string {
	return freeport.Find(s.t, 10_000)
}

// URL returns the URL of the server's database 0.
func (s *Server) URL() string { return "redis://" + s.Addr + "/0" }

// Restart starts the server again with the same address and arguments, plus any in
// more, and waits until it answers.
func (s *Server) Restart(more ...string) {
	s.t.Helper()
	s.Launch(more...)
	s.wait()
}

// Launch is like Restart, but does not wait.
func (s *Server) Launch(more ...string) {
	s.t.Helper()
	s.Kill()
	log, err := os.Create(filepath.Join(s.Dir, "log"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	s.command = exec.Command("redis-server", append(s.args, more...)...)
	s.command.Dir, s.command.Stdout, s.command.Stderr = s.Dir, log, log
	s.command.SysProcAttr = child.EndWithParent(syscall.SIGKILL)
	if err := s.command.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	go func(command *exec.Cmd) {
		command.Wait()
		close(exited)
	}(s.command)
	s.exited = exited
}

// wait waits until the server accepts connections and has loaded its data. Any reply
// counts, even an authentication error.
func (s *Server) wait() {
	s.t.Helper()
	Eventually(s.t, "redis-server at "+s.Addr+" answers", func() error {
		select {
		case <-s.exited:
			log, _ := os.ReadFile(filepath.Join(s.Dir, "log"))
			s.t.Fatalf("redis-server exited:\n%s", log)
		default:
		}
		conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write([]byte("PING\r\n")); err != nil {
			return err
		}
		answer := make([]byte, 100)
		n, err := conn.Read(answer)
		if err != nil {
			return nil // a TLS port closes plain-text connections
		}
		if string(answer[:min(n, 8)]) == "-LOADING" {
			return fmt.Errorf("it replies %s", answer[:n])
		}
		return nil
	})
}

// Kill kills the server with SIGKILL. Data that it has not saved is lost.
func (s *Server) Kill() {
	if s.command == nil {
		return
	}
	s.command.Process.Kill()
	<-s.exited
	s.command = nil
}

// Pause stops the server with SIGSTOP: connections stay open, but it does not answer.
func (s *Server) Pause() { s.signal(syscall.SIGSTOP) }

// Resume undoes Pause.
func (s *Server) Resume() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.command.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// Client returns a client of the server, without credentials.
func (s *Server) Client() *redis.Client { return s.ClientAs("", "") }

// ClientAs returns a client of the server that authenticates as this user.
func (s *Server) ClientAs(user, password string) *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: s.Addr, Username: user, Password: password, Protocol: 2, DisableIdentity: true})
	s.t.Cleanup(func() { client.Close() })
	return client
}

// Do runs a command and returns its reply. An error fails the test.
func (s *Server) Do(args ...any) any {
	s.t.Helper()
	client := s.Client()
	defer client.Close()
	answer, err := client.Do(s.t.Context(), args...).Result()
	if err != nil {
		s.t.Fatalf("redis at %s: %v: %v", s.Addr, args, err)
	}
	return answer
}

// Eventually calls try until it returns nil, and fails the test if that takes too long.
func Eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: not within %s: %v", what, patience, err)
}
