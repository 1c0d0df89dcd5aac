package access

import (
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Rights of an access list. https://learn.microsoft.com/windows/win32/fileio/file-access-rights-constants
const (
	// Any is every right.
	Any windows.ACCESS_MASK = 0xffffffff
	// Write are the rights by which a file, or who may do what with it, is changed: data, appending, deleting, the access
	// list, the owner; and the generic ones that hold these.
	Write windows.ACCESS_MASK = 0x2 | 0x4 | windows.DELETE | windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_WRITE | windows.GENERIC_ALL
)

// A Group is one that everybody, or every user, belongs to. SID is what commands take whatever the language of Windows is.
type Group struct{ Name, SID string }

// broad are these groups. https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers
var broad = map[windows.WELL_KNOWN_SID_TYPE]string{
	windows.WinWorldSid: "Everyone", windows.WinAuthenticatedUserSid: "Authenticated Users", windows.WinBuiltinUsersSid: "Users",
	windows.WinInteractiveSid: "INTERACTIVE", windows.WinNetworkSid: "NETWORK", windows.WinAnonymousSid: "ANONYMOUS LOGON",
	windows.WinBuiltinGuestsSid: "Guests", windows.WinAccountDomainUsersSid: "Domain Users",
}

// allowsToSome is the type of an entry that allows something under a condition; it begins as one does that allows it to all.
// https://learn.microsoft.com/windows/win32/api/winnt/ns-winnt-access_allowed_callback_ace
const allowsToSome = 9

// Broad names a group of ordinary users that has one of these rights on a file or folder; the zero Group if none has. A
// right that is only for what lies below a folder does not count.
func Broad(path string, rights windows.ACCESS_MASK) (Group, error) {
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return Group{}, err
	}
	list, _, err := sd.DACL()
	if err != nil {
		return Group{}, err
	}
	if list == nil { // no list at all lets everybody do everything
		return Group{broad[windows.WinWorldSid], "S-1-1-0"}, nil
	}
	for i := range uint32(list.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if err := windows.GetAce(list, i, &ace); err != nil {
			return Group{}, err
		}
		allows := ace.Header.AceType == windows.ACCESS_ALLOWED_ACE_TYPE || ace.Header.AceType == allowsToSome
		if !allows || ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 || ace.Mask&rights == 0 {
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		for known, name := range broad {
			if sid.IsWellKnown(known) {
				return Group{name, sid.String()}, nil
			}
		}
	}
	return Group{}, nil
}

// Grant gives an account all rights on a folder and on what lies and will lie in it. What others have, stays.
func Grant(folder, account string) error {
	sid, err := Account(account)
	if err != nil {
		return err
	}
	sd, err := windows.GetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	list, _, err := sd.DACL()
	if err != nil {
		return err
	}
	merged, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: windows.GENERIC_ALL, AccessMode: windows.GRANT_ACCESS, Inheritance: windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT,
		Trustee: windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeType: windows.TRUSTEE_IS_UNKNOWN, TrusteeValue: windows.TrusteeValueFromSID(sid)},
	}}, list)
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(folder, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, merged, nil)
}

// System is the account of the machine itself; its name is another one in each language of Windows.
const System = `NT AUTHORITY\SYSTEM`

// Account is the SID of an account; of this process's own if the name is empty.
func Account(name string) (*windows.SID, error) {
	switch name {
	case "":
	case System:
		return windows.CreateWellKnownSid(windows.WinLocalSystemSid)
	default:
		return lookup(name)
	}
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return nil, err
	}
	return user.User.Sid, nil
}

// Name is what a person calls a SID; the SID itself where nobody knows it.
func Name(sid *windows.SID) string {
	account, domain, _, err := sid.LookupAccount("")
	if err != nil {
		return sid.String()
	}
	return domain + `\` + account
}

// lookup takes DOMAIN\name, .\name and name.
func lookup(account string) (*windows.SID, error) {
	if name, local := strings.CutPrefix(account, `.\`); local {
		computer, err := os.Hostname()
		if err != nil {
			return nil, err
		}
		account = computer + `\` + name
	}
	sid, _, _, err := windows.LookupSID("", account)
	if err != nil {
		return nil, fmt.Errorf("account %s: %w", account, err)
	}
	return sid, nil
}

var (
	advapi32            = windows.NewLazySystemDLL("advapi32.dll")
	lsaOpenPolicy       = advapi32.NewProc("LsaOpenPolicy")
	lsaAddAccountRights = advapi32.NewProc("LsaAddAccountRights")
	lsaClose            = advapi32.NewProc("LsaClose")
)

// Rights of a policy object. https://learn.microsoft.com/windows/win32/secmgmt/policy-object-access-rights
const (
	policyCreateAccount = 0x10
	policyLookupNames   = 0x800
)

// LogOnAsService gives an account the right to be that of a service, which the service manager asks for and does not give.
// https://learn.microsoft.com/windows/win32/api/ntsecapi/nf-ntsecapi-lsaaddaccountrights
func LogOnAsService(account string) error {
	sid, err := lookup(account)
	if err != nil {
		return err
	}
	right, err := windows.NewNTUnicodeString("SeServiceLogonRight")
	if err != nil {
		return err
	}
	attributes := windows.OBJECT_ATTRIBUTES{Length: uint32(unsafe.Sizeof(windows.OBJECT_ATTRIBUTES{}))}
	var policy windows.Handle
	if status, _, _ := lsaOpenPolicy.Call(0, uintptr(unsafe.Pointer(&attributes)), policyCreateAccount|policyLookupNames, uintptr(unsafe.Pointer(&policy))); status != 0 {
		return fmt.Errorf("LsaOpenPolicy: %w", windows.NTStatus(status))
	}
	defer lsaClose.Call(uintptr(policy))
	if status, _, _ := lsaAddAccountRights.Call(uintptr(policy), uintptr(unsafe.Pointer(sid)), uintptr(unsafe.Pointer(right)), 1); status != 0 {
		return fmt.Errorf("LsaAddAccountRights: %w", windows.NTStatus(status))
	}
	return nil
}
