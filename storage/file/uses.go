package filestore

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// SaveUses records the last uses of tokens.
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

// usesAtOnce is the maximum number of uses that one transaction writes, since
// changes of tokens wait for it.
const usesAtOnce = 1000

func saveUse(tx *bbolt.Tx, id string, use storage.Use) error {
	if readUse(tx, id).At.After(use.At) || tx.Bucket(bucketRecords).Get([]byte(id)) == nil {
		return nil
	}
	return putJSON(tx.Bucket(bucketUses), []byte(id), use)
}

// readUse returns the last use of a token, or the zero Use if there is none or it
// cannot be decoded; the next use then overwrites it.
func readUse(tx *bbolt.Tx, id string) (use storage.Use) {
	data := tx.Bucket(bucketUses).Get([]byte(id))
	if data == nil || json.Unmarshal(data, &use) != nil {
		return storage.Use{}
	}
	return use
}

// Uses returns the last uses of the tokens with these ids.
func (s *store) Uses(ctx context.Context, ids []string) (map[string]storage.Use, error) {
	uses := make(map[string]storage.Use, len(ids))
	err := s.view(ctx, "read when tokens were used", func(tx *bbolt.Tx) error {
		for _, id := range ids {
			if use := readUse(tx, id); !use.At.IsZero() {
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
