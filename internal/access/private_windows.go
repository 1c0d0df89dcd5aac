package access

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Private makes a folder where it is not there, and gives it to SYSTEM and Administrators alone, inheriting
// nothing from above: %ProgramData% lets every user make files. Who is no administrator keeps access to a folder of
// their own. A folder that no ordinary user can look into is left as it is.
func Private(dir string) error {
	if err := onThisMachine(dir); err != nil {
		return err
	}
	sd, err := descriptor()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return err
	}
	// Made with its descriptor, it is never open to others, not for a moment.
	attributes := &windows.SecurityAttributes{Length: uint32(unsafe.Sizeof(windows.SecurityAttributes{})), SecurityDescriptor: sd}
	err = windows.CreateDirectory(name, attributes)
	if err == nil || !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return err
	}
	if err := ownedByUs(dir); err != nil {
		return err
	}
	// Who has a right there by name, the account of the service above all, keeps it.
	if group, err := Broad(dir, Any); err != nil || group.Name == "" {
		return err
	}
	return protect(dir, sd)
}

// protect replaces the access list of a folder.
func protect(dir string, sd *windows.SECURITY_DESCRIPTOR) error {
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil)
}

// Prepare makes the state folder of a service, and the folder of its journal, or takes them over from whoever made them:
// they belong to Administrators then, no ordinary user can look into them, and the service's account has all rights. A
// folder that others have a use for is refused, unless it is ours by its name.
func Prepare(dir, journal, account string, ours bool) error {
	for _, one := range []string{dir, journal} {
		if err := os.MkdirAll(filepath.Dir(one), 0o700); err != nil {
			return err
		}
		if err := takeOver(one, ours || one == journal); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
		if account == "" {
			continue
		}
		if err := Grant(one, account); err != nil {
			return fmt.Errorf("%s: %w", one, err)
		}
	}
	return nil
}

func takeOver(dir string, ours bool) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return Private(dir)
	}
	if err != nil {
		return err
	}
	group, err := Broad(dir, Any)
	if err != nil {
		return err
	}
	if group.Name != "" && !ours && len(entries) > 0 {
		return fmt.Errorf("%s can look into it, and others may have a use for what lies there: name an empty folder, or a new one", group.Name)
	}
	administrators, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return err
	}
	if ownedByUs(dir) != nil {
		if err := windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION, administrators, nil, nil, nil); err != nil {
			return fmt.Errorf("it cannot be given to Administrators: %w", err)
		}
	}
	if group.Name == "" {
		return nil
	}
	sd, err := descriptor()
	if err != nil {
		return err
	}
	return protect(dir, sd)
}

// descriptor is "full access for SYSTEM and Administrators, for everything below too, and nothing inherited".
// https://learn.microsoft.com/windows/win32/secauthz/ace-strings
func descriptor() (*windows.SECURITY_DESCRIPTOR, error) {
	text := "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	token := windows.GetCurrentProcessToken()
	if !token.IsElevated() {
		user, err := token.GetTokenUser()
		if err != nil {
			return nil, err
		}
		text += "(A;OICI;FA;;;" + user.User.Sid.String() + ")"
	}
	return windows.SecurityDescriptorFromString(text)
}

// ownedByUs refuses a folder that somebody else made first: an owner can always give themselves access.
func ownedByUs(dir string) error {
	sd, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return err
	}
	own, err := Account("")
	if err != nil {
		return err
	}
	if owner.Equals(own) || owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		return nil
	}
	return fmt.Errorf("%s: belongs to %s; icacls %q /setowner *S-1-5-32-544 gives it to Administrators", dir, Name(owner), dir)
}

// onThisMachine refuses network shares: SQLite's log needs memory that all who open it share, and a share's locks
// cannot be relied on. https://www.sqlite.org/wal.html
func onThisMachine(dir string) error {
	full, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	root, err := windows.UTF16PtrFromString(filepath.VolumeName(full) + `\`)
	if err != nil {
		return err
	}
	if windows.GetDriveType(root) == windows.DRIVE_REMOTE {
		return fmt.Errorf("%s: on a network share; it must be on a disk of this machine", dir)
	}
	return nil
}
