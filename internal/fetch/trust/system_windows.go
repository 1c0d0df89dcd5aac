package trust

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// askSystem lets Windows verify the same open handle: digest, chain, revocation, timestamp.
// https://learn.microsoft.com/windows/win32/api/wintrust/nf-wintrust-winverifytrustex
func askSystem(f *os.File, ignoreRevocation bool) error {
	path, err := windows.UTF16PtrFromString(f.Name())
	if err != nil {
		return &Refused{ID: "FetchUnreadable", What: err.Error()}
	}
	data := &windows.WinTrustData{
		Size:                            uint32(unsafe.Sizeof(windows.WinTrustData{})),
		UIChoice:                        windows.WTD_UI_NONE,
		RevocationChecks:                windows.WTD_REVOKE_WHOLECHAIN,
		UnionChoice:                     windows.WTD_CHOICE_FILE,
		StateAction:                     windows.WTD_STATEACTION_VERIFY,
		FileOrCatalogOrBlobOrSgnrOrCert: unsafe.Pointer(&windows.WinTrustFileInfo{Size: uint32(unsafe.Sizeof(windows.WinTrustFileInfo{})), FilePath: path, File: windows.Handle(f.Fd())}),
	}
	if ignoreRevocation {
		data.RevocationChecks = windows.WTD_REVOKE_NONE
		data.ProvFlags = windows.WTD_CACHE_ONLY_URL_RETRIEVAL
	}
	verdict := windows.WinVerifyTrustEx(windows.InvalidHWND, &windows.WINTRUST_ACTION_GENERIC_VERIFY_V2, data)
	data.StateAction = windows.WTD_STATEACTION_CLOSE
	_ = windows.WinVerifyTrustEx(windows.InvalidHWND, &windows.WINTRUST_ACTION_GENERIC_VERIFY_V2, data)
	return refusal(verdict)
}

func refusal(verdict error) error {
	if verdict == nil {
		return nil
	}
	var code windows.Errno
	if errors.As(verdict, &code) {
		switch windows.Handle(code) {
		case windows.CERT_E_REVOCATION_FAILURE, windows.CRYPT_E_REVOCATION_OFFLINE:
			return &Refused{ID: "FetchRevocationUnknown", Transient: true,
				What:   "Windows could not reach the revocation lists of the signature",
				Remedy: "let this server reach the publisher's revocation lists (http, port 80), or ignore revocation in the publisher of this task"}
		}
	}
	return &Refused{ID: "FetchNotTrusted", What: fmt.Sprintf("Windows does not trust the signature: %v", verdict),
		Remedy: "do not run it; if the publisher is right, bring this server's root certificates up to date"}
}
