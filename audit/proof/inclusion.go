package proof

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Inclusion proves that an event is in the trail. Its text is a proof as in
// c2sp.org/tlog-proof whose extra data is the event, so that it stands alone.
type Inclusion struct {
	// Event is the event, exactly as it is stored.
	Event []byte
	// Index is the position of the event in the trail, from 0.
	Index int64
	// Path leads from the event's hash to the root of the checkpoint.
	Path tlog.RecordProof
	// Checkpoint is a signed checkpoint.
	Checkpoint []byte
}

const (
	inclusionHeader = "c2sp.org/tlog-proof@v1"
	maxPath         = 64
)

// Marshal returns the proof's text.
func (p Inclusion) Marshal() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", inclusionHeader, base64.StdEncoding.EncodeToString(p.Event), p.Index)
	for _, hash := range p.Path {
		fmt.Fprintf(&b, "%s\n", hash)
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseInclusion parses what Marshal returned.
func ParseInclusion(data []byte) (Inclusion, error) {
	head, checkpoint, ok := strings.Cut(string(data), "\n\n")
	lines := strings.Split(head, "\n")
	if !ok || len(lines) < 3 || lines[0] != inclusionHeader {
		return Inclusion{}, fmt.Errorf("not a proof: expected %s in the first line", inclusionHeader)
	}
	extra, ok := strings.CutPrefix(lines[1], "extra ")
	if !ok {
		return Inclusion{}, errors.New("the proof does not contain the event: its second line should begin with extra")
	}
	var p Inclusion
	var err error
	if p.Event, err = base64.StdEncoding.Strict().DecodeString(extra); err != nil || strings.ContainsRune(extra, '\r') {
		return Inclusion{}, errors.New("not a proof: the event is not in base64")
	}
	index, ok := strings.CutPrefix(lines[2], "index ")
	if p.Index, err = strconv.ParseInt(index, 10, 64); !ok || err != nil || p.Index < 0 || p.Index >= maxSize || strconv.FormatInt(p.Index, 10) != index {
		return Inclusion{}, fmt.Errorf("not a proof: invalid index in %.40q", lines[2])
	}
	if len(lines)-3 > maxPath {
		return Inclusion{}, errors.New("not a proof: it has too many hashes")
	}
	for _, line := range lines[3:] {
		hash, err := tlog.ParseHash(line)
		if err != nil || hash.String() != line {
			return Inclusion{}, fmt.Errorf("not a proof: invalid hash %.60q", line)
		}
		p.Path = append(p.Path, hash)
	}
	p.Checkpoint = []byte(checkpoint)
	return p, nil
}

// Check returns the proof's checkpoint if the proof is right: the checkpoint is signed
// with one of the keys, and the event is in its tree at this index.
func (p Inclusion) Check(keys Keys) (Signed, error) {
	signed, err := Open(p.Checkpoint, keys)
	if err != nil {
		return Signed{}, fmt.Errorf("the proof's checkpoint: %w", err)
	}
	if p.Index >= signed.Size {
		return Signed{}, fmt.Errorf("the proof is about event %d, but its checkpoint covers only %d", p.Index+1, signed.Size)
	}
	if err := tlog.CheckRecord(p.Path, signed.Size, signed.Root, p.Index, tlog.RecordHash(p.Event)); err != nil {
		return Signed{}, fmt.Errorf("the event is not event %d of the trail that the checkpoint covers", p.Index+1)
	}
	return signed, nil
}
