package redact

import (
	"encoding/csv"
	"os"
	"strings"
	"testing"
)

// answersOfTable returns the answers of the table of package jira.
func answersOfTable(t *testing.T) map[string]bool {
	t.Helper()
	file, err := os.Open("../../jira/confinement.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	answers := make(map[string]bool)
	for _, record := range records[1:] {
		if answer := record[4]; answer != "" {
			answers[answer] = true
		}
	}
	return answers
}

func TestEveryAnswerHasAShape(t *testing.T) {
	answers := answersOfTable(t)
	if len(answers) < 80 {
		t.Fatalf("the table has %d answers", len(answers))
	}
	for answer := range answers {
		if !isKnown(answer) {
			t.Errorf("no shape for the answer %q", answer)
		}
	}
	for answer := range shapes {
		if !answers[answer] {
			t.Errorf("no operation has the answer %q", answer)
		}
	}
	if isKnown("") || isKnown("nonsense") {
		t.Error("an answer that the table does not have is known")
	}
}

// sample is a response, and what passes of it. The word SECRET stands for everything that is outside or hidden.
type sample struct{ answer, source, want string }

func samples() []sample {
	var all []sample
	for _, s := range [][]sample{issueSamples, projectSamples, metaSamples, agileSamples, serviceDeskSamples, otherSamples} {
		all = append(all, s...)
	}
	return all
}

// sampleView hides some fields and internal comments.
var sampleView = ours{internal: true, hide: []string{"customfield_10", "Salary", "cf[10]"}}

func TestAnswers(t *testing.T) {
	tried := make(map[string]bool)
	for _, s := range samples() {
		tried[s.answer] = true
		if strings.Contains(s.want, "SECRET") {
			t.Errorf("%s: the wanted answer holds a secret", s.answer)
		}
		check(t, s.answer, sampleView, s.source, s.want)
	}
	for answer := range shapes {
		if !tried[answer] {
			t.Errorf("no sample of the answer %q", answer)
		}
	}
}

// An answer that passed once passes unchanged again: nothing that passes would be dropped.
func TestPassedPassesAgain(t *testing.T) {
	for _, s := range samples() {
		check(t, s.answer, sampleView, s.want, s.want)
	}
}

// isKnown reports whether there is a shape for the answer.
func isKnown(answer string) bool {
	return answer == Empty || answer == Binary || shapes[answer] != nil
}
