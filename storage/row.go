package storage

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Row is what a store's index holds of a record: enough to find and order
// records without reading them. Its text form sorts newest first.
type Row struct {
	CreatedAt time.Time
	ID        string
	Status    token.Status
	NotBefore time.Time
	ExpiresAt time.Time
	Owner     string
	Name      string
}

// RowOf returns the row of a record.
func RowOf(r *token.Record) Row {
	return Row{
		CreatedAt: r.CreatedAt, ID: r.ID, Status: r.Status,
		NotBefore: r.NotBefore, ExpiresAt: r.ExpiresAt, Owner: r.Owner, Name: r.Name,
	}
}

// idLength is that of token ids, of which all are alike.
const idLength = 10

// Key returns the row's place in an index: newest first, then by id. Keys of
// all rows have one length, and also serve as list cursors.
func (r *Row) Key() string {
	var created [8]byte
	binary.BigEndian.PutUint64(created[:], math.MaxUint64-uint64(r.CreatedAt.UnixMilli()))
	return hex.EncodeToString(created[:]) + r.ID
}

// KeyLength is the number of bytes of every Key.
const KeyLength = 16 + idLength

// Encode returns the row as text that sorts by its Key.
func (r *Row) Encode() string {
	var b strings.Builder
	b.WriteString(r.Key())
	b.WriteByte(r.Status[0])
	b.WriteString(hexTime(r.NotBefore))
	b.WriteString(hexTime(r.ExpiresAt))
	b.WriteString(r.Owner)
	b.WriteByte(0) // no owner holds control characters
	b.WriteString(r.Name)
	return b.String()
}

// DecodeRow reads what Encode wrote.
func DecodeRow(s string) (Row, error) {
	const fixed = KeyLength + 1 + 16 + 16
	if len(s) < fixed {
		return Row{}, fmt.Errorf("index row %q is too short", s)
	}
	var row Row
	created, err := hex.DecodeString(s[:16])
	if err != nil {
		return Row{}, fmt.Errorf("index row %q: %w", s, err)
	}
	row.CreatedAt = time.UnixMilli(int64(math.MaxUint64 - binary.BigEndian.Uint64(created)))
	row.ID = s[16:KeyLength]
	for _, status := range []token.Status{token.StatusActive, token.StatusDisabled, token.StatusRevoked} {
		if s[KeyLength] == status[0] {
			row.Status = status
		}
	}
	if row.NotBefore, err = parseHexTime(s[KeyLength+1 : KeyLength+17]); err != nil {
		return Row{}, fmt.Errorf("index row %q: %w", s, err)
	}
	if row.ExpiresAt, err = parseHexTime(s[KeyLength+17 : fixed]); err != nil {
		return Row{}, fmt.Errorf("index row %q: %w", s, err)
	}
	var ok bool
	if row.Owner, row.Name, ok = strings.Cut(s[fixed:], "\x00"); !ok {
		return Row{}, fmt.Errorf("index row %q has no name", s)
	}
	return row, nil
}

// hexTime writes t in nanoseconds; the zero time as 0. Records hold whole
// seconds at the finest, so nothing is lost.
func hexTime(t time.Time) string {
	var b [8]byte
	if !t.IsZero() {
		binary.BigEndian.PutUint64(b[:], uint64(t.UnixNano()))
	}
	return hex.EncodeToString(b[:])
}

func parseHexTime(s string) (time.Time, error) {
	b, err := hex.DecodeString(s)
	if err != nil {
		return time.Time{}, err
	}
	n := binary.BigEndian.Uint64(b)
	if n == 0 {
		return time.Time{}, nil
	}
	return time.Unix(0, int64(n)).UTC(), nil
}
