package trust

import (
	"encoding/binary"
	"errors"
)

// The tables of an MSI are streams. Their names are packed, two characters of 64 in one UTF-16 unit, behind a mark
// that a table's name begins with; the strings of all tables stand in a pool, and a table holds their numbers.
const (
	tableMark    = 0x4840
	tableProps   = "!Property"
	tablePool    = "!_StringPool"
	tableStrings = "!_StringData"
	maxTable     = 64 << 20
)

const nameAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._"

func decodeName(runes []rune) string {
	var out []rune
	for _, c := range runes {
		switch {
		case c >= 0x3800 && c < 0x4800:
			c -= 0x3800
			out = append(out, rune(nameAlphabet[c&63]), rune(nameAlphabet[c>>6]))
		case c >= 0x4800 && c < tableMark:
			out = append(out, rune(nameAlphabet[c-0x4800]))
		case c == tableMark:
			out = append(out, '!')
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// versionOfMSI is the ProductVersion of the Property table. Empty if there is none.
func versionOfMSI(db *compound) (string, error) {
	props, err := db.read(tableProps, maxTable)
	if err != nil || len(props) == 0 {
		return "", err
	}
	pool, err := db.read(tablePool, maxTable)
	if err != nil {
		return "", err
	}
	data, err := db.read(tableStrings, maxTable)
	if err != nil {
		return "", err
	}
	if len(pool) < 4 {
		return "", errors.New("the string pool is empty")
	}
	// The highest bit of the pool's head says that references are three bytes long: more than 65,535 strings.
	width := 2
	if pool[3]&0x80 != 0 {
		width = 3
	}
	if len(props)%(2*width) != 0 {
		return "", errors.New("the property table is torn")
	}
	texts, err := poolStrings(pool[4:], data)
	if err != nil {
		return "", err
	}
	rows := len(props) / (2 * width)
	for row := range rows {
		if stringAt(texts, props[row*width:], width) == "ProductVersion" {
			return stringAt(texts, props[(rows+row)*width:], width), nil
		}
	}
	return "", nil
}

func stringAt(texts []string, ref []byte, width int) string {
	n := int(ref[0]) | int(ref[1])<<8
	if width == 3 {
		n |= int(ref[2]) << 16
	}
	if n >= len(texts) {
		return ""
	}
	return texts[n]
}

// poolStrings cuts the strings out of their one stream: string n is texts[n], and 0 is none. Each entry is a length
// and a count of uses. A string of 64 KiB or more has an entry of length 0 with a count, and its length in the next.
func poolStrings(pool, data []byte) ([]string, error) {
	texts := []string{""}
	for len(pool) >= 4 {
		length, uses := uint32(binary.LittleEndian.Uint16(pool)), binary.LittleEndian.Uint16(pool[2:])
		pool = pool[4:]
		if length == 0 && uses != 0 {
			if len(pool) < 4 {
				return nil, errors.New("the string pool is torn")
			}
			length = binary.LittleEndian.Uint32(pool)
			pool = pool[4:]
		}
		if uint64(length) > uint64(len(data)) {
			return nil, errors.New("the string pool is longer than its strings")
		}
		texts, data = append(texts, string(data[:length])), data[length:]
	}
	return texts, nil
}
