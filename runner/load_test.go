package main

import (
	"os"
	"path/filepath"
	"testing"
)

// Windows PowerShell's > writes UTF-16. What it made of a file is that file.
func TestAFileOfWindowsPowerShell(t *testing.T) {
	for name, c := range map[string]struct{ raw, want string }{
		"UTF-16":                 {"\xff\xfea\x00:\x00 \x00\x2d\x4e\x3d\xd8\x00\xde", "a: \u4e2d\U0001F600"},
		"nothing in it":          {"\xff\xfe", ""},
		"half a character":       {"\xff\xfea\x00\x3d\xd8", "\xff\xfea\x00\x3d\xd8"},
		"a byte less":            {"\xff\xfea\x00:", "\xff\xfea\x00:"},
		"UTF-8":                  {"a: \u4e2d", "a: \u4e2d"},
		"UTF-16 the other way":   {"\xfe\xff\x00a", "\xfe\xff\x00a"},
		"no mark, so it is none": {"a\x00", "a\x00"},
	} {
		path := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(path, []byte(c.raw), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := readLimited(path)
		if err != nil || string(f.Data) != c.want {
			t.Errorf("%s: got %q, %v", name, f.Data, err)
		}
	}
}
