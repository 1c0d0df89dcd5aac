package trust

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	// maxCertificates is far above any real certificate table; what claims more is not allocated.
	maxCertificates = 16 << 20
	// maxResource bounds what is read of a resource section: its directory and the version stand at its front.
	maxResource = 8 << 20
)

// checkCertificateTable refuses a table that does not end the file, before anybody reads it: bytes behind it are in no
// digest. https://learn.microsoft.com/windows/win32/debug/pe-format#the-attribute-certificate-table-image-only
func checkCertificateTable(r io.ReaderAt, size int64) error {
	f, err := pe.NewFile(r)
	if err != nil {
		return err
	}
	table, ok := directory(f, pe.IMAGE_DIRECTORY_ENTRY_SECURITY)
	if !ok || table.Size == 0 {
		return nil
	}
	// Here alone a "virtual address" is an offset in the file.
	start, length := int64(table.VirtualAddress), int64(table.Size)
	switch {
	case length > maxCertificates:
		return fmt.Errorf("a certificate table of %d bytes", length)
	case start+length != size:
		return fmt.Errorf("the certificate table ends at %d, the file at %d", start+length, size)
	}
	return nil
}

func directory(f *pe.File, index int) (pe.DataDirectory, bool) {
	switch h := f.OptionalHeader.(type) {
	case *pe.OptionalHeader32:
		return h.DataDirectory[index], uint32(index) < h.NumberOfRvaAndSizes
	case *pe.OptionalHeader64:
		return h.DataDirectory[index], uint32(index) < h.NumberOfRvaAndSizes
	}
	return pe.DataDirectory{}, false
}

// versionOfPE is the file version of the fixed version resource: four numbers, the same in every language. Empty if
// there is none.
func versionOfPE(r io.ReaderAt) (string, error) {
	f, err := pe.NewFile(r)
	if err != nil {
		return "", err
	}
	where, ok := directory(f, pe.IMAGE_DIRECTORY_ENTRY_RESOURCE)
	if !ok || where.Size == 0 {
		return "", nil
	}
	section, base := sectionAt(f, where.VirtualAddress)
	if section == nil {
		return "", errors.New("the resources lie in no section")
	}
	data := make([]byte, min(int64(section.Size)-int64(base), maxResource))
	if n, err := section.ReadAt(data, int64(base)); err != nil && err != io.EOF {
		return "", err
	} else {
		data = data[:n]
	}
	const versionType = 16 // RT_VERSION
	leaf, ok := findResource(data, versionType)
	if !ok {
		return "", nil
	}
	return fixedVersion(data, leaf, where.VirtualAddress)
}

func sectionAt(f *pe.File, address uint32) (*pe.Section, uint32) {
	for _, s := range f.Sections {
		if address >= s.VirtualAddress && address-s.VirtualAddress < s.Size {
			return s, address - s.VirtualAddress
		}
	}
	return nil, 0
}

// findResource goes down the three levels of the resource tree, type, name and language, by the first entry of each
// but the type. It returns where the leaf stands.
// https://learn.microsoft.com/windows/win32/debug/pe-format#the-rsrc-section
func findResource(data []byte, kind uint32) (leaf uint32, ok bool) {
	const subdirectory = 1 << 31
	at := uint32(0)
	for level := range 3 {
		if uint64(at)+16 > uint64(len(data)) {
			return 0, false
		}
		count := uint32(binary.LittleEndian.Uint16(data[at+12:])) + uint32(binary.LittleEndian.Uint16(data[at+14:]))
		next, found := uint32(0), false
		for i := range count {
			entry := uint64(at) + 16 + 8*uint64(i)
			if entry+8 > uint64(len(data)) {
				return 0, false
			}
			if level > 0 || binary.LittleEndian.Uint32(data[entry:]) == kind {
				next, found = binary.LittleEndian.Uint32(data[entry+4:]), true
				break
			}
		}
		if !found || (level < 2) != (next&subdirectory != 0) {
			return 0, false
		}
		at = next &^ subdirectory
	}
	return at, true
}

// fixedVersion reads VS_FIXEDFILEINFO, which stands at a fixed place behind the block's name.
// https://learn.microsoft.com/windows/win32/api/verrsrc/ns-verrsrc-vs_fixedfileinfo
func fixedVersion(data []byte, leaf, base uint32) (string, error) {
	const head, signature = 40, 0xFEEF04BD // three words, "VS_VERSION_INFO" with its end in UTF-16, padding
	if uint64(leaf)+8 > uint64(len(data)) {
		return "", errors.New("the version resource lies outside its section")
	}
	at := uint64(binary.LittleEndian.Uint32(data[leaf:])) - uint64(base)
	if at > uint64(len(data)) || uint64(len(data))-at < head+16 {
		return "", errors.New("the version resource lies outside its section")
	}
	block := data[at:]
	if !bytes.Equal(block[6:38], utf16le("VS_VERSION_INFO\x00")) || binary.LittleEndian.Uint32(block[head:]) != signature {
		return "", errors.New("the version resource is damaged")
	}
	high, low := binary.LittleEndian.Uint32(block[head+8:]), binary.LittleEndian.Uint32(block[head+12:])
	return fmt.Sprintf("%d.%d.%d.%d", high>>16, high&0xffff, low>>16, low&0xffff), nil
}

func utf16le(ascii string) []byte {
	out := make([]byte, 0, 2*len(ascii))
	for _, c := range []byte(ascii) {
		out = append(out, c, 0)
	}
	return out
}
