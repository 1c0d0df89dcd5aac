package notices

import (
	"os/exec"
	"strings"
	"testing"
)

// Every module that is compiled in, on either system, has its notice.
func TestEveryModuleHasItsNotice(t *testing.T) {
	text := Text()
	for _, system := range []string{"linux", "windows"} {
		cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", "exorunner/runner")
		cmd.Env = append(cmd.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			if m = strings.TrimSpace(m); m == "" || strings.HasPrefix(m, "exorunner") {
				continue
			}
			if !strings.Contains(text, "\n"+m+": ") {
				t.Errorf("%s: %s has no notice: run go generate ./internal/notices", system, m)
			}
		}
	}
	for _, want := range []string{"github.com/bhendo/go-powershell", "MIT", "github.com/juju/errors", "LGPLv3", "As a special exception to the GNU Lesser General Public License version 3"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the notices", want)
		}
	}
}
