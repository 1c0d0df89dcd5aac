package access

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

// listed makes a file with an access list, as SDDL has it.
func listed(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sd, err := windows.SecurityDescriptorFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := sd.DACL()
	if err != nil {
		t.Fatal(err)
	}
	if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, list, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBroad(t *testing.T) {
	for about, c := range map[string]struct{ list, any, write string }{
		"administrators alone": {"D:P(A;;FA;;;SY)(A;;FA;;;BA)", "", ""},
		"users may read":       {"D:P(A;;FA;;;BA)(A;;FR;;;BU)", "Users", ""},
		"users may write":      {"D:P(A;;FA;;;BA)(A;;0x1301bf;;;AU)", "Authenticated Users", "Authenticated Users"},
		"everybody may delete": {"D:P(A;;FA;;;BA)(A;;SD;;;WD)", "Everyone", "Everyone"},
	} {
		t.Run(about, func(t *testing.T) {
			path := listed(t, c.list)
			reads, err := Broad(path, Any)
			writes, err2 := Broad(path, Write)
			if err != nil || err2 != nil || reads.Name != c.any || writes.Name != c.write {
				t.Errorf("got %q and %q, %v, %v; want %q and %q", reads, writes, err, err2, c.any, c.write)
			}
		})
	}
}

func TestAnAccountThatIsNotThere(t *testing.T) {
	if err := Grant(t.TempDir(), `.\nobody-of-that-name`); err == nil {
		t.Error("want an error")
	}
	if err := LogOnAsService(`.\nobody-of-that-name`); err == nil {
		t.Error("want an error")
	}
}
