//go:build !windows

package secret

import "errors"

// credential: the Credential Manager is Windows'.
func credential(string) ([]byte, error) {
	return nil, errors.New("the Windows Credential Manager does not exist here")
}

// unprotected: so is the Data Protection API.
func unprotected([]byte) ([]byte, error) {
	return nil, errors.New("the Windows Data Protection API does not exist here")
}
