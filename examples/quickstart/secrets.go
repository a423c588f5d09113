package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
)

// createSecrets sets the secrets that the gateway itself needs. Caddy must have been built.
func (s *settings) createSecrets(ctx context.Context, place *place) error {
	var err error
	if s.encryptionKey, err = place.encryptionKey(); err != nil || !s.standIn {
		return err
	}
	s.personPassword = rand.Text()
	hashing := exec.CommandContext(ctx, place.caddy(), "hash-password", "--algorithm", "bcrypt", "--bcrypt-cost", "10")
	hashing.Stdin = strings.NewReader(s.personPassword + "\n")
	hash, err := hashing.Output()
	if err != nil {
		return fmt.Errorf("hashing a password: %w", err)
	}
	s.personHash = strings.TrimSpace(string(hash))
	return nil
}

// encryptionKey returns the key for what the store keeps encrypted. It is kept beside the
// store, for the next run.
func (p *place) encryptionKey() (string, error) {
	file := p.inRun("encryption.key")
	key, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		random := make([]byte, 32)
		_, _ = rand.Read(random) // never fails
		key = []byte(base64.StdEncoding.EncodeToString(random))
		err = os.WriteFile(file, append(key, '\n'), 0o600)
	}
	return strings.TrimSpace(string(key)), err
}
