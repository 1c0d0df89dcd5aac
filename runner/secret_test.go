package main

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exorunner/internal/rehearsal"
	"exorunner/internal/secret"
)

const secretsPlaybook = `playbook: secrets
defaults: {on_failure: continue}
vars: {organization: , app_id: }
tasks:
  - name: a file with a password
    action: certificate
    with: {file: 'C:\ProgramData\exorunner\exo-app.pfx', password: env:EXO_CERTIFICATE_PASSWORD}
  - name: connect with that file
    action: exo_connect
    with: {organization: "${vars.organization}", app_id: "${vars.app_id}", certificate_file: 'C:\ProgramData\exorunner\exo-app.pfx', certificate_password: env:EXO_CERTIFICATE_PASSWORD}
  - name: connect with a token
    action: exo_connect
    with: {organization: "${vars.organization}", access_token: 'file:C:\token.txt'}
  - name: connect with a password
    action: exo_connect
    with: {organization: "${vars.organization}", user: ce@contoso.onmicrosoft.com, password: wincred:exo}
  - name: a download that wants to know who asks
    action: download
    with:
      path: 'C:\staged.exe'
      urls: https://files.contoso.com/maas360/ActiveSync-3.000.100.exe
      sha256: 4c3d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8091a2b
      authorization: dpapi:C:\key
`

// Every secret of a rehearsal begins with a marker, which may be nowhere: not on a screen, and in no file.
func TestSecretsAreNowhere(t *testing.T) {
	book := filepath.Join(t.TempDir(), "secrets.yaml")
	if err := os.WriteFile(book, []byte(secretsPlaybook), 0o666); err != nil {
		t.Fatal(err)
	}
	plain := rehearsal.SecretMarker
	// A text in base64 begins as its beginning does, to a multiple of three bytes.
	coded := base64.StdEncoding.EncodeToString([]byte(plain[:len(plain)/3*3]))
	for name, faults := range map[string][]string{
		"all goes well":                       nil,
		"the password is wrong":               {"certificate-password"},
		"PowerShell dies":                     {"host-dies:Test-ExrConnection", "host-dies-after:Get-ExrCertificate"},
		"a refused sign-in":                   {"sign-in-refused"},
		"an error from everywhere":            {"error:I24:Test-ExrConnection", "error:I24:Get-ExrCertificate"},
		"PowerShell quotes what it was given": {"quotes-secrets:Test-ExrConnection", "quotes-secrets:Get-ExrCertificate"},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			args := []string{"--host", "rehearsal:ce-migrated", "--state", state, "-v"}
			for _, f := range faults {
				args = append(args, "--fault", f)
			}
			for _, format := range []string{"text", "json"} {
				for _, command := range []string{"plan", "apply", "verify"} {
					_, stdout, stderr := call(append([]string{command, book, "--format", format}, args...)...)
					if !strings.Contains(stdout, "connect with a token") {
						t.Fatalf("it did not run: %s", stderr)
					}
					hold(t, command+" "+format, []byte(stdout+stderr), plain, coded)
					if quoted := strings.Contains(stdout, secret.Hidden); !quoted && strings.HasPrefix(name, "PowerShell quotes") {
						t.Errorf("%s %s: nothing was hidden: was anything quoted?", command, format)
					}
				}
			}
			if _, shown, _ := call("rehearsal", "show", "ce-migrated", "--state", state); strings.Contains(shown, plain) {
				t.Error("rehearsal show tells a secret")
			}
			err := filepath.WalkDir(state, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				raw, err := os.ReadFile(path)
				hold(t, path, raw, plain, coded)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func hold(t *testing.T, where string, text []byte, markers ...string) {
	t.Helper()
	for _, m := range markers {
		if at := bytes.Index(text, []byte(m)); at >= 0 {
			t.Errorf("%s: a secret: ...%s", where, text[max(0, at-80):min(len(text), at+60)])
		}
	}
}
