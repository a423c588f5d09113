package filestore

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// SaveUses keeps when tokens were last used.
func (s *store) SaveUses(ctx context.Context, uses map[string]storage.Use) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db, err := s.open()
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(uses)), usesAtOnce) {
		err := db.Update(func(tx *bbolt.Tx) error {
			for _, id := range ids {
				if err := saveUse(tx, id, uses[id]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return s.fail("write when tokens were used", err)
		}
	}
	return nil
}

// usesAtOnce bounds how many uses one transaction writes: changes of tokens wait
// for it.
const usesAtOnce = 1000

func saveUse(tx *bbolt.Tx, id string, use storage.Use) error {
	kept, err := readUse(tx, id)
	if err != nil || kept.At.After(use.At) || tx.Bucket(bucketRecords).Get([]byte(id)) == nil {
		return err
	}
	return putJSON(tx.Bucket(bucketUses), []byte(id), use)
}

// readUse returns the zero Use of a token that was never used.
func readUse(tx *bbolt.Tx, id string) (use storage.Use, err error) {
	if data := tx.Bucket(bucketUses).Get([]byte(id)); data != nil {
		if err := json.Unmarshal(data, &use); err != nil {
			return use, fmt.Errorf("the use of the token %s: %w", id, err)
		}
	}
	return use, nil
}

// Uses returns the last uses of tokens.
func (s *store) Uses(ctx context.Context, ids []string) (map[string]storage.Use, error) {
	uses := make(map[string]storage.Use, len(ids))
	err := s.view(ctx, "read when tokens were used", func(tx *bbolt.Tx) error {
		for _, id := range ids {
			use, err := readUse(tx, id)
			if err != nil {
				return err
			}
			if !use.At.IsZero() {
				uses[id] = use
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return uses, nil
}
