package proof

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestSavedIn(t *testing.T) {
	const note = "example.com/trail\n3\nroot\n\n— example.com/trail abc=\n"
	encoded, err := json.Marshal(note)
	if err != nil {
		t.Fatal(err)
	}
	event := fmt.Sprintf(`{"specversion":"1.0","type":"jira_tokens.trail.checkpoint","data":{"size":3,"checkpoint":%s}}`, encoded)
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"a note":             {note, 1},
		"a note in a mail":   {strings.ReplaceAll(note, "\n", "\r\n"), 1},
		"a notice":           {event, 1},
		"notices":            {event + "\n" + `{"type":"jira_tokens.test","data":{}}` + "\n" + event + "\n", 2},
		"of the command":     {fmt.Sprintf(`{"trail":"x","checkpoint":%s}`, encoded), 1},
		"another notice":     {`{"type":"jira_tokens.test","data":{}}`, 0},
		"a notice, cut off":  {event[:len(event)-3], 0},
		"nonsense with JSON": {event + "x", 0},
	} {
		saved, err := SavedIn("F", []byte(c.text))
		if len(saved) != c.want || (err != nil) != (c.want == 0) {
			t.Errorf("%s: %d checkpoints, %v", name, len(saved), err)
		}
		for _, s := range saved {
			if string(s.Note) != note || !strings.HasPrefix(s.Name, "F") {
				t.Errorf("%s: %q", name, s)
			}
		}
	}
}
