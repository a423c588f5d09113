package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/term"
)

// maxSecretInput is how much of standard input is read for a secret, in bytes.
const maxSecretInput = 64 << 10

// readSecret reads a secret from standard input, without its final line break. On a
// terminal, it asks for the secret and does not show what is typed.
func (c *client) readSecret(in io.Reader) (string, error) {
	if file, ok := in.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		fmt.Fprint(c.err, "Secret (not shown): ")
		typed, err := readUnseen(int(file.Fd()))
		fmt.Fprintln(c.err)
		return checkSecret(typed, err)
	}
	return checkSecret(io.ReadAll(io.LimitReader(in, maxSecretInput+1)))
}

// readUnseen reads a line from a terminal that does not show what is typed. Unlike
// term.ReadPassword alone, it does not leave the terminal like that when interrupted.
func readUnseen(terminal int) ([]byte, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	defer signal.Stop(interrupted)
	type result struct {
		typed []byte
		err   error
	}
	done := make(chan result, 1)
	go func() {
		typed, err := term.ReadPassword(terminal)
		done <- result{typed, err}
	}()
	select {
	case read := <-done:
		return read.typed, read.err
	case <-interrupted:
		return nil, errors.Join(errors.New("interrupted"), term.Restore(terminal, before))
	}
}

// checkSecret returns the secret, or an error that does not contain it.
func checkSecret(text []byte, err error) (string, error) {
	secret := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	switch {
	case err != nil:
		return "", fmt.Errorf("reading the secret: %w", err)
	case secret == "":
		return "", errors.New("no secret: expected it on standard input, as in `caddy jira-token account add … < file`")
	case len(text) > maxSecretInput:
		return "", fmt.Errorf("standard input has more than %d bytes: expected only the secret", maxSecretInput)
	case strings.ContainsAny(secret, "\r\n"):
		return "", errors.New("standard input has more than one line: expected only the secret")
	}
	return secret, nil
}
