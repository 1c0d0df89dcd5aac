package trust

import (
	"bytes"
	"debug/pe"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func check(data []byte, want Want) (Found, error) {
	return Check(bytes.NewReader(data), int64(len(data)), want)
}

func example() *Publisher {
	return &Publisher{Subject: "Example Publisher Code Signing", Issuer: "CN=Example Publisher Code Signing,O=Example Publisher"}
}

func TestCheck(t *testing.T) {
	tests := map[string]struct {
		file string
		want Want
		id   string // of the refusal; empty is accepted
	}{
		"a signed program, the publisher and version asked for": {"signed.exe", Want{example(), "24.8.0.1"}, ""},
		"a signed installer":                                 {"signed.msi", Want{example(), "3.0.100"}, ""},
		"a signed installer without the extended digest":     {"plain.msi", Want{example(), ""}, ""},
		"an installer's version, zero padded":                {"unsigned.msi", Want{nil, "3.000.100"}, ""},
		"an installer's version, one field more":             {"unsigned.msi", Want{nil, "3.0.100.0"}, ""},
		"a program's version, no publisher asked for":        {"unsigned.exe", Want{nil, "24.8.0.1"}, ""},
		"an older program":                                   {"signed.exe", Want{example(), "24.8.0.2"}, "FetchWrongVersion"},
		"an older installer":                                 {"signed.msi", Want{example(), "3.0.101"}, "FetchWrongVersion"},
		"an unsigned program":                                {"unsigned.exe", Want{example(), ""}, "FetchUnsigned"},
		"an unsigned installer":                              {"unsigned.msi", Want{example(), ""}, "FetchUnsigned"},
		"somebody else's signature":                          {"other.exe", Want{example(), ""}, "FetchWrongSigner"},
		"the right name, the wrong issuer":                   {"signed.exe", Want{&Publisher{Subject: "Example Publisher Code Signing", Issuer: "Example Root"}, ""}, "FetchWrongSigner"},
		"the right name, another certificate":                {"signed.exe", Want{&Publisher{Subject: "Example Publisher Code Signing", Certificate: strings.Repeat("0", 64)}, ""}, "FetchWrongSigner"},
		"the right name, a certificate that is not for code": {"server.exe", Want{example(), ""}, "FetchWrongSigner"},
		"a name that only begins right":                      {"signed.exe", Want{&Publisher{Subject: "Example"}, ""}, "FetchWrongSigner"},
		"a publisher that is nobody":                         {"signed.exe", Want{&Publisher{}, ""}, "FetchNoPublisher"},
		"a file of another form":                             {"README.md", Want{nil, "1.0"}, "FetchNoSignatureForm"},
		"nothing is asked for":                               {"README.md", Want{}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := check(fixture(t, test.file), test.want)
			if got := refusedID(err); got != test.id {
				t.Errorf("got %q (%v), want %q", got, err, test.id)
			}
		})
	}
}

func refusedID(err error) string {
	var r *Refused
	if errors.As(err, &r) {
		return r.ID
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestTheCertificateItselfCanBePinned(t *testing.T) {
	data := fixture(t, "signed.exe")
	found, err := check(data, Want{Publisher: example()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := check(data, Want{Publisher: &Publisher{Certificate: strings.ToUpper(found.Certificate)}}); err != nil {
		t.Errorf("by the certificate that was found: %v", err)
	}
}

func TestAnExpiredSignatureWithoutTimestampIsRefused(t *testing.T) {
	data := fixture(t, "signed.exe")
	_, err := checkAt(bytes.NewReader(data), int64(len(data)), Want{Publisher: example()}, time.Now().AddDate(200, 0, 0))
	if got := refusedID(err); got != "FetchSignatureExpired" {
		t.Errorf("got %q (%v), want FetchSignatureExpired", got, err)
	}
}

func TestInspect(t *testing.T) {
	tests := map[string]Found{
		"signed.exe":   {Kind: PE, Signed: true, Version: "24.8.0.1", Subject: "CN=Example Publisher Code Signing,O=Example Publisher"},
		"unsigned.exe": {Kind: PE, Version: "24.8.0.1"},
		"signed.msi":   {Kind: MSI, Signed: true, Version: "3.0.100", Subject: "CN=Example Publisher Code Signing,O=Example Publisher"},
		"unsigned.msi": {Kind: MSI, Version: "3.0.100"},
		"README.md":    {},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := os.Open(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			got, err := Inspect(f)
			got.Certificate, want.Issuer = "", want.Subject
			if err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

func TestCheckFileAgreesWithCheck(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows asks for a chain, and the test certificate has none")
	}
	f, err := os.Open(filepath.Join("testdata", "signed.exe"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := CheckFile(f, Want{Publisher: example()}); err != nil {
		t.Error(err)
	}
}

// 10,000 files that differ from a signed one in one digested bit, each with a hash of its own that somebody might have
// put into a playbook: the signature alone has to refuse them.
func TestNoFlippedBitIsAccepted(t *testing.T) {
	tests := map[string]struct {
		file     string
		digested func(testing.TB, []byte) []extent
	}{
		"a program":    {"signed.exe", digestedOfPE},
		"an installer": {"signed.msi", digestedOfMSI},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := fixture(t, test.file)
			ranges := test.digested(t, data)
			random := rand.New(rand.NewPCG(1, 2))
			for range 5000 {
				at, bit := pick(random, ranges), byte(1)<<random.IntN(8)
				data[at] ^= bit
				if _, err := check(data, Want{Publisher: example()}); err == nil {
					t.Errorf("bit %#x of byte %d flipped: accepted", bit, at)
				}
				data[at] ^= bit
			}
			if _, err := check(data, Want{Publisher: example()}); err != nil {
				t.Fatalf("the file itself: %v", err)
			}
		})
	}
}

func pick(random *rand.Rand, ranges []extent) int64 {
	total := int64(0)
	for _, x := range ranges {
		total += x.length
	}
	n := random.Int64N(total)
	for _, x := range ranges {
		if n < x.length {
			return x.offset + n
		}
		n -= x.length
	}
	panic("unreachable")
}

// digestedOfPE is everything but the checksum and the certificate table; the table's directory entry is in no digest
// but must fit the file, so it belongs here too.
func digestedOfPE(t testing.TB, data []byte) []extent {
	f, err := pe.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	table, _ := directory(f, pe.IMAGE_DIRECTORY_ENTRY_SECURITY)
	checksum := int64(data[0x3c]) + 24 + 64
	return []extent{{0, checksum}, {checksum + 4, int64(table.VirtualAddress) - checksum - 4}}
}

// digestedOfMSI is the content of every stream but the signature's own.
func digestedOfMSI(t testing.TB, data []byte) []extent {
	db, err := openCompound(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var all []extent
	for name, e := range db.streams {
		if !strings.HasPrefix(name, "\x05DigitalSignature") && !strings.HasPrefix(name, "\x05MsiDigitalSignatureEx") {
			all = append(all, db.extents(e)...)
		}
	}
	if len(all) < 10 {
		t.Fatalf("got %d runs of digested bytes: the fixture is not what it was", len(all))
	}
	return all
}

func TestWhateverIsCutOffIsRefused(t *testing.T) {
	for _, name := range []string{"signed.exe", "signed.msi"} {
		data := fixture(t, name)
		random := rand.New(rand.NewPCG(3, 4))
		for range 300 {
			n := random.IntN(len(data) - 64)
			if _, err := check(data[:n], Want{Publisher: example()}); err == nil {
				t.Errorf("%s cut to %d of %d bytes: accepted", name, n, len(data))
			}
		}
	}
}

func TestBytesBehindTheSignatureAreRefused(t *testing.T) {
	data := append(fixture(t, "signed.exe"), "MZ, or anything"...)
	if _, err := check(data, Want{Publisher: example()}); err == nil {
		t.Error("accepted")
	}
}

// Chains that run in a circle, or into each other, are what a parser does not come back from.
func TestCompoundStructureIsBounded(t *testing.T) {
	data := fixture(t, "signed.msi")
	random := rand.New(rand.NewPCG(5, 6))
	for range 3000 {
		broken := bytes.Clone(data)
		for range 1 + random.IntN(4) {
			// Sector numbers in every place where one can stand: small ones make circles.
			at := random.IntN(len(broken)/4) * 4
			broken[at], broken[at+1], broken[at+2], broken[at+3] = byte(random.IntN(24)), 0, 0, 0
		}
		_, _ = check(broken, Want{Publisher: example()}) // comes back, whatever it says
	}
}

func TestSameVersion(t *testing.T) {
	tests := map[string]struct {
		a, b string
		want bool
	}{
		"as written":           {"3.1.0", "3.1.0", true},
		"zero padded":          {"3.000.100", "3.0.100", true},
		"a missing field is 0": {"3.1", "3.1.0.0", true},
		"another":              {"3.1.0", "3.10.0", false},
		"no version":           {"", "", false},
		"not numbers":          {"3.1.x", "3.1.x", false},
		"five fields":          {"1.2.3.4.5", "1.2.3.4.5", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := SameVersion(test.a, test.b); got != test.want {
				t.Errorf("SameVersion(%q, %q): got %v, want %v", test.a, test.b, got, test.want)
			}
		})
	}
}

func FuzzCheck(f *testing.F) {
	for _, name := range []string{"signed.exe", "signed.msi", "plain.msi", "unsigned.exe"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := check(data, Want{Publisher: example(), Version: "24.8.0.1"})
		if err == nil && (!found.Signed || !SameVersion(found.Version, "24.8.0.1")) {
			t.Errorf("accepted, but found %+v", found)
		}
	})
}
