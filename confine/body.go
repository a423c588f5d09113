package confine

import (
	"errors"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// document is a JSON body. Numbers keep their spelling.
type document struct {
	root    any
	changed bool
}

// keepNumbers decodes numbers as the text they were written as: IDs do not fit into
// a float64.
var keepNumbers = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, value *any) error {
	if d.PeekKind() == jsontext.KindNumber {
		*value = jsontext.Value(nil)
	}
	return errors.ErrUnsupported
}))

// readDocument reads the body of a request; no body is an empty object. Names
// that occur twice and invalid UTF-8, which two parsers could read differently,
// are refused.
func readDocument(body []byte) (*document, error) {
	d := new(document)
	if body == nil {
		d.root = map[string]any{}
		return d, nil
	}
	if err := json.Unmarshal(body, &d.root, keepNumbers); err != nil {
		return nil, unclear("The body is not JSON that can be read in only one way.")
	}
	if _, ok := d.root.(map[string]any); !ok {
		return nil, unclear("The body must be a JSON object.")
	}
	return d, nil
}

func (d *document) object() map[string]any { return d.root.(map[string]any) }

func (d *document) encode() ([]byte, error) { return json.Marshal(d.root, json.Deterministic(true)) }

// set sets a field of the body.
func (d *document) set(name string, value any) {
	d.object()[name] = value
	d.changed = true
}

// remove removes a field of the body.
func (d *document) remove(name string) {
	if _, ok := d.object()[name]; ok {
		delete(d.object(), name)
		d.changed = true
	}
}

// keepOnly removes the fields of the body that are not named.
func (d *document) keepOnly(names string) {
	for name := range d.object() {
		if !isWordOf(names, name) {
			delete(d.object(), name)
			d.changed = true
		}
	}
}

// visit calls f with the values at a place in the body, such as issues[] or
// bulkTransitionInputs[].selectedIssueIdsOrKeys[]. For each array at its end, f
// is called once with all elements; it returns those to keep. A place that the
// body does not have is skipped.
func (d *document) visit(place string, f func(values []any) (keep []any, err error)) error {
	if place == "" {
		_, err := f([]any{d.root})
		return err
	}
	_, err := d.step(d.root, strings.Split(place, "."), f)
	return err
}

// step follows the first name of a place within value and returns value, which f
// may have changed.
func (d *document) step(value any, names []string, f func([]any) ([]any, error)) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, unclear("The body does not hold an object where %q is expected.", names[0])
	}
	name, isArray := strings.CutSuffix(names[0], "[]")
	inner, ok := object[name]
	if !ok || inner == nil {
		return value, nil
	}
	elements, ok := inner.([]any)
	if ok != isArray {
		return nil, wrongKind(name)
	}
	if !isArray {
		elements = []any{inner}
	}
	kept, err := d.descend(elements, names[1:], f)
	if err != nil {
		return nil, err
	}
	if isArray {
		object[name] = kept
		d.changed = d.changed || len(kept) != len(elements)
	}
	return value, nil
}

func (d *document) descend(elements []any, names []string, f func([]any) ([]any, error)) ([]any, error) {
	if len(names) == 0 {
		return f(elements)
	}
	for _, element := range elements {
		if _, err := d.step(element, names, f); err != nil {
			return nil, err
		}
	}
	return elements, nil
}

// wrongKind refuses a body for the value at a place.
func wrongKind(place string) error {
	return unclear("The body holds the wrong kind of value at %q.", place)
}

// scalar returns a string, or a number as it was written: IDs can be either.
func scalar(value any) (text string, ok bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case jsontext.Value:
		return string(value), isNumber(string(value))
	}
	return "", false
}
