package main

import (
	"encoding/json"
	"testing"
)

func TestYAML(t *testing.T) {
	cases := map[string]string{
		"a: 1\nb: [x, 'y', \"z\\n\", {c: d}]\n":                   `{"a":1,"b":["x","y","z\n",{"c":"d"}]}`,
		"a:\n- b: 1\n  c: |\n    x\n     y\n\n- d\n":              `{"a":[{"b":1,"c":"x\n y\n"},"d"]}`,
		"a:\n  - - 1\n    - 2\nb: {}\n":                           `{"a":[[1,2]],"b":{}}`,
		"a: plain text\n  that goes on\nb: 'it''s\n\n  folded'\n": `{"a":"plain text that goes on","b":"it's\nfolded"}`,
		"a: >-\n  one\n  two\n\n  three\n":                        `{"a":"one two\nthree"}`,
		"a: |+\n  x\n\n":                                          `{"a":"x\n\n\n"}`,
		"a: 0600\nb: \"0600\"\nc: yes\nd: ~\ne: 1.10\n":           `{"a":384,"b":"0600","c":true,"d":null,"e":1.1}`,
		"# c\na: b # c\nurl: https://x:1/y#z\n":                   `{"a":"b","url":"https://x:1/y#z"}`,
		"a: [\n  1,\n  2\n]\n":                                    `{"a":[1,2]}`,
		"\"k: 1\": \"long \\\n  line\"\n":                         `{"k: 1":"long line"}`,
	}
	for text, want := range cases {
		docs, err := parseYAML("test", text)
		if err != nil || len(docs) != 1 {
			t.Errorf("%q: %d documents, %v", text, len(docs), err)
			continue
		}
		if got, _ := json.Marshal(docs[0]); string(got) != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
}

func TestYAMLDocuments(t *testing.T) {
	docs, err := parseYAML("test", "---\na: 1\n---\n# nothing\n--- \nb: |\n  x\n...\n")
	if err != nil || len(docs) != 2 {
		t.Errorf("%v, %v", docs, err)
	}
}

func TestRefusedYAML(t *testing.T) {
	for _, text := range []string{"a: 1\na: 2\n", "a: &x 1\n", "a: *x\n", "a: !t 1\n", "\ta: 1\n", "a: b: c\n", "a: [1\n", "a: 'x\n", "a: 1\n  b: 2\n", "? a\n: b\n", "a:\n  b: 1\n c: 2\n", "{a: 1, a: 2}\n", "a: [1 2", "a: {b"} {
		if docs, err := parseYAML("test", text); err == nil {
			t.Errorf("%q was read as %v", text, docs)
		}
	}
}

func FuzzYAML(f *testing.F) {
	f.Add("a: [1, {b: 'c'}]\nd: |\n  x\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = parseYAML("fuzz", text) })
}
