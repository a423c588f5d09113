package main

import (
	"slices"
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	events := []string{
		`{"ImportPath":"m/broken","Action":"build-output","Output":"b.go:1:1: what?\n"}`,
		`{"Action":"start","Package":"m/a"}`,
		`{"Action":"run","Package":"m/a","Test":"TestGood"}`,
		`{"Action":"output","Package":"m/a","Test":"TestGood","Output":"=== RUN   TestGood\n"}`,
		`{"Action":"output","Package":"m/a","Test":"TestGood","Output":"    a_test.go:1: of no interest\n"}`,
		`{"Action":"output","Package":"m/a","Test":"TestGood","Output":"--- PASS: TestGood (0.00s)\n"}`,
		`{"Action":"pass","Package":"m/a","Test":"TestGood"}`,
		`{"Action":"run","Package":"m/a","Test":"TestBad"}`,
		`{"Action":"output","Package":"m/a","Test":"TestBad","Output":"=== RUN   TestBad\n"}`,
		`{"Action":"run","Package":"m/a","Test":"TestBad/part"}`,
		`NOW`,
		`{"Action":"output","Package":"m/a","Test":"TestBad/part","Output":"    a_test.go:2: wrong\n"}`,
		`{"Action":"output","Package":"m/a","Test":"TestBad/part","Output":"    --- FAIL: TestBad/part (0.00s)\n"}`,
		`{"Action":"fail","Package":"m/a","Test":"TestBad/part"}`,
		`{"Action":"output","Package":"m/a","Test":"TestBad","Output":"--- FAIL: TestBad (0.00s)\n"}`,
		`{"Action":"fail","Package":"m/a","Test":"TestBad"}`,
		`{"Action":"output","Package":"m/a","Output":"FAIL\n"}`,
		`{"Action":"output","Package":"m/a","Output":"FAIL\tm/a\t0.1s\n"}`,
		`{"Action":"fail","Package":"m/a"}`,
		`{"Action":"output","Package":"m/b","Output":"PASS\n"}`,
		`{"Action":"output","Package":"m/b","Output":"ok  \tm/b\t0.1s\n"}`,
		`{"Action":"pass","Package":"m/b"}`,
		"no event\n",
	}
	var out, progress strings.Builder
	r := newReport(&out, &progress, false)
	if got, want := r.now(), "compiling, 0 packages so far"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, line := range []string{"+m/a\n", "\n", "+m/b\n", "+m/a.test\n"} {
		r.listed(line)
	}
	for _, line := range events {
		if line != "NOW" {
			r.event([]byte(line))
		} else if got, want := r.now(), "0 of 2 packages tested, running a TestBad/part"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	r.end(false)
	const want = "b.go:1:1: what?\n    a_test.go:2: wrong\n    --- FAIL: TestBad/part (0.00s)\n--- FAIL: TestBad (0.00s)\nFAIL\nno event\n" +
		"FAIL\tm/a\t0.1s\nok  \tm/b\t0.1s\nFAIL\n"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	if !strings.Contains(progress.String(), "FAILED m/a\n") || !strings.Contains(progress.String(), "passed m/b\n") {
		t.Errorf("progress %q", progress.String())
	}
}

func TestCompileArguments(t *testing.T) {
	got := compileArguments([]string{"-race", "-timeout=25m", "-gcflags=m/...=-d=libfuzzer", "-run=^$", "./...", "-args", "-test.fuzz=x"})
	if want := []string{"-race", "-gcflags=m/...=-d=libfuzzer", "./..."}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
