package links

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// whole is a body as net/http reads one of known length: its end comes with its
// last byte.
type whole struct{ *strings.Reader }

func atOnce(text string) io.Reader { return whole{strings.NewReader(text)} }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.Reader.Read(p)
	if err == nil && w.Len() == 0 {
		err = io.EOF
	}
	return n, err
}

// TestMeasured: of a small body that arrives at once the mapped length is known;
// of every other it is not, and the body is right all the same.
func TestMeasured(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	link := `"https://acme.atlassian.net/rest/x",`
	bodies := map[string]bool{
		strings.Repeat("x", maxMeasured):                        true,
		strings.Repeat("x", maxMeasured+1):                      false,
		strings.Repeat(link, maxMeasured/len(link)):             true,
		strings.Repeat(`"https://dc.example.com/jira/x",`, 100): true,
	}
	for in := range samples() {
		bodies[in] = in != ""
	}
	for in, measurable := range bodies {
		want := string(reference([]byte(in), public))
		for name, source := range map[string]struct {
			io.Reader
			measurable bool
		}{
			"at once":        {atOnce(in), measurable},
			"without end":    {strings.NewReader(in), false},
			"in two halves":  {io.MultiReader(strings.NewReader(in[:len(in)/2]), atOnce(in[len(in)/2:])), false},
			"shorter":        {atOnce(in), false},
			"broken":         {io.MultiReader(strings.NewReader(in), iotest.ErrReader(io.ErrUnexpectedEOF)), false},
			"read in pieces": {atOnce(in), measurable},
		} {
			length := int64(len(in))
			if name == "shorter" {
				length++
			}
			if name == "in two halves" && len(in) < 2 {
				continue
			}
			body, mapped := m.Measured(io.NopCloser(source), length, public)
			if source.measurable && mapped != int64(len(want)) || !source.measurable && mapped != -1 {
				t.Errorf("%s: length %d, want %d (known: %t)\nof %.200q", name, mapped, len(want), source.measurable, in)
			}
			var reader io.Reader = body
			if name == "read in pieces" {
				reader = iotest.OneByteReader(body)
			}
			got, err := io.ReadAll(reader)
			if (err != nil) != (name == "broken") || string(got) != want {
				t.Errorf("%s: %v\n  in %.200q\n got %.200q\nwant %.200q", name, err, in, got, want)
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestMeasuredGrowsOutOfItsBuffer: links that become much longer cost the
// length, nothing else.
func TestMeasuredGrowsOutOfItsBuffer(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	long := "https://" + strings.Repeat("long.", 100) + "example.com"
	in := strings.Repeat(`"https://acme.atlassian.net/rest/x",`, 200)
	body, mapped := m.Measured(io.NopCloser(atOnce(in)), int64(len(in)), long)
	got, err := io.ReadAll(body)
	if want := string(reference([]byte(in), long)); err != nil || mapped != -1 || string(got) != want {
		t.Errorf("length %d, %v, %d bytes, want %d", mapped, err, len(got), len(want))
	}
}

// TestMeasuredClosedEarly: buffers are given back once, and nothing is read
// after the end.
func TestMeasuredClosedEarly(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	in := `{"self":"https://acme.atlassian.net/rest/x"}`
	for range 3 {
		body, _ := m.Measured(io.NopCloser(atOnce(in)), int64(len(in)), public)
		if _, err := body.Read(make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := body.Close(); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := body.Read(make([]byte, 5)); n != 0 || err == nil {
			t.Fatalf("read %d bytes of a closed body", n)
		}
	}
}
