// Package notices holds the licences of everything that is compiled into exorunner. The text is generated, and CI fails
// when a dependency is missing in it.
package notices

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
)

//go:generate go run ./generate

//go:embed notices.txt.gz
var packed []byte

// Text is the notices, a section a module.
func Text() string {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		panic("notices: " + err.Error()) // embedded
	}
	text, err := io.ReadAll(r)
	if err != nil {
		panic("notices: " + err.Error())
	}
	return string(text)
}
