package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A reader for the part of YAML that K3s configuration and Kubernetes manifests use: block and flow collections,
// plain, quoted and block scalars, several documents. Anchors, aliases, tags and complex keys are refused, and so is
// a key given twice: what this reader accepts, every YAML reader accepts in the same sense.

type yamlReader struct {
	name  string
	lines []string
	pos   int
}

var (
	yamlInt   = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	yamlOctal = regexp.MustCompile(`^0[0-7]+$`)
	yamlHex   = regexp.MustCompile(`^0x[0-9a-fA-F]+$`)
	yamlFloat = regexp.MustCompile(`^[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?$`)
	blockHead = regexp.MustCompile(`^[|>]([-+]?[1-9]?|[1-9][-+])\s*(\s#.*)?$`)
)

// parseYAML returns the documents of a text; empty documents are left out.
func parseYAML(name, text string) ([]interface{}, error) {
	r := &yamlReader{name: name}
	for _, line := range strings.Split(text, "\n") {
		r.lines = append(r.lines, strings.TrimSuffix(line, "\r"))
	}
	all := r.lines
	var docs []interface{}
	for start := 0; start <= len(all); {
		end := start
		for end < len(all) && !isDocumentMark(all[end]) {
			end++
		}
		r.lines, r.pos = all[:end], start
		doc, present, err := r.document()
		if err != nil {
			return nil, err
		}
		if present {
			docs = append(docs, doc)
		}
		start = end + 1
		if end < len(all) && strings.HasPrefix(all[end], "--- ") {
			all[end] = all[end][4:]
			start = end
		}
	}
	return docs, nil
}

func isDocumentMark(line string) bool {
	return line == "..." || line == "---" || strings.HasPrefix(line, "--- ")
}

func (r *yamlReader) document() (interface{}, bool, error) {
	if !r.skipBlank() {
		return nil, false, nil
	}
	if strings.HasPrefix(r.lines[r.pos], "%") {
		return nil, false, r.fail("directives are not supported")
	}
	value, err := r.node(-1)
	if err != nil {
		return nil, false, err
	}
	if r.skipBlank() {
		return nil, false, r.fail("text after the end of the document's value, or bad indentation")
	}
	return value, true, nil
}

func (r *yamlReader) fail(format string, args ...interface{}) error {
	line := r.pos + 1
	if line > len(r.lines) {
		line = len(r.lines)
	}
	return fmt.Errorf("%s: yaml: line %d: %s", r.name, line, fmt.Sprintf(format, args...))
}

// skipBlank moves to the next line that holds something; false at the end.
func (r *yamlReader) skipBlank() bool {
	for ; r.pos < len(r.lines); r.pos++ {
		trimmed := strings.TrimSpace(r.lines[r.pos])
		if trimmed != "" && !strings.HasPrefix(trimmed, "#") {
			return true
		}
	}
	return false
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

func isItem(content string) bool { return content == "-" || strings.HasPrefix(content, "- ") }

// node reads the value that starts at the current position and is indented deeper than its parent.
func (r *yamlReader) node(parent int) (interface{}, error) {
	if !r.skipBlank() {
		return nil, nil
	}
	line := r.lines[r.pos]
	indent := indentOf(line)
	if indent <= parent {
		return nil, nil
	}
	content := line[indent:]
	if content[0] == '\t' {
		return nil, r.fail("a tab cannot indent")
	}
	if isItem(content) {
		return r.sequence(indent)
	}
	if _, _, isKey, err := r.splitKey(content); err != nil {
		return nil, err
	} else if isKey {
		return r.mapping(indent)
	}
	r.lines[r.pos] = ""
	return r.inline(content, parent)
}

func (r *yamlReader) sequence(indent int) (interface{}, error) {
	items := []interface{}{}
	for r.skipBlank() {
		line := r.lines[r.pos]
		if indentOf(line) < indent || (indentOf(line) == indent && !isItem(line[indent:])) {
			break
		}
		if indentOf(line) > indent {
			return nil, r.fail("bad indentation of a list item")
		}
		// Blank the dash out: what follows it is then an ordinary, deeper node.
		r.lines[r.pos] = line[:indent] + " " + line[indent+1:]
		item, err := r.node(indent)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

func (r *yamlReader) mapping(indent int) (interface{}, error) {
	result := map[string]interface{}{}
	for r.skipBlank() {
		line := r.lines[r.pos]
		if indentOf(line) < indent || (indentOf(line) == indent && isItem(line[indent:])) {
			break
		}
		if indentOf(line) > indent {
			return nil, r.fail("bad indentation of a mapping entry")
		}
		key, rest, isKey, err := r.splitKey(line[indent:])
		if err != nil {
			return nil, err
		}
		if !isKey {
			return nil, r.fail("could not find expected ':'")
		}
		if _, twice := result[key]; twice {
			return nil, r.fail("mapping key %q already defined", key)
		}
		r.lines[r.pos] = ""
		value, err := r.entry(rest, indent)
		if err != nil {
			return nil, err
		}
		result[key] = value
	}
	return result, nil
}

// entry reads what stands after "key:", on the same line or below it.
func (r *yamlReader) entry(rest string, indent int) (interface{}, error) {
	if rest != "" && !strings.HasPrefix(rest, "#") {
		return r.inline(rest, indent)
	}
	if r.skipBlank() {
		next := r.lines[r.pos]
		if indentOf(next) == indent && isItem(next[indent:]) {
			return r.sequence(indent)
		}
	}
	return r.node(indent)
}

// splitKey cuts "key: rest"; isKey is false when the content is no mapping entry.
func (r *yamlReader) splitKey(content string) (key, rest string, isKey bool, err error) {
	if strings.HasPrefix(content, "? ") {
		return "", "", false, r.fail("complex keys are not supported")
	}
	if strings.HasPrefix(content, "[") || strings.HasPrefix(content, "{") || strings.HasPrefix(content, "#") {
		return "", "", false, nil
	}
	if content[0] == '"' || content[0] == '\'' {
		end := closingQuote(content)
		if end < 0 || !strings.HasPrefix(content[end+1:], ":") {
			return "", "", false, nil
		}
		after := content[end+2:]
		if after != "" && after[0] != ' ' {
			return "", "", false, nil
		}
		key, err = r.unquote(content[:end+1])
		return key, strings.TrimSpace(after), true, err
	}
	cut := strings.Index(content, ": ")
	if comment := strings.Index(content, " #"); comment >= 0 && (cut < 0 || comment < cut) {
		content, cut = strings.TrimRight(content[:comment], " "), -1
	}
	if cut < 0 {
		trimmed := strings.TrimRight(content, " ")
		if !strings.HasSuffix(trimmed, ":") {
			return "", "", false, nil
		}
		return trimmed[:len(trimmed)-1], "", true, nil
	}
	return strings.TrimRight(content[:cut], " "), strings.TrimSpace(content[cut+2:]), true, nil
}

// inline reads a value that begins in the middle of the current line, whose text before it is already consumed.
func (r *yamlReader) inline(text string, parent int) (interface{}, error) {
	switch text[0] {
	case '&', '*', '!', '@', '`', '%':
		return nil, r.fail("%q cannot start a value here (anchors, aliases and tags are not supported)", text[:1])
	case '|', '>':
		return r.block(text, parent)
	case '"', '\'':
		return r.quoted(text)
	case '[', '{':
		return r.flow(text)
	}
	return r.plain(text, parent)
}

func (r *yamlReader) plain(text string, parent int) (interface{}, error) {
	result := stripComment(text)
	if strings.Contains(result, ": ") || strings.HasSuffix(result, ":") {
		return nil, r.fail("mapping values are not allowed in this context")
	}
	r.pos++
	breaks := 0
	many := false
	for ; r.pos < len(r.lines); r.pos++ {
		line := r.lines[r.pos]
		content := strings.TrimSpace(line)
		if content == "" {
			breaks++
			continue
		}
		if indentOf(line) <= parent || strings.HasPrefix(content, "#") {
			break
		}
		content = stripComment(content)
		if strings.Contains(content, ": ") || strings.HasSuffix(content, ":") {
			return nil, r.fail("mapping values are not allowed in this context")
		}
		result += folding(breaks) + content
		breaks, many = 0, true
	}
	if many {
		return result, nil
	}
	return resolveScalar(result), nil
}

// folding is what a line break becomes: a space, or as many newlines as there are blank lines.
func folding(blankLines int) string {
	if blankLines == 0 {
		return " "
	}
	return strings.Repeat("\n", blankLines)
}

func stripComment(text string) string {
	if cut := strings.Index(text, " #"); cut >= 0 {
		text = text[:cut]
	}
	return strings.TrimSpace(text)
}

// resolveScalar gives a plain scalar its YAML 1.1 type, as the reader inside K3s does: 0600 is 384, yes is true.
func resolveScalar(text string) interface{} {
	switch text {
	case "", "~", "null", "Null", "NULL":
		return nil
	case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y":
		return true
	case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N":
		return false
	}
	if yamlOctal.MatchString(text) || yamlHex.MatchString(text) || yamlInt.MatchString(text) {
		if number, err := strconv.ParseInt(text, 0, 64); err == nil {
			return number
		}
	}
	if yamlFloat.MatchString(text) {
		if number, err := strconv.ParseFloat(text, 64); err == nil {
			return number
		}
	}
	return text
}

// closingQuote is the index of the quote that ends the scalar starting at text[0], or -1.
func closingQuote(text string) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case quote == '"' && text[i] == '\\':
			i++
		case text[i] == quote:
			if quote == '\'' && i+1 < len(text) && text[i+1] == '\'' {
				i++
				continue
			}
			return i
		}
	}
	return -1
}

func (r *yamlReader) quoted(text string) (interface{}, error) {
	for closingQuote(text) < 0 {
		r.pos++
		if r.pos >= len(r.lines) {
			return nil, r.fail("found unexpected end of stream in a quoted scalar")
		}
		text += "\n" + r.lines[r.pos]
	}
	end := closingQuote(text)
	if after := strings.TrimSpace(text[end+1:]); after != "" && !strings.HasPrefix(after, "#") {
		return nil, r.fail("unexpected text after a quoted scalar")
	}
	r.pos++
	return r.unquote(text[:end+1])
}

func (r *yamlReader) unquote(text string) (string, error) {
	double := text[0] == '"'
	text = text[1 : len(text)-1]
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\n':
			i = foldBreak(&out, text, i)
		case !double && c == '\'':
			out.WriteByte('\'')
			i++
		case double && c == '\\':
			next, err := r.escape(&out, text, i+1)
			if err != nil {
				return "", err
			}
			i = next
		default:
			out.WriteByte(c)
		}
	}
	return out.String(), nil
}

// foldBreak writes what the line break at text[i] stands for and returns the index of the last byte it used.
func foldBreak(out *strings.Builder, text string, i int) int {
	kept := strings.TrimRight(out.String(), " \t")
	out.Reset()
	out.WriteString(kept)
	blank := -1
	last := i
	for ; i < len(text) && strings.IndexByte(" \t\n", text[i]) >= 0; i++ {
		if text[i] == '\n' {
			blank++
		}
		last = i
	}
	out.WriteString(folding(blank))
	return last
}

var simpleEscapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b",
	' ': " ", '"': "\"", '/': "/", '\\': "\\", 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// escape decodes the escape whose letter is text[i] and returns the index of its last byte.
func (r *yamlReader) escape(out *strings.Builder, text string, i int) (int, error) {
	if simple, ok := simpleEscapes[text[i]]; ok {
		out.WriteString(simple)
		return i, nil
	}
	if text[i] == '\n' {
		for i+1 < len(text) && (text[i+1] == ' ' || text[i+1] == '\t') {
			i++
		}
		return i, nil
	}
	width := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[i]]
	if width == 0 || i+width >= len(text) {
		return 0, r.fail("found unknown escape character")
	}
	code, err := strconv.ParseUint(text[i+1:i+1+width], 16, 32)
	if err != nil {
		return 0, r.fail("bad escape: %v", err)
	}
	out.WriteRune(rune(code))
	return i + width, nil
}

// block reads a literal (|) or folded (>) scalar.
func (r *yamlReader) block(header string, parent int) (interface{}, error) {
	if !blockHead.MatchString(header) {
		return nil, r.fail("bad block scalar header %q", header)
	}
	header = stripComment(header)
	const unknown = -1
	indent := unknown
	if digit := strings.IndexAny(header, "123456789"); digit >= 0 {
		indent = int(header[digit] - '0')
		if parent > 0 {
			indent += parent
		}
	}
	r.pos++
	var lines []string
	for ; r.pos < len(r.lines); r.pos++ {
		line := r.lines[r.pos]
		if strings.TrimSpace(line) == "" {
			kept := ""
			if indent != unknown && len(line) > indent {
				kept = line[indent:]
			}
			lines = append(lines, kept)
			continue
		}
		if indentOf(line) <= parent {
			break
		}
		if indent == unknown {
			indent = indentOf(line)
		}
		if indentOf(line) < indent {
			break
		}
		lines = append(lines, line[indent:])
	}
	return chomp(lines, header), nil
}

func chomp(lines []string, header string) string {
	end := len(lines)
	for end > 0 && lines[end-1] == "" {
		end--
	}
	trailing := len(lines) - end
	text := strings.Join(lines[:end], "\n")
	if header[0] == '>' {
		text = foldLines(lines[:end])
	}
	switch {
	case strings.Contains(header, "-") || (end == 0 && !strings.Contains(header, "+")):
		return text
	case strings.Contains(header, "+"):
		return text + strings.Repeat("\n", trailing+1)
	}
	return text + "\n"
}

// foldLines joins the lines of a folded scalar; lines that are indented deeper keep their breaks.
func foldLines(lines []string) string {
	var out strings.Builder
	blank, previous := 0, ""
	for _, line := range lines {
		switch {
		case line == "":
			blank++
			continue
		case previous == "":
			out.WriteString(strings.Repeat("\n", blank))
		case line[0] == ' ' || previous[0] == ' ':
			out.WriteString(strings.Repeat("\n", blank+1))
		default:
			out.WriteString(folding(blank))
		}
		out.WriteString(line)
		blank, previous = 0, line
	}
	return out.String()
}
