package pwsh

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// utf8Page is Windows' number for UTF-8.
const utf8Page = 65001

// encodings are the code pages in which programs on Windows write to a console, by number. The OEM page of a machine
// is one of them; a few programs write the ANSI page, which is 1252 in the west and the OEM page itself in East Asia.
// https://learn.microsoft.com/windows/win32/intl/code-page-identifiers
var encodings = map[int]encoding.Encoding{
	437: charmap.CodePage437, 850: charmap.CodePage850, 852: charmap.CodePage852, 855: charmap.CodePage855,
	858: charmap.CodePage858, 862: charmap.CodePage862, 866: charmap.CodePage866, 874: charmap.Windows874,
	1250: charmap.Windows1250, 1251: charmap.Windows1251, 1252: charmap.Windows1252, 1253: charmap.Windows1253,
	1254: charmap.Windows1254, 1255: charmap.Windows1255, 1256: charmap.Windows1256, 1257: charmap.Windows1257,
	932: japanese.ShiftJIS, 936: simplifiedchinese.GBK, 949: korean.EUCKR, 950: traditionalchinese.Big5,
}

// A codePage is how a host's native programs write text. The zero value is UTF-8.
type codePage struct{ number int }

// decode makes text of what a program wrote. What is UTF-8 already stays as it is, whatever the page: newer programs
// write it regardless, and other text is hardly ever valid by chance. Bytes that mean nothing become U+FFFD.
func (p codePage) decode(b []byte) string {
	if enc, known := encodings[p.number]; known && !utf8.Valid(b) {
		if text, err := enc.NewDecoder().Bytes(b); err == nil {
			return string(text)
		}
	}
	return strings.ToValidUTF8(string(b), string(utf8.RuneError))
}

// encodeIn is s as a program that uses enc would write it: what the page lacks becomes a question mark.
func encodeIn(enc encoding.Encoding, s string) string {
	var b strings.Builder
	e := enc.NewEncoder()
	for _, r := range s {
		one, err := e.String(string(r))
		if err != nil {
			one = "?"
		}
		b.WriteString(one)
	}
	return b.String()
}
