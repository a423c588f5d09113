package tree

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// tileHeight is the height of a tile, as in c2sp.org/tlog-tiles: tiles of level 0 hold
// the hashes of 256 events, those above the roots of 256 full tiles each. A tile that
// is not full grows in place.
const (
	tileHeight = 8
	tileWidth  = proof.TileWidth
	tileLength = tileWidth * tlog.HashSize
)

// Names of values in the store beside storage.TreeHead.
const (
	// valueLast is the ID of the last event in the tree.
	valueLast = "last"
	// valueCheckpoint and the number of a tile of level 0 is the newest checkpoint
	// whose last event is in the tile.
	valueCheckpoint = "checkpoint/"
)

func tileName(level int, n int64) string {
	return "tile/" + strconv.Itoa(level) + "/" + strconv.FormatInt(n, 10)
}

func checkpointName(size int64) string {
	return valueCheckpoint + strconv.FormatInt(max(0, size-1)/tileWidth, 10)
}

// tree is the right edge of the tree of the trail, to which events can be added.
type tree struct {
	frontier proof.Frontier
	// edge holds the tiles that are not full, by level.
	edge [][]byte
	// last is the ID of the last event.
	last storage.EventID
	// changed holds the values to save.
	changed map[string][]byte
}

func newTree() *tree { return &tree{changed: make(map[string][]byte)} }

func (t *tree) size() int64 { return t.frontier.Size() }

// clone returns a copy.
func (t *tree) clone() *tree {
	return &tree{t.frontier.Clone(), slices.Clone(t.edge), t.last, maps.Clone(t.changed)}
}

// add appends a leaf, given by its hash.
func (t *tree) add(hash tlog.Hash) {
	index := t.size()
	t.frontier.Append(hash)
	for level := 0; ; level++ {
		if level == len(t.edge) {
			t.edge = append(t.edge, nil)
		}
		// A copy, since the last one may still be in use.
		tile := append(slices.Clip(t.edge[level]), hash[:]...)
		t.changed[tileName(level, index>>(tileHeight*(level+1)))] = tile
		if len(tile) < tileLength {
			t.edge[level] = tile
			return
		}
		t.edge[level] = nil
		hash = rootOf(tile)
	}
}

// rootOf returns the root of the subtree whose leaves are in a tile.
func rootOf(tile []byte) tlog.Hash {
	var subtree proof.Frontier
	for hash := range slices.Chunk(tile, tlog.HashSize) {
		subtree.Append(tlog.Hash(hash))
	}
	return subtree.Root()
}

// sign returns the checkpoint of the tree, and adds it to what must be saved.
func (t *tree) sign(trail string, k Key) (proof.Signed, error) {
	signer, err := k.signer(trail)
	if err != nil {
		return proof.Signed{}, fmt.Errorf("signing the checkpoint: %w", err)
	}
	checkpoint := proof.Checkpoint{Origin: trail, Size: t.size(), Root: t.frontier.Root()}
	signed, err := checkpoint.Sign(signer)
	if err != nil {
		return proof.Signed{}, fmt.Errorf("signing the checkpoint: %w", err)
	}
	t.changed[storage.TreeHead] = signed
	t.changed[checkpointName(t.size())] = signed
	t.changed[valueLast] = []byte(t.last.String())
	return proof.Signed{Checkpoint: checkpoint, Note: signed, Key: fmt.Sprintf("%s+%08x", signer.Name(), signer.KeyHash())}, nil
}

// damagedTreeError says which value of the tree is damaged.
type damagedTreeError struct{ what string }

func (e damagedTreeError) Error() string { return "the tree of the audit trail is damaged: " + e.what }

// readTree reads the right edge of the tree that a checkpoint is of. It verifies that
// what it reads leads to the checkpoint's root.
func readTree(ctx context.Context, store storage.Trail, checkpoint proof.Checkpoint, last []byte) (*tree, error) {
	t := newTree()
	if checkpoint.Size == 0 {
		return t, nil
	}
	var err error
	if t.last, err = storage.ParseEventID(string(last)); err != nil {
		return nil, damagedTreeError{fmt.Sprintf("invalid ID of the last event %.40q", last)}
	}
	// Nothing signs that ID.
	found, err := store.RawEvents(ctx, before(t.last), 1)
	if err != nil {
		return nil, err
	}
	if len(found) > 0 && found[0].ID == t.last {
		if number := proof.NumberOf(found[0].Data); number > 0 && number != uint64(checkpoint.Size) {
			return nil, damagedTreeError{fmt.Sprintf("its last event is number %d, but it has %d", number, checkpoint.Size)}
		}
	}
	tiles := &tiles{ctx: ctx, store: store, read: make(map[string][]byte)}
	hashes, err := tiles.of(checkpoint).ReadHashes(proof.FrontierIndexes(checkpoint.Size))
	if err != nil {
		return nil, asDamage(err)
	}
	t.frontier = proof.NewFrontier(checkpoint.Size, hashes)
	for level := 0; checkpoint.Size>>(tileHeight*level) > 0; level++ {
		count := checkpoint.Size >> (tileHeight * level)
		t.edge = append(t.edge, nil)
		if width := count % tileWidth; width > 0 {
			tile := tiles.read[tileName(level, count/tileWidth)]
			t.edge[level] = tile[:min(len(tile), int(width)*tlog.HashSize)]
		}
	}
	return t, nil
}

// before returns the greatest ID before another one.
func before(id storage.EventID) storage.EventID {
	if id.Seq == 0 {
		return storage.EventID{Millis: id.Millis - 1, Seq: math.MaxUint32}
	}
	return storage.EventID{Millis: id.Millis, Seq: id.Seq - 1}
}

// asDamage returns errors of package tlog as damage, and outages as they are.
func asDamage(err error) error {
	if errors.Is(err, storage.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, new(damagedTreeError)) {
		return err
	}
	return damagedTreeError{"its hashes do not lead to the checkpoint"}
}

// tiles reads tiles from the store for package tlog, which verifies them.
type tiles struct {
	ctx   context.Context
	store storage.Trail
	read  map[string][]byte // those that have been verified
}

// of returns a reader of the verified hashes of a tree.
func (r *tiles) of(checkpoint proof.Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: checkpoint.Size, Hash: checkpoint.Root}, r)
}

// Height implements tlog.TileReader.
func (r *tiles) Height() int { return tileHeight }

// ReadTiles implements tlog.TileReader.
func (r *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	names := make([]string, len(wanted))
	for i, tile := range wanted {
		names[i] = tileName(tile.L, tile.N)
	}
	values, err := r.store.TreeValues(r.ctx, names...)
	if err != nil {
		return nil, err
	}
	for i, tile := range wanted {
		length := tile.W * tlog.HashSize
		if len(values[i]) < length {
			return nil, damagedTreeError{fmt.Sprintf("%s has %d bytes instead of %d", names[i], len(values[i]), length)}
		}
		values[i] = values[i][:length]
	}
	return values, nil
}

// SaveTiles implements tlog.TileReader. It is called with tiles that are right.
func (r *tiles) SaveTiles(verified []tlog.Tile, data [][]byte) {
	if r.read == nil {
		return
	}
	for i, tile := range verified {
		name := tileName(tile.L, tile.N)
		if len(data[i]) > len(r.read[name]) {
			r.read[name] = data[i]
		}
	}
}

// save writes the changed values of the tree, if the head is still the one that they
// are based on.
func (t *tree) save(ctx context.Context, store storage.Trail, head []byte) error {
	err := store.SaveTree(ctx, head, maps.Clone(t.changed))
	if err == nil {
		clear(t.changed)
	}
	return err
}
