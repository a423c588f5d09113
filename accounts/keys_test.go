package accounts

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

func newTestKey(t testing.TB) string {
	t.Helper()
	secret := make([]byte, keyLength)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(secret)
}

func keysOf(t testing.TB, texts ...string) Keys {
	t.Helper()
	keys, err := NewKeys(texts)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestKeyTexts(t *testing.T) {
	secret := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	t.Setenv("TEST_ENCRYPTION_KEY", base64.StdEncoding.EncodeToString(secret)+"\n")
	id := keysOf(t, hex.EncodeToString(secret)).current()
	for _, text := range []string{
		base64.StdEncoding.EncodeToString(secret), base64.RawStdEncoding.EncodeToString(secret),
		base64.URLEncoding.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), " " + hex.EncodeToString(secret) + "\n",
	} {
		if got := keysOf(t, text).current(); got != id {
			t.Errorf("%q is another key, %s instead of %s", text, got, id)
		}
	}
	if len(id) != 8 || strings.Contains(hex.EncodeToString(secret), id) {
		t.Errorf("ID %q", id)
	}
	for text, want := range map[string]string{
		"":                            "must not be empty",
		"{env.TEST_NO_SUCH_KEY}":      "environment variable TEST_NO_SUCH_KEY",
		"hunter2hunter2":              "openssl rand -base64 32",
		strings.Repeat("A", 42):       "openssl rand -base64 32",
		strings.Repeat("A", 46):       "openssl rand -base64 32",
		strings.Repeat("g", 64):       "openssl rand -base64 32",
		"!" + strings.Repeat("A", 42): "openssl rand -base64 32",
	} {
		_, err := NewKeys([]string{hex.EncodeToString(secret), text})
		if err == nil || !strings.Contains(err.Error(), want) || text != "" && text[0] != '{' && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSealing checks that a secret can only be read with its key, where it belongs,
// and as it was written.
func TestSealing(t *testing.T) {
	one, two := newTestKey(t), newTestKey(t)
	keys := keysOf(t, one)
	s, err := keys.seal("hunter2", []byte("account/bi"))
	if err != nil {
		t.Fatal(err)
	}
	again, _ := keys.seal("hunter2", []byte("account/bi"))
	if bytes.Equal(s.Data, again.Data) || bytes.Contains(s.Data, []byte("hunter2")) || s.Key != keys.current() {
		t.Errorf("%+v, %+v", s, again)
	}
	for name, rotated := range map[string]Keys{"same": keys, "rotated": keysOf(t, two, one)} {
		if secret, err := rotated.open(s, []byte("account/bi")); err != nil || secret != "hunter2" {
			t.Errorf("%s: %q, %v", name, secret, err)
		}
	}
	refused := func(name string, keys Keys, s sealed, bound, want string) {
		t.Helper()
		if secret, err := keys.open(s, []byte(bound)); err == nil || secret != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", name, secret, err)
		}
	}
	refused("moved", keys, s, "account/other", "belongs to another account")
	refused("without a key", Keys{}, s, "account/bi", "but no encryption_key is configured: add that key")
	refused("another key", keysOf(t, two), s, "account/bi", "encrypted with the key")
	for i := range s.Data {
		tampered := sealed{s.Key, bytes.Clone(s.Data)}
		tampered.Data[i] ^= 1
		refused("tampered", keys, tampered, "account/bi", "was changed")
	}
	for n := range s.Data {
		refused("cut", keys, sealed{s.Key, s.Data[:n]}, "account/bi", "was changed")
	}
	// The ID of a configured key does not make another key's ciphertext readable.
	refused("relabeled", keysOf(t, two), sealed{keysOf(t, two).current(), s.Data}, "account/bi", "was changed")
	if _, err := (Keys{}).seal("hunter2", nil); err == nil {
		t.Error("sealed without a key")
	}
}
