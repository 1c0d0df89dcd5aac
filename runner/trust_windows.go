package main

import (
	"fmt"

	"golang.org/x/sys/windows"

	"exorunner/internal/access"
)

// trustedInstaller owns what belongs to Windows. https://learn.microsoft.com/windows-server/identity/ad-ds/manage/understand-security-identifiers
const trustedInstaller = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"

// trusted refuses a file that an ordinary user made or can change: %ProgramData% lets everybody make files, folders below
// C:\ let every user change them, and what this one says is done by a service. account is that of the service, which may own
// it too; "" is the one of this process.
func trusted(path, account string) error {
	group, err := access.Broad(path, access.Write)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if group.Name != "" {
		return fmt.Errorf("%s: %s can change it, and a service obeys it: icacls %q /inheritance:d, then icacls %q /remove:g *%s", path, group.Name, path, path, group.SID)
	}
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	own, err := access.Account(account)
	if err != nil {
		return err
	}
	if owner.Equals(own) || owner.IsWellKnown(windows.WinLocalSystemSid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) ||
		owner.String() == trustedInstaller {
		return nil
	}
	// Membership of an administrator's own account cannot be told from its SID; such a file is given to the group.
	return fmt.Errorf("%s: belongs to %s, and a service obeys it: icacls %q /setowner *S-1-5-32-544 gives it to Administrators", path, access.Name(owner), path)
}
