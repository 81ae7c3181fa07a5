package main

import "strings"

// Flow collections: [a, b] and {a: b}, over as many lines as they need.

type flowReader struct {
	text  string
	at    int
	owner *yamlReader
}

func (r *yamlReader) flow(text string) (interface{}, error) {
	for !flowClosed(text) {
		r.pos++
		if r.pos >= len(r.lines) {
			return nil, r.fail("found unexpected end of stream in a flow collection")
		}
		text += "\n" + r.lines[r.pos]
	}
	f := &flowReader{text: text, owner: r}
	value, err := f.value()
	if err != nil {
		return nil, err
	}
	if after := strings.TrimSpace(text[f.at:]); after != "" && !strings.HasPrefix(after, "#") {
		return nil, r.fail("unexpected text after a flow collection")
	}
	r.pos++
	return value, nil
}

// flowClosed tells whether every bracket of the text is closed; a quote opens a string only where a value may start.
func flowClosed(text string) bool {
	depth := 0
	start := true
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case start && (c == '"' || c == '\''):
			end := closingQuote(text[i:])
			if end < 0 {
				return false
			}
			i += end
			start = false
		case c == '[' || c == '{':
			depth++
			start = true
		case c == ']' || c == '}':
			depth--
			if depth == 0 {
				return true
			}
		case c == ',' || c == ':':
			start = true
		case c != ' ' && c != '\n' && c != '\t':
			start = false
		}
	}
	return false
}

func (f *flowReader) skipSpace() {
	for f.at < len(f.text) && strings.IndexByte(" \t\n", f.text[f.at]) >= 0 {
		f.at++
	}
}

func (f *flowReader) value() (interface{}, error) {
	f.skipSpace()
	switch f.text[f.at] {
	case '[':
		return f.list()
	case '{':
		return f.dict()
	case '"', '\'':
		return f.str()
	case '&', '*', '!':
		return nil, f.owner.fail("anchors, aliases and tags are not supported")
	}
	return resolveScalar(f.plain()), nil
}

func (f *flowReader) str() (string, error) {
	end := closingQuote(f.text[f.at:])
	if end < 0 {
		return "", f.owner.fail("found unexpected end of stream in a quoted scalar")
	}
	raw := f.text[f.at : f.at+end+1]
	f.at += end + 1
	return f.owner.unquote(raw)
}

func (f *flowReader) plain() string {
	start := f.at
	for ; f.at < len(f.text); f.at++ {
		c := f.text[f.at]
		if strings.IndexByte(",[]{}", c) >= 0 {
			break
		}
		if c == ':' && (f.at+1 == len(f.text) || strings.IndexByte(" \n,]}", f.text[f.at+1]) >= 0) {
			break
		}
	}
	return strings.Join(strings.Fields(f.text[start:f.at]), " ")
}

// next steps over a comma and reports whether the collection goes on; an unexpected character is an error.
func (f *flowReader) next(closing byte) (bool, error) {
	f.skipSpace()
	switch f.text[f.at] {
	case closing:
		f.at++
		return false, nil
	case ',':
		f.at++
		f.skipSpace()
		if f.text[f.at] == closing {
			f.at++
			return false, nil
		}
		return true, nil
	}
	return false, f.owner.fail("did not find expected ',' or '%c'", closing)
}

func (f *flowReader) list() (interface{}, error) {
	items := []interface{}{}
	f.at++
	f.skipSpace()
	if f.text[f.at] == ']' {
		f.at++
		return items, nil
	}
	for {
		item, err := f.value()
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		if more, err := f.next(']'); err != nil || !more {
			return items, err
		}
	}
}

func (f *flowReader) dict() (interface{}, error) {
	result := map[string]interface{}{}
	f.at++
	f.skipSpace()
	if f.text[f.at] == '}' {
		f.at++
		return result, nil
	}
	for {
		key, value, err := f.pair()
		if err != nil {
			return nil, err
		}
		if _, twice := result[key]; twice {
			return nil, f.owner.fail("mapping key %q already defined", key)
		}
		result[key] = value
		if more, err := f.next('}'); err != nil || !more {
			return result, err
		}
	}
}

func (f *flowReader) pair() (key string, value interface{}, err error) {
	f.skipSpace()
	if f.text[f.at] == '"' || f.text[f.at] == '\'' {
		if key, err = f.str(); err != nil {
			return "", nil, err
		}
	} else {
		key = f.plain()
	}
	f.skipSpace()
	if f.text[f.at] != ':' {
		return key, nil, nil
	}
	f.at++
	f.skipSpace()
	if strings.IndexByte(",}", f.text[f.at]) >= 0 {
		return key, nil, nil
	}
	value, err = f.value()
	return key, value, err
}
