package command

import (
	"io"
	"strings"
	"testing"
)

func TestReadSecret(t *testing.T) {
	c := &client{err: io.Discard}
	for input, want := range map[string]string{
		"hunter2": "hunter2", "hunter2\n": "hunter2", "hunter2\r\n": "hunter2", " hunter 2 \n": " hunter 2 ",
	} {
		if got, err := c.readSecret(strings.NewReader(input)); err != nil || got != want {
			t.Errorf("%q: %q, %v", input, got, err)
		}
	}
	for input, want := range map[string]string{
		"": "no secret", "\n": "no secret", "hunter2\nhunter2\n": "more than one line", "hunter2\n\n": "more than one line",
		strings.Repeat("hunter2", 10_000): "bytes",
	} {
		if got, err := c.readSecret(strings.NewReader(input)); err == nil || got != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.20q: %q, %v", input, got, err)
		}
	}
}
