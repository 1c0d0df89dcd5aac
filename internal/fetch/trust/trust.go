// Package trust reads who signed a Windows program or installer and which version it is, and refuses what was not
// asked for. It knows PE and MSI files through a handle that the caller keeps. It knows nothing of where they came
// from, and it changes no file.
//
// What it establishes everywhere: the signature covers the bytes, it was made with the key of the certificate that it
// carries, and that certificate is the one asked for and was valid when it signed. Whether the certificate leads to a
// root that Windows trusts, and whether it was revoked, only Windows can say: it is asked there, and nowhere else.
// Away from Windows a name can be forged by whoever signs with a certificate of that name, so pin a SHA-256 as well.
package trust

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sassoftware/relic/v7/lib/authenticode"
	"github.com/sassoftware/relic/v7/lib/pkcs9"
	"github.com/sassoftware/relic/v7/signers/sigerrors"
)

// A Kind is a form of file that can carry an Authenticode signature and a version.
type Kind string

const (
	Other Kind = ""    // neither: nothing can be said about it
	PE    Kind = "PE"  // a program or a library
	MSI   Kind = "MSI" // a Windows Installer database
)

// A Publisher is who must have signed. Every field that is not empty must match, and one at least must be given.
type Publisher struct {
	// Subject and Issuer are the certificate's names: the common name alone, or the whole name as Found gives it.
	Subject string
	Issuer  string
	// Certificate is the SHA-256 of the signer's certificate, in hex. It changes whenever the publisher renews.
	Certificate string
	// IgnoreRevocation lets Windows skip its revocation lists, on a server that cannot reach them.
	IgnoreRevocation bool
}

// Want is what a file must be beyond its bytes. The zero value asks for nothing.
type Want struct {
	Publisher *Publisher
	// Version is a PE file's file version (of its fixed version resource) or an MSI's ProductVersion. Fields compare as
	// numbers, and a missing one is 0: 3.1 is 3.1.0.0.
	Version string
}

// Found is what a file says about itself. Its names are to be believed only as far as the package comment says.
type Found struct {
	Kind        Kind
	Signed      bool
	Subject     string // the whole name, RFC 2253
	Issuer      string
	Certificate string    // SHA-256 of the signer's certificate, in hex
	Stamped     time.Time // when a timestamp says it was signed; zero without one
	Version     string    // empty if it has none
}

// A Refused says why a file is not what was wanted. Trying again brings the same file again, unless Transient.
type Refused struct {
	ID        string
	What      string
	Remedy    string
	Transient bool
}

func (r *Refused) Error() string { return r.What }

// Check verifies the file behind r, of size bytes. Its error is a *Refused. On Windows it does not ask Windows; see
// CheckFile.
func Check(r io.ReaderAt, size int64, want Want) (Found, error) {
	return checkAt(r, size, want, time.Now())
}

// CheckFile is Check, and on Windows WinVerifyTrustEx about the same open handle: chain, revocation and timestamp.
func CheckFile(f *os.File, want Want) (Found, error) {
	info, err := f.Stat()
	if err != nil {
		return Found{}, &Refused{ID: "FetchUnreadable", What: err.Error(), Transient: true}
	}
	found, err := Check(f, info.Size(), want)
	if err != nil || want.Publisher == nil {
		return found, err
	}
	return found, askSystem(f, want.Publisher.IgnoreRevocation)
}

// Inspect says what a file is, for a person's review: an unsigned one, or one without a version, is no error here. A
// signature that does not fit its file is.
func Inspect(f *os.File) (Found, error) {
	info, err := f.Stat()
	if err != nil {
		return Found{}, &Refused{ID: "FetchUnreadable", What: err.Error(), Transient: true}
	}
	found, sigs, err := read(f, info.Size(), true)
	if err != nil || len(sigs) == 0 {
		return found, err
	}
	found.describe(sigs[0])
	return found, nil
}

func checkAt(r io.ReaderAt, size int64, want Want, now time.Time) (Found, error) {
	if want.Publisher == nil && want.Version == "" {
		return Found{Kind: kindOf(r)}, nil
	}
	found, sigs, err := read(r, size, want.Publisher != nil)
	if err != nil {
		return found, err
	}
	if found.Kind == Other {
		return found, &Refused{ID: "FetchNoSignatureForm", What: "neither a program nor an MSI: its publisher and version cannot be checked",
			Remedy: "take publisher and version out of this task, or name the installer itself"}
	}
	if want.Version != "" && !SameVersion(found.Version, want.Version) {
		return found, &Refused{ID: "FetchWrongVersion", What: fmt.Sprintf("version %s, want %s", orNone(found.Version), want.Version),
			Remedy: "ask the publisher for version " + want.Version + ", or correct the version and the hash together"}
	}
	if want.Publisher == nil {
		return found, nil
	}
	return found, found.checkSigners(sigs, *want.Publisher, now)
}

// checkSigners holds every signature of the file against the publisher: one stranger's is one too many.
func (f *Found) checkSigners(sigs []pkcs9.TimestampedSignature, p Publisher, now time.Time) error {
	if p.Subject == "" && p.Issuer == "" && p.Certificate == "" {
		return &Refused{ID: "FetchNoPublisher", What: "a publisher without subject, issuer or certificate matches anybody",
			Remedy: "give the publisher's subject and issuer"}
	}
	if len(sigs) == 0 {
		return &Refused{ID: "FetchUnsigned", What: "not signed", Remedy: "get the file from its publisher again, and compare the hash"}
	}
	for _, sig := range slices.Backward(sigs) {
		f.describe(sig)
		if err := f.match(sig, p, now); err != nil {
			return err
		}
	}
	return nil
}

func (f *Found) match(sig pkcs9.TimestampedSignature, p Publisher, now time.Time) error {
	const remedy = "do not run it; compare with the signature that the publisher announces"
	cert := sig.Certificate
	switch {
	case !sameName(p.Subject, cert.Subject.CommonName, f.Subject):
		return &Refused{ID: "FetchWrongSigner", What: fmt.Sprintf("signed by %q, want %q", f.Subject, p.Subject), Remedy: remedy}
	case !sameName(p.Issuer, cert.Issuer.CommonName, f.Issuer):
		return &Refused{ID: "FetchWrongSigner", What: fmt.Sprintf("the signer's certificate was issued by %q, want %q", f.Issuer, p.Issuer), Remedy: remedy}
	case p.Certificate != "" && !strings.EqualFold(p.Certificate, f.Certificate):
		return &Refused{ID: "FetchWrongSigner", What: fmt.Sprintf("signed with certificate %s, want %s", f.Certificate, p.Certificate), Remedy: remedy}
	}
	if usage := cert.ExtKeyUsage; len(usage) > 0 && !slices.Contains(usage, x509.ExtKeyUsageCodeSigning) && !slices.Contains(usage, x509.ExtKeyUsageAny) {
		return &Refused{ID: "FetchWrongSigner", What: "signed with a certificate that is not for signing code", Remedy: remedy}
	}
	when, how := now, "has no timestamp and its certificate"
	if !f.Stamped.IsZero() {
		when, how = f.Stamped, "was made while its certificate"
	}
	if when.Before(cert.NotBefore) || when.After(cert.NotAfter) {
		return &Refused{ID: "FetchSignatureExpired", Remedy: "ask the publisher for a file with a timestamped signature",
			What: fmt.Sprintf("the signature %s is valid from %s to %s only", how, cert.NotBefore.Format(time.DateOnly), cert.NotAfter.Format(time.DateOnly))}
	}
	return nil
}

func (f *Found) describe(sig pkcs9.TimestampedSignature) {
	sum := sha256.Sum256(sig.Certificate.Raw)
	f.Subject, f.Issuer = sig.Certificate.Subject.String(), sig.Certificate.Issuer.String()
	f.Certificate, f.Stamped = hex.EncodeToString(sum[:]), time.Time{}
	if sig.CounterSignature != nil {
		f.Stamped = sig.CounterSignature.SigningTime
	}
}

// read takes a file apart. The parsers behind it meet bytes of anybody's making; a panic of theirs is a refusal.
func read(r io.ReaderAt, size int64, signatures bool) (found Found, sigs []pkcs9.TimestampedSignature, err error) {
	found.Kind = kindOf(r)
	defer func() {
		if p := recover(); p != nil {
			err = &Refused{ID: "FetchMalformed", What: fmt.Sprintf("not a sound %s file: %v", found.Kind, p), Remedy: remedyMalformed}
		}
	}()
	switch found.Kind {
	case PE:
		if found.Version, err = versionOfPE(r); err == nil && signatures {
			sigs, err = signaturesOfPE(r, size)
		}
	case MSI:
		var db *compound
		if db, err = openCompound(r, size); err != nil {
			break
		}
		if found.Version, err = versionOfMSI(db); err == nil && signatures {
			sigs, err = signaturesOfMSI(r)
		}
	}
	found.Signed = len(sigs) > 0
	if err != nil {
		err = &Refused{ID: "FetchMalformed", What: fmt.Sprintf("not a sound %s file: %v", found.Kind, err), Remedy: remedyMalformed}
	}
	return found, sigs, err
}

const remedyMalformed = "do not run it; get the file from its publisher again, and compare the hash"

func signaturesOfPE(r io.ReaderAt, size int64) ([]pkcs9.TimestampedSignature, error) {
	if err := checkCertificateTable(r, size); err != nil {
		return nil, err
	}
	all, err := authenticode.VerifyPE(io.NewSectionReader(r, 0, size), false)
	if unsigned(err) {
		return nil, nil
	}
	sigs := make([]pkcs9.TimestampedSignature, len(all))
	for i, sig := range all {
		if sig.ImageHashFunc == crypto.MD5 {
			return nil, errors.New("signed over an MD5 digest")
		}
		sigs[i] = sig.TimestampedSignature
	}
	return sigs, err
}

func signaturesOfMSI(r io.ReaderAt) ([]pkcs9.TimestampedSignature, error) {
	sig, err := authenticode.VerifyMSI(r, false)
	if unsigned(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if sig.HashFunc == crypto.MD5 {
		return nil, errors.New("signed over an MD5 digest")
	}
	return []pkcs9.TimestampedSignature{sig.TimestampedSignature}, nil
}

func unsigned(err error) bool {
	var none sigerrors.NotSignedError
	return errors.As(err, &none)
}

func kindOf(r io.ReaderAt) Kind {
	head := make([]byte, 8)
	n, _ := r.ReadAt(head, 0)
	switch {
	case n >= 2 && string(head[:2]) == "MZ":
		return PE
	case n == 8 && string(head) == compoundMagic:
		return MSI
	}
	return Other
}

func sameName(want, common, whole string) bool {
	return want == "" || want == common || want == whole
}

// SameVersion compares two dotted versions field by field as numbers; missing fields are 0. What is no version equals
// nothing.
func SameVersion(a, b string) bool {
	x, okX := fields(a)
	y, okY := fields(b)
	return okX && okY && x == y
}

func fields(version string) (all [4]uint64, ok bool) {
	parts := strings.Split(version, ".")
	if len(parts) > len(all) {
		return all, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return all, false
		}
		all[i] = n
	}
	return all, true
}

func orNone(version string) string {
	if version == "" {
		return "none"
	}
	return version
}
