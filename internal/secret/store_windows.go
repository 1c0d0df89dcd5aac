package secret

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	advapi   = windows.NewLazySystemDLL("advapi32.dll")
	credRead = advapi.NewProc("CredReadW")
	credFree = advapi.NewProc("CredFree")
)

// genericCredential is CRED_TYPE_GENERIC.
const genericCredential = 1

// credentialRecord is CREDENTIALW of wincred.h.
type credentialRecord struct {
	flags, kind     uint32
	target, comment *uint16
	written         windows.Filetime
	blobSize        uint32
	blob            *byte
	persist         uint32
	attributeCount  uint32
	attributes      uintptr
	alias, user     *uint16
}

// credential reads a generic credential of this account. cmdkey and the control panel keep its text as UTF-16.
func credential(target string) ([]byte, error) {
	name, err := windows.UTF16PtrFromString(target)
	if err != nil {
		return nil, err
	}
	var record *credentialRecord
	ok, _, err := credRead.Call(uintptr(unsafe.Pointer(name)), genericCredential, 0, uintptr(unsafe.Pointer(&record)))
	if ok == 0 {
		return nil, fmt.Errorf("credential manager: %w", err)
	}
	defer credFree.Call(uintptr(unsafe.Pointer(record)))
	return bytes.Clone(unsafe.Slice(record.blob, record.blobSize)), nil
}

// unprotected undoes the Data Protection API: of a blob, or of the hexadecimal text that ConvertFrom-SecureString
// writes, which holds UTF-16. Only the account, on the machine, that protected it can do so.
func unprotected(raw []byte) ([]byte, error) {
	blob, wide := bytes.TrimSpace(decode(raw)), false
	if decoded, err := hex.DecodeString(string(blob)); err == nil {
		blob, wide = decoded, true
	} else {
		blob = raw
	}
	if len(blob) == 0 {
		return nil, fmt.Errorf("it is empty")
	}
	in := windows.DataBlob{Size: uint32(len(blob)), Data: &blob[0]}
	var out windows.DataBlob
	if err := windows.CryptUnprotectData(&in, nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, fmt.Errorf("data protection: %w", err)
	}
	defer windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data)))
	text := bytes.Clone(unsafe.Slice(out.Data, out.Size))
	if wide {
		text = decodeUTF16(text)
	}
	return check(text)
}
