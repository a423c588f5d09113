package proof

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Saved is a signed checkpoint that was saved earlier.
type Saved struct {
	// Name says where it is from.
	Name string
	Note []byte
}

// SavedIn returns the checkpoints in a file that was saved: one as it is, or JSON that has
// some, one value after the other, such as notices as webhooks get them, or the output of
// `caddy jira-token audit checkpoint --output json`.
func SavedIn(name string, text []byte) ([]Saved, error) {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")) // it may have been a mail
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return []Saved{{name, text}}, nil
	}
	var saved []Saved
	for decoder := json.NewDecoder(bytes.NewReader(text)); ; {
		var value struct {
			Checkpoint string `json:"checkpoint"`
			Data       struct {
				Checkpoint string `json:"checkpoint"`
			} `json:"data"`
		}
		err := decoder.Decode(&value)
		switch {
		case errors.Is(err, io.EOF) && len(saved) == 0:
			return nil, errors.New("there is no checkpoint in it")
		case errors.Is(err, io.EOF):
			return saved, nil
		case err != nil:
			return nil, fmt.Errorf("neither a checkpoint nor JSON with one: %w", err)
		}
		note := value.Checkpoint + value.Data.Checkpoint // there is only one of them
		if note == "" {
			continue // another notice
		}
		numbered := name
		if len(saved) > 0 {
			numbered = fmt.Sprintf("%s (checkpoint %d)", name, len(saved)+1)
		}
		saved = append(saved, Saved{numbered, []byte(note)})
	}
}
