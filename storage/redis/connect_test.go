package redisstore

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// works makes a change and reads it back.
func works(t *testing.T, module *Store) {
	t.Helper()
	s := open(t, module, nil)
	if err := s.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := storagetest.NewRecord(1, "anna", "a")
	if err := s.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), r.ID); err != nil {
		t.Fatal(err)
	}
	heard, _ := storagetest.Watch(t, s)
	heard.Want(t, "restored")
}

func TestConnectWithPassword(t *testing.T) {
	server := redistest.Start(t, "--requirepass", "p@ss:w/rd%")
	t.Setenv("REDIS_PASSWORD", "p@ss:w/rd%")
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p@ss:w/rd%\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, module := range map[string]*Store{
		"option":                 {Address: []string{server.Addr}, Password: "p@ss:w/rd%"},
		"environment":            {Address: []string{server.Addr}, Password: "{env.REDIS_PASSWORD}"},
		"file":                   {Address: []string{server.Addr}, Password: "{file." + file + "}"},
		"escaped in the URL":     {URL: "redis://:p%40ss%3Aw%2Frd%25@" + server.Addr},
		"placeholder in the URL": {URL: "redis://default:{env.REDIS_PASSWORD}@" + server.Addr + "/2"},
	} {
		t.Run(name, func(t *testing.T) { works(t, module) })
	}
}

func TestConnectByUnixSocket(t *testing.T) {
	server := redistest.Start(t, "--unixsocket", "redis.sock")
	socket := filepath.Join(server.Dir, "redis.sock")
	for name, module := range map[string]*Store{
		"URL":     {URL: "unix://" + socket + "?db=1"},
		"address": {Address: []string{socket}},
	} {
		t.Run(name, func(t *testing.T) { works(t, module) })
	}
}

func TestConnectByTLS(t *testing.T) {
	certificate := redistest.NewCertificate(t)
	server := redistest.StartTLS(t, certificate)
	options := TLS{CA: certificate.Cert, Cert: certificate.Cert, Key: certificate.Key}
	named := options
	named.ServerName = "localhost"
	unverified := TLS{Cert: certificate.Cert, Key: certificate.Key, InsecureSkipVerify: true}
	for name, module := range map[string]*Store{
		"URL":         {URL: "rediss://" + server.Addr, TLS: &options},
		"address":     {Address: []string{server.Addr}, TLS: &options},
		"server name": {Address: []string{server.Addr}, TLS: &named},
		"unverified":  {Address: []string{server.Addr}, TLS: &unverified},
	} {
		t.Run(name, func(t *testing.T) { works(t, module) })
	}

	stranger := redistest.NewCertificate(t)
	wrongName := options
	wrongName.ServerName = "redis.example.com"
	for name, module := range map[string]*Store{
		"unknown authority":     {Address: []string{server.Addr}, TLS: &TLS{CA: stranger.Cert, Cert: certificate.Cert, Key: certificate.Key}},
		"wrong name":            {Address: []string{server.Addr}, TLS: &wrongName},
		"no client certificate": {Address: []string{server.Addr}, TLS: &TLS{CA: certificate.Cert}},
		"plain text":            {Address: []string{server.Addr}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, module, nil).Get(t.Context(), "0123456789")
			wantOutage(t, err, "TLS")
		})
	}
}
