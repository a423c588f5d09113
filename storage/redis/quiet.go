package redisstore

import (
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"strconv"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

//go:embed quiet.lua
var quietSource string

var quietScript = newScript(quietSource)

// ApplyQuietly changes documents in one script.
func (s *store) ApplyQuietly(ctx context.Context, changes ...storage.DocumentChange) error {
	if err := storage.CheckQuiet(changes); err != nil {
		return err
	}
	keys := []string{s.index, s.key("receipt:" + rand.Text())}
	args := []any{s.channel, receiptLife.Milliseconds(), listDocuments}
	for _, change := range changes {
		name := change.DocumentName.String()
		data, err := change.Stored()
		if err != nil {
			return fmt.Errorf("encoding document %s: %w", name, err)
		}
		keys = append(keys, s.documentKey(name))
		args = append(args, strconv.FormatUint(change.Version, 10), data, name)
	}
	answer, err := s.write(ctx, "change documents", quietScript, keys, args)
	if err == nil && answer == conflict {
		return storage.ErrConflict
	}
	return err
}
