package fetch

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
)

const internetSettings = `Software\Microsoft\Windows\CurrentVersion\Internet Settings`

// systemProxy is this account's proxy as Windows' settings show it, or else the machine's as netsh winhttp sets it.
// Proxy scripts (PAC, WPAD) are not run.
func systemProxy() *httpproxy.Config {
	if c := accountProxy(); c != nil {
		return c
	}
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, internetSettings+`\Connections`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return nil
	}
	defer k.Close()
	raw, _, err := k.GetBinaryValue("WinHttpSettings")
	if err != nil {
		return nil
	}
	return winHTTPSettings(raw)
}

func accountProxy() *httpproxy.Config {
	k, err := registry.OpenKey(registry.CURRENT_USER, internetSettings, registry.QUERY_VALUE)
	if err != nil {
		return nil
	}
	defer k.Close()
	if on, _, err := k.GetIntegerValue("ProxyEnable"); err != nil || on == 0 {
		return nil
	}
	server, _, err := k.GetStringValue("ProxyServer")
	if err != nil {
		return nil
	}
	bypass, _, _ := k.GetStringValue("ProxyOverride")
	return windowsProxy(server, bypass)
}

// openLocked opens for reading and lets nobody write, rename or remove the file until it is closed.
// https://learn.microsoft.com/windows/win32/fileio/creating-and-opening-files
func openLocked(path string) (*os.File, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// removeUnlocked removes the lock's file, which nobody could while it was open.
func removeUnlocked(path string) { os.Remove(path) }

// syncFolder: MoveFileEx has written through.
func syncFolder(string) error { return nil }

func diskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || is(err, windows.ERROR_DISK_FULL, windows.ERROR_HANDLE_DISK_FULL, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

func networkGone(err error) bool {
	return is(err, windows.ERROR_BAD_NETPATH, windows.ERROR_NETNAME_DELETED, windows.ERROR_BAD_NET_NAME, windows.ERROR_SEM_TIMEOUT,
		windows.ERROR_UNEXP_NET_ERR, windows.ERROR_NETWORK_UNREACHABLE, windows.ERROR_HOST_UNREACHABLE, windows.ERROR_REM_NOT_LIST)
}

func is(err error, codes ...windows.Errno) bool {
	for _, code := range codes {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// freeSpace is what this account may still write to the volume of a folder, in bytes.
func freeSpace(dir string) (int64, error) {
	name, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(min(free, 1<<62)), nil
}
