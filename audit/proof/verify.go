package proof

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Options are the options of Verify.
type Options struct {
	// Keys are the keys to trust. Without any, Verify trusts those that the export
	// names, which whoever made the export could choose.
	Keys Keys
	// Checkpoints were saved earlier: the trail must continue them.
	Checkpoints []Saved
	// From is the number of the first event about which findings count. Earlier ones
	// are known.
	From int64
}

// Verify reads an export of the trail and checks that its events are exactly those
// that its signed checkpoint covers, in order. It returns an error if the input is not
// a complete export. Memory is bounded.
func Verify(r io.Reader, options Options) (Report, error) {
	v := &verifier{options: options, missed: make(map[tlog.Hash]int64)}
	if err := readExport(r, v); err != nil {
		return Report{}, err
	}
	return v.finish()
}

// verifier compares the events of an export with the hashes in its tree, and the tree
// with checkpoints. The tree has the hash of each event, so it is known which event is wrong.
type verifier struct {
	options Options
	keys    Keys
	report  Report
	head    Checkpoint

	// tree is made of the hashes in tiles. Its root must be that of each of awaited,
	// which are sorted by size, when it has their size. good is the size at which it
	// last was, and broken is set once it was not.
	tree    Frontier
	tiles   int64
	awaited []awaited
	good    int64
	broken  bool

	// next is the index of the next event, and hashes are the hashes in the tree from
	// there on, as far as tiles have been read.
	next   int64
	hashes []tlog.Hash

	// pending holds events that are not in the tree, missing and gaps the ranges of
	// those that are not there, and missed finds them by their hash: they may turn up in
	// another place.
	pending       []pending
	missing, gaps []span
	missed        map[tlog.Hash]int64

	// removed covers the events that were removed because of their age, as the gateway
	// has signed.
	removed Checkpoint
	last    []byte
}

// span is a range of indexes.
type span struct{ first, last int64 }

// awaited is a checkpoint that the tree must match.
type awaited struct {
	Checkpoint
	name  string
	given bool // by the user
}

// add adds a finding to the report.
func (v *verifier) add(f Finding) {
	switch {
	case f.Event > 0 && max(f.Event, f.Through) < v.options.From:
	case len(v.report.Findings) >= maxFindings:
		v.report.More++
	default:
		v.report.Findings = append(v.report.Findings, f)
	}
}

func (v *verifier) header(h Header) error {
	if h.Format != exportFormat {
		return fmt.Errorf("the export has format %d, but this version reads format %d", h.Format, exportFormat)
	}
	v.keys = v.options.Keys
	if len(v.keys) == 0 {
		var err error
		if v.keys, err = ParseKeys(h.Keys); err != nil {
			return err
		}
	}
	head, err := Open([]byte(h.Checkpoint), v.keys)
	if err != nil {
		v.add(Finding{Kind: KindSignature, Message: "the checkpoint of the trail cannot be trusted: " + err.Error()})
		if head.Root == (tlog.Hash{}) { // it cannot even be read
			if head, err = Open([]byte(h.Checkpoint), nil); head.Root == (tlog.Hash{}) {
				return fmt.Errorf("the checkpoint of the export: %w", err)
			}
		}
	}
	v.head = head.Checkpoint
	v.report.Trail, v.report.Size, v.report.Root, v.report.SignedBy = head.Origin, head.Size, head.Root.String(), head.Key
	v.await(awaited{head.Checkpoint, "the signed checkpoint", false})
	for _, saved := range v.options.Checkpoints {
		v.save(saved)
	}
	return nil
}

// save makes the verifier await a checkpoint that was saved earlier.
func (v *verifier) save(saved Saved) {
	signed, err := Open(saved.Note, v.keys)
	switch {
	case errors.Is(err, ErrUnknownKey):
		v.add(Finding{Kind: KindSignature, Message: saved.Name + ": " + err.Error() + ": give its verifier key with --key"})
	case err != nil:
		v.add(Finding{Kind: KindSignature, Message: saved.Name + ": " + err.Error()})
	case signed.Origin != v.head.Origin:
		v.add(Finding{Kind: KindSignature, Message: fmt.Sprintf("%s is of another trail, %q", saved.Name, signed.Origin)})
	case signed.Size > v.head.Size:
		v.add(Finding{
			Kind: KindShorter, Event: v.head.Size + 1, Through: signed.Size, Expected: signed.Root.String(),
			Message: fmt.Sprintf("the trail has lost events: it has %d, but %s covers %d", v.head.Size, saved.Name, signed.Size),
		})
	default:
		v.await(awaited{signed.Checkpoint, saved.Name, true})
	}
}

// checkpoint receives one that the gateway has signed on the way. Only those with a
// known key help.
func (v *verifier) checkpoint(text string) {
	signed, err := Open([]byte(text), v.keys)
	if err == nil && signed.Origin == v.head.Origin && signed.Size <= v.head.Size && signed.Size >= v.tree.Size() {
		name := "the checkpoint of %d events that was signed earlier"
		if signed.Removal != nil {
			name = "the signed removal of the first %d events"
		}
		v.await(awaited{signed.Checkpoint, fmt.Sprintf(name, signed.Size), false})
	}
}

func (v *verifier) await(a awaited) {
	at, _ := slices.BinarySearchFunc(v.awaited, a.Size+1, func(other awaited, size int64) int { return int(min(1, max(-1, other.Size-size))) })
	v.awaited = slices.Insert(v.awaited, at, a)
	v.reach()
}

// reach compares the tree with the checkpoints of its size.
func (v *verifier) reach() {
	for len(v.awaited) > 0 && v.awaited[0].Size == v.tree.Size() {
		a := v.awaited[0]
		v.awaited = v.awaited[1:]
		root := v.tree.Root()
		if root == a.Root {
			v.good = a.Size
			if a.Removal != nil {
				v.removed = a.Checkpoint
			}
			if a.given {
				v.report.Matched = append(v.report.Matched, a.name)
			}
			continue
		}
		if v.broken && !a.given {
			continue // later ones do not match either
		}
		v.broken = true
		v.add(Finding{
			Kind: KindTree, Event: v.good + 1, Through: a.Size, Expected: a.Root.String(), Found: root.String(),
			Message: fmt.Sprintf("%s does not match: events between %d and %d are not those that it covers", a.name, v.good+1, a.Size),
		})
	}
}

func (v *verifier) tile(index int64, hashes []byte) error {
	width := min(TileWidth, v.head.Size-index*TileWidth)
	if index != v.tiles || width < 1 {
		return fmt.Errorf("unexpected tile %d", index)
	}
	v.tiles++
	if int64(len(hashes)) != width*tlog.HashSize {
		// Without the hashes, nothing is known about these events.
		v.add(Finding{
			Kind: KindTree, Event: index*TileWidth + 1, Through: index*TileWidth + width,
			Message: fmt.Sprintf("the hashes of events %d to %d are damaged: expected %d bytes, found %d", index*TileWidth+1, index*TileWidth+width, width*tlog.HashSize, len(hashes)),
		})
		v.broken = true
		hashes = make([]byte, width*tlog.HashSize)
	}
	for i := range width {
		hash := tlog.Hash(hashes[i*tlog.HashSize:])
		v.tree.Append(hash)
		v.hashes = append(v.hashes, hash)
		v.reach()
	}
	// Events may have come before their hashes, if others are missing.
	waiting := v.pending
	v.pending = nil
	for _, event := range waiting {
		v.event(event.raw)
	}
	return nil
}

func (v *verifier) event(raw []byte) {
	hash := tlog.RecordHash(raw)
	number := int64(NumberOf(raw)) //nolint:gosec // G115: at most 63 bits
	if at := v.find(hash, number); at >= 0 {
		v.settle(at)
		v.present(raw)
		return
	}
	if index, ok := v.missed[hash]; ok {
		v.moved(hash, index)
		return
	}
	if len(v.pending) == maxPending {
		v.resolve(min(1, len(v.hashes)), v.pending[:1])
		v.pending = v.pending[1:]
	}
	v.pending = append(v.pending, pending{hash, number, bytes.Clone(raw)})
}

// pending is an event that is not in the tree where it stands. Whether it stands there
// instead of another one or was added shows when the next event that is in the tree
// comes.
type pending struct {
	hash   tlog.Hash
	number int64
	raw    []byte
}

const (
	// maxPending is the maximum number of events that wait for that.
	maxPending = 1000
	// maxAhead is how many hashes are searched for an event without a number.
	maxAhead = 4 * TileWidth
	// maxMissed is the maximum number of missing events that are recognized elsewhere.
	maxMissed = 10_000
)

// find returns the position of an event's hash among hashes, or -1.
func (v *verifier) find(hash tlog.Hash, number int64) int {
	if len(v.hashes) == 0 {
		return -1
	}
	if v.hashes[0] == hash {
		return 0
	}
	if number > 0 {
		if at := number - 1 - v.next; at > 0 && at < int64(len(v.hashes)) && v.hashes[at] == hash {
			return int(at)
		}
		return -1
	}
	search := v.hashes
	if v.report.Checked > 0 || len(v.pending) > 0 {
		search = search[:min(len(search), maxAhead)]
	}
	return slices.Index(search, hash)
}

// settle finds out what became of the next n events, now that the one after them, or
// the end, has come.
func (v *verifier) settle(n int) {
	v.resolve(n, v.pending)
	v.pending = v.pending[:0]
}

// resolve takes events as standing for the next n in the tree. The rest of either are
// extra or missing.
func (v *verifier) resolve(n int, events []pending) {
	for _, event := range events {
		if n == 0 {
			v.add(Finding{
				Kind: KindExtra, Event: v.next + 1, Found: event.hash.String(),
				Message: fmt.Sprintf("an event that was never recorded follows event %d: %s", v.next, decodeLeaf(event.raw)),
			})
			continue
		}
		v.change(event)
		n--
	}
	v.skip(n)
}

// present takes an event that is what the tree says.
func (v *verifier) present(raw []byte) {
	v.advance(1)
	if number := NumberOf(raw); number > 0 && number != uint64(v.next) {
		v.add(Finding{Kind: KindMissing, Event: v.next, Message: fmt.Sprintf("event %d was recorded with the number %d: events before it are missing", v.next, number)})
	}
	v.report.Checked++
	if v.report.Checked == 1 {
		v.report.First = decodeLeaf(raw).At
	}
	v.last = append(v.last[:0], raw...)
	if bytes.Contains(raw, []byte(ActionLost)) {
		if event := decodeLeaf(raw); event.Action == ActionLost {
			v.add(lostFinding(event, v.next, v.keys))
		}
	}
}

func (v *verifier) advance(n int) {
	v.next += int64(n)
	v.hashes = v.hashes[n:]
}

// skip takes the next n events as missing.
func (v *verifier) skip(n int) {
	for i, hash := range v.hashes[:n] {
		index := v.next + int64(i)
		if hash == tlog.RecordHash(Gap(uint64(index+1))) { //nolint:gosec // G115: not negative
			v.gaps = v.extend(v.gaps, index)
			continue
		}
		if len(v.missed) < maxMissed {
			v.missed[hash] = index
		}
		v.missing = v.extend(v.missing, index)
	}
	v.advance(n)
}

// extend adds an index to ranges.
func (v *verifier) extend(spans []span, index int64) []span {
	if last := len(spans) - 1; last >= 0 && spans[last].last == index-1 {
		spans[last].last++
		return spans
	}
	if len(spans) == maxFindings {
		v.report.More++
		return spans
	}
	return append(spans, span{index, index})
}

// change takes an event as the changed form of the next one.
func (v *verifier) change(event pending) {
	expected := v.hashes[0]
	v.advance(1)
	if expected == (tlog.Hash{}) { // of a damaged tile, which is a finding of its own
		return
	}
	message := fmt.Sprintf("event %d is not what was recorded: %s", v.next, decodeLeaf(event.raw))
	if event.number > 0 && event.number != v.next {
		message = fmt.Sprintf("event %d is not what was recorded: in its place is one with the number %d: %s", v.next, event.number, decodeLeaf(event.raw))
	}
	v.add(Finding{Kind: KindChanged, Event: v.next, Expected: expected.String(), Found: event.hash.String(), Message: message})
}

// moved takes an event that was missing in its place.
func (v *verifier) moved(hash tlog.Hash, index int64) {
	delete(v.missed, hash)
	for i, s := range v.missing {
		if index < s.first || index > s.last {
			continue
		}
		var rest []span
		if s.first < index {
			rest = append(rest, span{s.first, index - 1})
		}
		if index < s.last {
			rest = append(rest, span{index + 1, s.last})
		}
		v.missing = slices.Replace(v.missing, i, i+1, rest...)
		break
	}
	v.add(Finding{Kind: KindMoved, Event: index + 1, Expected: hash.String(), Message: fmt.Sprintf("event %d is not in its place: it follows event %d", index+1, v.next)})
}

// finish completes the report.
func (v *verifier) finish() (Report, error) {
	if v.tree.Size() != v.head.Size {
		return Report{}, fmt.Errorf("%w: it has the hashes of %d of %d events", ErrIncomplete, v.tree.Size(), v.head.Size)
	}
	v.settle(len(v.hashes))
	for _, s := range v.missing {
		if s.first == 0 {
			old := min(s.last+1, v.removed.Size)
			if v.report.Removed, s.first = old, old; old > 0 {
				r := v.removed.Removal
				v.report.RemovedFrom, v.report.RemovedUntil, v.report.RemovedAt = r.From, r.Until, r.At
			}
		}
		if s.first <= s.last {
			v.add(missing(s))
		}
	}
	for _, s := range v.gaps {
		v.add(gap(s))
	}
	if v.report.Checked > 0 {
		v.report.Last = decodeLeaf(v.last).At
	}
	v.report.finish()
	return v.report, nil
}

func missing(s span) Finding {
	if s.first == s.last {
		return Finding{Kind: KindMissing, Event: s.first + 1, Message: fmt.Sprintf("event %d is missing", s.first+1)}
	}
	return Finding{Kind: KindMissing, Event: s.first + 1, Through: s.last + 1, Message: fmt.Sprintf("events %d to %d are missing", s.first+1, s.last+1)}
}

func gap(s span) Finding {
	f := missing(s)
	f.Message += ": they were not there any more when they were to be added to the tree"
	return f
}
