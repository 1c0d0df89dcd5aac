package exr

import (
	"slices"
	"testing"
)

func TestReasonsOfAPendingReboot(t *testing.T) {
	cases := map[string]struct {
		p    PendingReboot
		want []string
	}{
		"nothing":           {PendingReboot{}, nil},
		"Windows itself":    {PendingReboot{Components: true, Updates: true}, []string{"Windows has changed components", "Windows Update has installed updates"}},
		"a file in use":     {PendingReboot{Files: []string{`\??\C:\ce\new.tmp`, `!\??\C:\ce\a.dll`}}, []string{`C:\ce\a.dll is replaced`}},
		"a file to go":      {PendingReboot{Files: []string{`\??\C:\ce\a.dll`, ""}}, []string{`C:\ce\a.dll is removed`}},
		"temporary files":   {PendingReboot{Files: []string{`\??\C:\Windows\Temp\x`, "", `\??\C:\Users\a\AppData\Local\TEMP\~y`, ""}}, nil},
		"out of a temp":     {PendingReboot{Files: []string{`\??\C:\Windows\Temp\x`, `\??\C:\ce\a.dll`}}, []string{`C:\ce\a.dll is replaced`}},
		"half a pair":       {PendingReboot{Files: []string{`\??\C:\ce\a.dll`}}, []string{`C:\ce\a.dll is removed`}},
		"an empty pair":     {PendingReboot{Files: []string{"", ""}}, nil},
		"a file of a share": {PendingReboot{Files: []string{`\??\UNC\fs\x\a.dll`, ""}}, []string{`UNC\fs\x\a.dll is removed`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.p.Reasons(); !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
