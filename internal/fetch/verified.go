package fetch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"exorunner/internal/fetch/trust"
	"exorunner/internal/files"
	"exorunner/internal/host"
)

// A File is a verified file that is held open. On Windows nobody can write, rename or remove it meanwhile, so its name
// may be given to an installer until Close. Elsewhere that is so of the handle alone, and Check says whether the name
// still leads to it.
type File struct {
	f     *os.File
	want  Want
	found trust.Found
}

// Open opens path and verifies it through the handle that it keeps. Get having put it there proves nothing about what
// is there now. The error is an *Error.
func Open(path string, want Want) (*File, error) {
	j := &job{Source: Source{Want: want, Name: filepath.Base(path)}}
	if len(want.SHA256) != 2*sha256.Size {
		return nil, j.fail("FetchNoHash", never, "no SHA-256 is given", "give the hash that the file was fetched by", nil)
	}
	f, err := openLocked(path)
	if err != nil {
		return nil, j.fail("FetchDisk", openClass(err), "open "+path, "fetch it again; see that nobody else has it open", err)
	}
	v := &File{f: f, want: want}
	if err := v.Check(); err != nil {
		f.Close()
		return nil, err
	}
	return v, nil
}

func openClass(err error) host.Class {
	if files.InUse(err) {
		return transient
	}
	return never
}

// Name is the path it was opened by.
func (v *File) Name() string { return v.f.Name() }

// Found is what the file says about itself, if a publisher or a version was asked for.
func (v *File) Found() trust.Found { return v.found }

// Check verifies everything again, through the same handle, and that the name still leads to it. Call it right before
// the name is used.
func (v *File) Check() error {
	j := &job{Source: Source{Want: v.want, Name: filepath.Base(v.f.Name())}}
	if _, err := v.f.Seek(0, io.SeekStart); err != nil {
		return j.disk("read", err)
	}
	sum, _, err := hashOf(context.Background(), v.f)
	if err != nil {
		return j.disk("read", err)
	}
	if err := v.same(j, sum); err != nil {
		return err
	}
	found, err := trust.CheckFile(v.f, j.trusted())
	if err != nil {
		return j.refused(err)
	}
	v.found = found
	mine, err := v.f.Stat()
	if err != nil {
		return j.disk("read", err)
	}
	if there, err := os.Stat(v.f.Name()); err != nil || !os.SameFile(mine, there) {
		return v.swapped(j, "another file has taken its name")
	}
	return nil
}

// CopyTo writes the file to a new one, hashing what it writes. If that is not what was wanted, the copy is removed. It
// is how a file is taken out of a folder that others can write to: what is copied is what was verified.
func (v *File) CopyTo(dst string) (err error) {
	j := &job{Source: Source{Want: v.want, Name: filepath.Base(v.f.Name())}}
	if _, err := v.f.Seek(0, io.SeekStart); err != nil {
		return j.disk("read", err)
	}
	out, err := os.OpenFile(dst, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return j.disk("copy", err)
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), v.f)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		err = j.disk("copy", err)
	} else {
		err = v.same(j, hex.EncodeToString(h.Sum(nil)))
	}
	if err != nil {
		os.Remove(dst)
	}
	return err
}

// Close lets the file go.
func (v *File) Close() error { return v.f.Close() }

func (v *File) same(j *job, sum string) error {
	if strings.EqualFold(sum, v.want.SHA256) {
		return nil
	}
	return v.swapped(j, fmt.Sprintf("its SHA-256 is %s, want %s", sum, v.want.SHA256))
}

func (v *File) swapped(j *job, what string) error {
	return j.fail("FetchSwapped", never, "refused: "+what, "somebody changed it after it was verified: find out who can write to that folder, and fetch it again", nil)
}
