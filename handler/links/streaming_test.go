package links

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

func TestSourceErrorComesAfterAllBytes(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	const full = `["https://acme.atlassian.net/rest/x","https:\/\/acme.atlassian.net\/secure\/viewavatar"]`
	broken := errors.New("connection reset")
	for i := range len(full) + 1 {
		source := &splitReader{rest: full[:i], size: func() int { return 7 }, err: broken}
		b := m.Body(source, public)
		got, err := io.ReadAll(b)
		if !errors.Is(err, broken) {
			t.Errorf("cut at %d: error %v", i, err)
		}
		if want := reference([]byte(full[:i]), public); !bytes.Equal(got, want) {
			t.Errorf("cut at %d:\n got %q\nwant %q", i, got, want)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, broken) {
			t.Errorf("cut at %d: the next Read returned %v", i, err)
		}
	}
}

func TestSourceWithoutProgress(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	source := &splitReader{rest: `x`, size: func() int { return 0 }}
	if _, err := m.Body(source, public).Read(make([]byte, 1)); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("error %v, want io.ErrNoProgress", err)
	}
}

func TestReadOfNothing(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	if n, err := m.Body(&splitReader{rest: `x`}, public).Read(nil); n != 0 || err != nil {
		t.Fatalf("Read(nil) = %d, %v", n, err)
	}
}

// What has arrived goes out before the source is read again, but for a quote and what might be a URL after it.
func TestBodyDoesNotWait(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	for in, want := range map[string]string{
		`{"a":"b","c":1`:                     `{"a":"b","c":1`,
		`{"a":"http`:                         `{"a":`,
		`{"a":"`:                             `{"a":`,
		`{"a":"httx`:                         `{"a":"httx`,
		`{"a":\"`:                            `{"a":\"`,
		`["https://acme.atlassian.net/rest/`: `["` + public + `/rest/`,
	} {
		r, w := io.Pipe()
		go w.Write([]byte(in))
		b := m.Body(r, public)
		var got []byte
		for len(got) < len(want) {
			p := make([]byte, 100)
			n, err := b.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p[:n]...)
		}
		if string(got) != want {
			t.Errorf("%q: got %q before the rest was there, want %q", in, got, want)
		}
		b.Close()
	}
}

func TestClose(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	source := &splitReader{rest: strings.Repeat("x", 100), size: func() int { return 10 }}
	b := m.Body(source, public)
	if _, err := b.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err == nil || err.Error() != "closed" {
		t.Errorf("Close returned %v, want the source's error", err)
	}
	if err := b.Close(); err != nil || source.closed != 1 {
		t.Errorf("second Close: %v; source closed %d times", err, source.closed)
	}
	if n, err := b.Read(make([]byte, 5)); n != 0 || !errors.Is(err, errClosed) {
		t.Errorf("Read after Close = %d, %v", n, err)
	}
}

// A buffer must have one owner, whoever closes when: with two, bodies would see each other's bytes (and the race
// detector would tell).
func TestBuffersAreNotShared(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			mark := string(rune('a' + i%26))
			r, w := io.Pipe()
			b := m.Body(r, public)
			go func() {
				for range i % 7 {
					io.WriteString(w, strings.Repeat(mark, 1000))
				}
				if i%3 == 0 {
					w.Close()
				} else {
					b.Close() // maybe while Read is waiting
				}
			}()
			got, _ := io.ReadAll(b)
			b.Close()
			b.Close()
			if strings.Trim(string(got), mark) != "" {
				t.Errorf("body of %q has foreign bytes", mark)
			}
		})
	}
	wg.Wait()
}

func TestEndlessString(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	for _, unit := range []string{"x", `\`, `"`, "/", `"https:`, `"https://acme.atlassian.net`, ":/", `"http:\/`} {
		in := strings.Repeat(unit, 1<<20/len(unit))
		p := make([]byte, 32<<10)
		got := 0
		allocs := testing.AllocsPerRun(1, func() {
			b := m.Body(io.NopCloser(strings.NewReader(in)), public)
			got = 0
			for {
				n, err := b.Read(p)
				got += n
				if err != nil {
					break
				}
			}
		})
		if got != len(in) || allocs > 6 {
			t.Errorf("%q again and again: %d of %d bytes, %v allocations", unit, got, len(in), allocs)
		}
	}
}
