package filestore

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// maxForgotten is the maximum number of days of tokens that Sweep deletes at once: a
// million tokens that are used every day lose fewer in a minute.
const maxForgotten = 5000

// dayDigits is the length of the day in a key, which puts the oldest day first.
const dayDigits = 6

func dayPrefix(day storage.Day) []byte { return fmt.Appendf(nil, "%0*d", dayDigits, max(0, day)) }

func dayKey(day storage.TokenDay) []byte { return append(dayPrefix(day.Day), day.TokenID...) }

// dayIn returns the day of a key.
func dayIn(key []byte) (day storage.Day, ok bool) {
	if len(key) < dayDigits {
		return 0, false
	}
	n, err := strconv.Atoi(string(key[:dayDigits]))
	return storage.Day(n), err == nil
}

// AddActivity adds to how much tokens were used. If the transaction fails, nothing has
// been added, so batches need not be remembered.
func (s *store) AddActivity(ctx context.Context, batch storage.ActivityBatch) error {
	return s.change(ctx, "write how much tokens were used", func(tx *bbolt.Tx) error {
		for day, counts := range batch.Counts {
			if tx.Bucket(bucketRecords).Get([]byte(day.TokenID)) == nil {
				continue
			}
			key, activity := dayKey(day), tx.Bucket(bucketActivity)
			kept, _ := storage.ParseCounts(string(activity.Get(key))) // overwrite what is damaged
			kept.Add(counts)
			if err := activity.Put(key, []byte(kept.String())); err != nil {
				return err
			}
		}
		return nil
	})
}

// Activity returns how much a token was used on each day.
func (s *store) Activity(ctx context.Context, id string, since storage.Day) (activity []storage.Activity, err error) {
	err = s.view(ctx, "read how much tokens were used", func(tx *bbolt.Tx) error {
		bucket := tx.Bucket(bucketActivity)
		for _, day := range daysFrom(tx, since) {
			if counts, ok := storage.ParseCounts(string(bucket.Get(dayKey(storage.TokenDay{TokenID: id, Day: day})))); ok {
				activity = append(activity, storage.Activity{Day: day, Counts: counts})
			}
		}
		return nil
	})
	return activity, err
}

// daysFrom returns the days of which there is any activity.
func daysFrom(tx *bbolt.Tx, since storage.Day) (days []storage.Day) {
	c := tx.Bucket(bucketActivity).Cursor()
	for key, _ := c.Seek(dayPrefix(since)); key != nil; {
		day, ok := dayIn(key)
		if !ok {
			break // not written by us
		}
		days = append(days, day)
		key, _ = c.Seek(dayPrefix(day + 1))
	}
	return days
}

// deleteActivity deletes how much a token was used.
func deleteActivity(tx *bbolt.Tx, id string) error {
	for _, day := range daysFrom(tx, 0) {
		if err := tx.Bucket(bucketActivity).Delete(dayKey(storage.TokenDay{TokenID: id, Day: day})); err != nil {
			return err
		}
	}
	return nil
}

// forget deletes days that are too old.
func (s *store) forget(ctx context.Context, now time.Time) error {
	oldest := dayPrefix(storage.DayOf(now).Oldest())
	var some bool
	err := s.view(ctx, "look for old counts of requests", func(tx *bbolt.Tx) error {
		first, _ := tx.Bucket(bucketActivity).Cursor().First()
		some = first != nil && bytes.Compare(first, oldest) < 0
		return nil
	})
	if err != nil || !some {
		return err
	}
	return s.change(ctx, "delete old counts of requests", func(tx *bbolt.Tx) error {
		var old [][]byte // the bucket must not change while it is read
		c := tx.Bucket(bucketActivity).Cursor()
		for key, _ := c.First(); key != nil && bytes.Compare(key, oldest) < 0 && len(old) < maxForgotten; key, _ = c.Next() {
			old = append(old, key)
		}
		for _, key := range old {
			if err := tx.Bucket(bucketActivity).Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}
