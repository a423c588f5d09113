package proof

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// An export of the trail is a text with a JSON object on each line:
//
//	{"trail":{"format":1,"checkpoint":"…","keys":["…"]}}
//	{"checkpoint":"…"}                          an earlier checkpoint, before the tile in which it ends; first, the Removal, if there is one
//	{"tile":{"index":0,"hashes":"…"}}           the hashes of events 1 to 256, in base64
//	{"event":{"seq":1,…}}                       an event: what is between {"event": and the last } is the leaf
//	{"damaged":{"id":"…","data":"…"}}           an event that is not a line of JSON, in base64
//	{"end":{}}
//
// The export holds as many events as its checkpoint covers, less those that were
// removed because of their age, whose hashes stay.
const exportFormat = 1

// TileWidth is the number of hashes in a full tile.
const TileWidth = 256

// maxLine is the maximum length of a line of an export.
const maxLine = 16 << 20

// Header is the first line of an export.
type Header struct {
	Format int `json:"format"`
	// Checkpoint is the signed checkpoint that covers all events of the export.
	Checkpoint string `json:"checkpoint"`
	// Keys are the verifier keys with which the gateway's checkpoints may be signed.
	Keys []string `json:"keys"`
}

type tile struct {
	Index  int64  `json:"index"`
	Hashes []byte `json:"hashes"`
}

type damaged struct {
	ID   string `json:"id"`
	Data []byte `json:"data"`
}

// line is a line of an export that is not an event.
type line struct {
	Trail      *Header   `json:"trail,omitempty"`
	Checkpoint *string   `json:"checkpoint,omitempty"`
	Tile       *tile     `json:"tile,omitempty"`
	Damaged    *damaged  `json:"damaged,omitempty"`
	End        *struct{} `json:"end,omitempty"`
}

var (
	eventPrefix = []byte(`{"event":`)
	eventSuffix = []byte("}\n")
)

// Writer writes an export.
type Writer struct{ w io.Writer }

// NewWriter returns a writer that has written the header, whose Format it sets.
func NewWriter(w io.Writer, header Header) (Writer, error) {
	header.Format = exportFormat
	return Writer{w}, Writer{w}.write(line{Trail: &header})
}

func (w Writer) write(l line) error { return json.NewEncoder(w.w).Encode(l) }

// Checkpoint writes an earlier checkpoint.
func (w Writer) Checkpoint(signed []byte) error {
	text := string(signed)
	return w.write(line{Checkpoint: &text})
}

// Tile writes the hashes of a tile of level 0.
func (w Writer) Tile(index int64, hashes []byte) error {
	return w.write(line{Tile: &tile{index, hashes}})
}

// Event writes an event as it is stored.
func (w Writer) Event(id string, raw []byte) error {
	if !json.Valid(raw) || bytes.ContainsAny(raw, "\r\n") || raw[0] != '{' {
		return w.write(line{Damaged: &damaged{id, raw}})
	}
	_, err := w.w.Write(bytes.Join([][]byte{eventPrefix, raw, eventSuffix}, nil))
	return err
}

// End completes the export.
func (w Writer) End() error { return w.write(line{End: &struct{}{}}) }

// ErrIncomplete means that an export has no end.
var ErrIncomplete = errors.New("the export is incomplete: it was cut off")

// visitor receives the contents of an export.
type visitor interface {
	header(Header) error
	checkpoint(signed string)
	tile(index int64, hashes []byte) error
	// event receives an event, which is valid until it returns.
	event(raw []byte)
}

// readExport reads an export line by line. Its errors mean that it is not one.
func readExport(r io.Reader, v visitor) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 64<<10), maxLine)
	number := 0
	ended := false
	for scanner.Scan() {
		number++
		text := scanner.Bytes()
		if ended {
			return fmt.Errorf("line %d: the export continues after its end", number)
		}
		if number > 1 && bytes.HasPrefix(text, eventPrefix) && text[len(text)-1] == '}' {
			v.event(text[len(eventPrefix) : len(text)-1])
			continue
		}
		var l line
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&l); err != nil {
			return fmt.Errorf("line %d is not of an export of the audit trail, or is cut off: %w", number, err)
		}
		if (number == 1) != (l.Trail != nil) {
			return errors.New("not an export of the audit trail: the first line, and only that, should begin with {\"trail\":")
		}
		var err error
		switch {
		case l.Trail != nil:
			err = v.header(*l.Trail)
		case l.Checkpoint != nil:
			v.checkpoint(*l.Checkpoint)
		case l.Tile != nil:
			err = v.tile(l.Tile.Index, l.Tile.Hashes)
		case l.Damaged != nil:
			v.event(l.Damaged.Data)
		case l.End != nil:
			ended = true
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	switch err := scanner.Err(); {
	case err != nil:
		return fmt.Errorf("reading the export after line %d: %w", number, err)
	case number == 0:
		return errors.New("not an export of the audit trail: it is empty")
	case !ended:
		return ErrIncomplete
	}
	return nil
}
