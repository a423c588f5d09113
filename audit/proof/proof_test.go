package proof

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"
)

// newSigner returns a signer, and the text of its verifier key.
func newSigner(t testing.TB) (note.Signer, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "example.com/trail")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return signer, vkey
}

func leafOf(i int) []byte {
	return fmt.Appendf(nil, `{"seq":%d,"id":"%d-0","at":"2026-03-01T12:00:00Z","action":"update","name":"event %d"}`, i+1, 1000+i, i+1)
}

// testExport returns an export of n events with its checkpoint.
func testExport(t testing.TB, signer note.Signer, vkey string, n int) ([]byte, Signed) {
	t.Helper()
	var tree Frontier
	var hashes []byte
	for i := range n {
		hash := tlog.RecordHash(leafOf(i))
		tree.Append(hash)
		hashes = append(hashes, hash[:]...)
	}
	checkpoint := Checkpoint{Origin: "example.com/trail", Size: int64(n), Root: tree.Root()}
	signed, err := checkpoint.Sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w, err := NewWriter(&b, Header{Checkpoint: string(signed), Keys: []string{vkey}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if i%TileWidth == 0 {
			_ = w.Tile(int64(i/TileWidth), hashes[i*tlog.HashSize:min(len(hashes), (i+TileWidth)*tlog.HashSize)])
		}
		_ = w.Event("", leafOf(i))
	}
	_ = w.End()
	return b.Bytes(), Signed{Checkpoint: checkpoint, Note: signed}
}

// TestExportIsTamperedWith changes lines of an export, which whoever keeps it can do.
func TestExportIsTamperedWith(t *testing.T) {
	signer, vkey := newSigner(t)
	export, _ := testExport(t, signer, vkey, 600)
	keys, _ := ParseKeys([]string{vkey})
	lines := strings.SplitAfter(string(export), "\n")
	lines = lines[:len(lines)-1]
	index := func(event int) int { // of the event's line
		return slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, fmt.Sprintf(`"event %d"`, event)) })
	}
	other, _ := newSigner(t)
	for _, test := range []struct {
		name   string
		change func(lines []string) []string
		want   string
		err    string
	}{
		{"nothing", func(lines []string) []string { return lines }, "", ""},
		{"one letter", func(lines []string) []string {
			lines[index(5)] = strings.Replace(lines[index(5)], "update", "Update", 1)
			return lines
		}, "changed 5", ""},
		{"white space", func(lines []string) []string {
			lines[index(5)] = strings.Replace(lines[index(5)], `"seq"`, ` "seq"`, 1)
			return lines
		}, "changed 5", ""},
		{"a line is missing", func(lines []string) []string { return slices.Delete(lines, index(300), index(300)+1) }, "missing 300", ""},
		{"lines are swapped", func(lines []string) []string {
			lines[index(300)], lines[index(301)] = lines[index(301)], lines[index(300)]
			return lines
		}, "moved 300", ""},
		{"a line is moved to the next tile", func(lines []string) []string {
			line := lines[index(250)]
			lines = slices.Insert(lines, index(260), line)
			return slices.Delete(lines, slices.Index(lines, line), slices.Index(lines, line)+1)
		}, "moved 250", ""},
		{"a line is there twice", func(lines []string) []string { return slices.Insert(lines, index(7), lines[index(6)]) }, "extra 7", ""},
		{"the last line is missing", func(lines []string) []string { return lines[:len(lines)-1] }, "", "incomplete"},
		{"it ends in a line", func(lines []string) []string {
			lines[400] = lines[400][:20]
			return lines[:401]
		}, "", "cut off"},
		{"the end comes early", func(lines []string) []string { return slices.Delete(lines, 200, len(lines)-1) }, "", "incomplete"},
		{"the checkpoint has another key", func(lines []string) []string {
			forged, _ := testExport(t, other, vkey, 600)
			lines[0], _, _ = strings.Cut(string(forged), "\n")
			lines[0] += "\n"
			return lines
		}, "signature", ""},
		{"something else", func([]string) []string { return []string{"{}\n"} }, "", "not an export"},
		{"nothing at all", func([]string) []string { return nil }, "", "empty"},
		{"another format", func(lines []string) []string {
			lines[0] = strings.Replace(lines[0], `"format":1`, `"format":2`, 1)
			return lines
		}, "", "format 2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			changed := strings.Join(test.change(slices.Clone(lines)), "")
			report, err := Verify(strings.NewReader(changed), Options{Keys: keys})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range report.Findings {
				text := f.Kind
				if f.Event > 0 {
					text += fmt.Sprint(" ", f.Event)
				}
				got = append(got, text)
			}
			if strings.Join(got, ", ") != test.want || report.OK != (test.want == "") {
				t.Errorf("found %v, want %q: %+v", got, test.want, report)
			}
		})
	}
}

// TestCheckpoints checks what a trail says about checkpoints that were saved.
func TestCheckpoints(t *testing.T) {
	signer, vkey := newSigner(t)
	export, _ := testExport(t, signer, vkey, 300)
	_, earlier := testExport(t, signer, vkey, 200)
	_, later := testExport(t, signer, vkey, 301)
	forged := Checkpoint{Origin: "example.com/trail", Size: 200}
	rewritten, _ := forged.Sign(signer)
	otherSigner, _ := newSigner(t)
	unknown, _ := earlier.Sign(otherSigner)
	elsewhere, _ := Checkpoint{Origin: "example.com/other", Size: 200, Root: earlier.Root}.Sign(signer)
	for name, test := range map[string]struct {
		note []byte
		want string
	}{
		"earlier":   {earlier.Note, ""},
		"later":     {later.Note, KindShorter},
		"rewritten": {rewritten, KindTree},
		"unknown":   {unknown, KindSignature},
		"elsewhere": {elsewhere, KindSignature},
		"changed":   {bytes.Replace(earlier.Note, []byte("200"), []byte("201"), 1), KindSignature},
		"garbage":   {[]byte("x"), KindSignature},
	} {
		report, err := Verify(bytes.NewReader(export), Options{Checkpoints: []Saved{{Name: "F", Note: test.note}}})
		if err != nil {
			t.Fatal(err)
		}
		if found := len(report.Findings) > 0; found != (test.want != "") || found && (report.Findings[0].Kind != test.want || !strings.Contains(report.Findings[0].Message, "F")) {
			t.Errorf("%s: %+v", name, report.Findings)
		}
		if matched := len(report.Matched) == 1; matched != (test.want == "") {
			t.Errorf("%s: matched %v", name, report.Matched)
		}
	}
}

// TestFrontier compares roots with package tlog.
func TestFrontier(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(0, 1000).Draw(rt, "n")
		var stored []tlog.Hash
		reader := tlog.HashReaderFunc(func(indexes []int64) (found []tlog.Hash, _ error) {
			for _, i := range indexes {
				found = append(found, stored[i])
			}
			return found, nil
		})
		var f Frontier
		for i := range n {
			hashes, err := tlog.StoredHashes(int64(i), leafOf(i), reader)
			if err != nil {
				rt.Fatal(err)
			}
			stored = append(stored, hashes...)
			f.Append(tlog.RecordHash(leafOf(i)))
		}
		want, err := tlog.TreeHash(int64(n), reader)
		if err != nil || f.Root() != want {
			rt.Fatalf("root %s, want %s: %v", f.Root(), want, err)
		}
		hashes, _ := reader.ReadHashes(FrontierIndexes(int64(n)))
		again := NewFrontier(int64(n), hashes)
		again.Append(tlog.Hash{1})
		f.Append(tlog.Hash{1})
		if again.Root() != f.Root() {
			rt.Fatal("a frontier read from the tree differs")
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	signer, vkey := newSigner(f)
	_, signed := testExport(f, signer, vkey, 3)
	keys, _ := ParseKeys([]string{vkey})
	f.Add(signed.Note)
	f.Add([]byte("a\n0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— a AAAAAAA=\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		opened, err := Open(data, keys)
		if err == nil && opened.Checkpoint != signed.Checkpoint {
			t.Errorf("accepts %q", data)
		}
		if err != nil && !errors.Is(err, ErrUnknownKey) && opened.Size != 0 {
			t.Errorf("%q: %+v comes with %v", data, opened, err)
		}
	})
}

func FuzzInclusion(f *testing.F) {
	f.Add(Inclusion{Event: leafOf(0), Index: 3, Path: tlog.RecordProof{{1}, {2}}, Checkpoint: []byte("a\n5\nb\n\n— a b\n")}.Marshal())
	f.Add([]byte("c2sp.org/tlog-proof@v1\nextra \nindex 0\n\nx"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ParseInclusion(data)
		if err != nil {
			return
		}
		if again := p.Marshal(); !bytes.Equal(again, data) {
			t.Errorf("%q becomes %q", data, again)
		}
		_, _ = p.Check(nil)
	})
}

// FuzzVerify checks that no export with another event than the signed ones passes.
func FuzzVerify(f *testing.F) {
	signer, vkey := newSigner(f)
	export, signed := testExport(f, signer, vkey, 3)
	keys, _ := ParseKeys([]string{vkey})
	f.Add(export)
	f.Add(bytes.Replace(export, []byte("update"), []byte("delete"), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		report, err := Verify(bytes.NewReader(data), Options{Keys: keys})
		if err != nil || !report.OK {
			return
		}
		if report.Size != signed.Size {
			t.Fatalf("%+v", report)
		}
		for i := range 3 {
			if !bytes.Contains(data, leafOf(i)) {
				t.Errorf("event %d is not in %q", i+1, data)
			}
		}
	})
}
