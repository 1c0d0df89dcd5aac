package trust

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
)

// A compound is a compound file (MS-CFB: the form of an MSI) whose every chain and tree was walked once, strictly: in
// bounds, no sector in two chains, no entry in two places. The library that verifies the signature walks the same
// structures without such care and would not come back from a circle, so nothing reaches it that did not pass here.
type compound struct {
	r             io.ReaderAt
	size          int64
	sector        int64
	fat, mini     []int32
	container     []int32 // the sectors that hold the small streams
	containerSize uint32
	used          []bool // sectors that stand in a chain
	usedMini      []bool
	streams       map[string]entry // of the root storage, by decoded name
}

type entry struct {
	name               string
	kind               byte
	left, right, child int32
	first              int32
	size               uint32
}

const (
	compoundMagic = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
	miniSector    = 64
	miniCutoff    = 4096
	maxEntries    = 1 << 17

	endOfChain = -2
	freeSector = -1

	kindStorage = 1
	kindStream  = 2
	kindRoot    = 5
)

// openCompound reads and checks the structure of a file of size bytes.
// https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb
func openCompound(r io.ReaderAt, size int64) (*compound, error) {
	head := make([]byte, 512)
	if _, err := r.ReadAt(head, 0); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	shift := binary.LittleEndian.Uint16(head[30:])
	switch {
	case binary.LittleEndian.Uint16(head[28:]) != 0xfffe, shift != 9 && shift != 12,
		binary.LittleEndian.Uint16(head[32:]) != 6, binary.LittleEndian.Uint32(head[56:]) != miniCutoff:
		return nil, errors.New("header: unusual sizes")
	}
	c := &compound{r: r, size: size, sector: 1 << shift, streams: map[string]entry{}}
	c.used = make([]bool, (size+c.sector-1)/c.sector)
	if err := c.readFAT(head); err != nil {
		return nil, fmt.Errorf("sector table: %w", err)
	}
	if err := c.readMiniFAT(head); err != nil {
		return nil, fmt.Errorf("small sector table: %w", err)
	}
	entries, err := c.readEntries(int32(binary.LittleEndian.Uint32(head[48:])))
	if err != nil {
		return nil, fmt.Errorf("directory: %w", err)
	}
	return c, c.walk(entries)
}

// readFAT collects the table that says which sector follows which. The header lists its first 109 sectors, a chain of
// further ones the rest.
func (c *compound) readFAT(head []byte) error {
	var list []int32
	for i := range 109 {
		list = append(list, int32(binary.LittleEndian.Uint32(head[76+4*i:])))
	}
	next := int32(binary.LittleEndian.Uint32(head[68:]))
	for next >= 0 {
		ids, err := c.readTable(next)
		if err != nil {
			return err
		}
		list = append(list, ids[:len(ids)-1]...)
		next = ids[len(ids)-1]
	}
	claimed := binary.LittleEndian.Uint32(head[44:])
	for _, id := range list {
		if id < 0 {
			continue
		}
		ids, err := c.readTable(id)
		if err != nil {
			return err
		}
		c.fat = append(c.fat, ids...)
	}
	if int64(len(c.fat)) != int64(claimed)*c.sector/4 {
		return fmt.Errorf("%d entries, %d sectors claimed", len(c.fat), claimed)
	}
	return nil
}

func (c *compound) readMiniFAT(head []byte) error {
	chain, err := c.chain(int32(binary.LittleEndian.Uint32(head[60:])))
	if err != nil {
		return err
	}
	if claimed := binary.LittleEndian.Uint32(head[64:]); int64(claimed) != int64(len(chain)) {
		return fmt.Errorf("%d sectors, %d claimed", len(chain), claimed)
	}
	for _, id := range chain {
		ids, err := c.table(id)
		if err != nil {
			return err
		}
		c.mini = append(c.mini, ids...)
	}
	c.usedMini = make([]bool, len(c.mini))
	return nil
}

// take marks a sector as belonging to somebody; nobody else may have it.
func (c *compound) take(id int32) error {
	if id < 0 || c.offset(id) >= c.size || int(id) >= len(c.used) {
		return fmt.Errorf("sector %d is outside the file", id)
	}
	if c.used[id] {
		return fmt.Errorf("sector %d is used twice", id)
	}
	c.used[id] = true
	return nil
}

func (c *compound) offset(id int32) int64 { return c.sector + int64(id)*c.sector }

func (c *compound) readTable(id int32) ([]int32, error) {
	if err := c.take(id); err != nil {
		return nil, err
	}
	return c.table(id)
}

func (c *compound) table(id int32) ([]int32, error) {
	raw := make([]byte, c.sector)
	if _, err := c.r.ReadAt(raw, c.offset(id)); err != nil {
		return nil, err
	}
	ids := make([]int32, c.sector/4)
	for i := range ids {
		ids[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return ids, nil
}

// chain follows a chain to its end. Every sector of it is taken.
func (c *compound) chain(first int32) ([]int32, error) {
	var ids []int32
	for id := first; id != endOfChain; id = c.fat[id] {
		if id == freeSector && len(ids) == 0 {
			break
		}
		if int(id) >= len(c.fat) {
			return nil, fmt.Errorf("sector %d is outside the table", id)
		}
		if err := c.take(id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

func (c *compound) miniChain(first int32) ([]int32, error) {
	var ids []int32
	for id := first; id != endOfChain; id = c.mini[id] {
		if id < 0 || int(id) >= len(c.mini) || int64(id)*miniSector >= int64(c.containerSize) {
			return nil, fmt.Errorf("small sector %d is outside its table", id)
		}
		if c.usedMini[id] {
			return nil, fmt.Errorf("small sector %d is used twice", id)
		}
		c.usedMini[id] = true
		ids = append(ids, id)
	}
	return ids, nil
}

func (c *compound) readEntries(first int32) ([]entry, error) {
	chain, err := c.chain(first)
	if err != nil {
		return nil, err
	}
	if int64(len(chain))*c.sector/128 > maxEntries {
		return nil, errors.New("too many entries")
	}
	var entries []entry
	raw := make([]byte, c.sector)
	for _, id := range chain {
		if _, err := c.r.ReadAt(raw, c.offset(id)); err != nil {
			return nil, err
		}
		for at := int64(0); at < c.sector; at += 128 {
			e, err := readEntry(raw[at : at+128])
			if err != nil {
				return nil, fmt.Errorf("entry %d: %w", len(entries), err)
			}
			if (e.kind == kindRoot) != (len(entries) == 0) {
				return nil, fmt.Errorf("entry %d: the root is the first entry and no other", len(entries))
			}
			entries = append(entries, e)
		}
	}
	if len(entries) == 0 {
		return nil, errors.New("empty")
	}
	return entries, nil
}

func readEntry(raw []byte) (entry, error) {
	e := entry{kind: raw[66]}
	if e.kind == 0 {
		return e, nil
	}
	length := binary.LittleEndian.Uint16(raw[64:])
	if length < 2 || length > 64 || length%2 != 0 {
		return e, fmt.Errorf("a name of %d bytes", length)
	}
	units := make([]uint16, length/2-1)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(raw[2*i:])
	}
	e.name = decodeName(utf16.Decode(units))
	link := func(at int) int32 { return int32(binary.LittleEndian.Uint32(raw[at:])) }
	e.left, e.right, e.child, e.first = link(68), link(72), link(76), link(116)
	e.size = binary.LittleEndian.Uint32(raw[120:])
	return e, nil
}

// walk visits the tree below the root and every stream in it.
func (c *compound) walk(entries []entry) error {
	root := entries[0]
	var err error
	if c.container, err = c.chain(root.first); err != nil {
		return fmt.Errorf("small streams: %w", err)
	}
	c.containerSize = root.size
	if int64(root.size) > int64(len(c.container))*c.sector {
		return errors.New("small streams: shorter than claimed")
	}
	seen := make([]bool, len(entries))
	type visit struct {
		index int32
		top   bool // directly below the root
	}
	stack := []visit{{root.child, true}}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if at.index == freeSector {
			continue
		}
		if at.index <= 0 || int(at.index) >= len(entries) || seen[at.index] {
			return fmt.Errorf("directory: entry %d is outside or in two places", at.index)
		}
		seen[at.index] = true
		e := entries[at.index]
		stack = append(stack, visit{e.left, at.top}, visit{e.right, at.top})
		switch e.kind {
		case kindStorage:
			stack = append(stack, visit{e.child, false})
		case kindStream:
			if err := c.admit(e, at.top); err != nil {
				return fmt.Errorf("stream %q: %w", e.name, err)
			}
		default:
			return fmt.Errorf("directory: entry %d is of kind %d", at.index, e.kind)
		}
	}
	return nil
}

// admit takes a stream's sectors, and lists it if it is directly below the root.
func (c *compound) admit(e entry, top bool) error {
	if _, err := c.sectors(e); err != nil || !top {
		return err
	}
	if _, twice := c.streams[e.name]; twice {
		return errors.New("there are two")
	}
	c.streams[e.name] = e
	return nil
}

// sectors takes a stream's chain, which must be as long as its size says.
func (c *compound) sectors(e entry) ([]int32, error) {
	ids, unit, err := []int32(nil), c.sector, error(nil)
	switch {
	case e.size == 0:
		return nil, nil
	case e.size < miniCutoff:
		unit = miniSector
		ids, err = c.miniChain(e.first)
	default:
		ids, err = c.chain(e.first)
	}
	if want := (int64(e.size) + unit - 1) / unit; err == nil && int64(len(ids)) != want {
		err = fmt.Errorf("%d sectors, want %d", len(ids), want)
	}
	return ids, err
}

// An extent is a run of bytes in the file.
type extent struct{ offset, length int64 }

// extents says where a walked stream's bytes lie, in order.
func (c *compound) extents(e entry) []extent {
	var all []extent
	left := int64(e.size)
	for id := e.first; left > 0; {
		var x extent
		if e.size < miniCutoff {
			at := int64(id) * miniSector
			x = extent{c.offset(c.container[at/c.sector]) + at%c.sector, min(left, miniSector)}
			id = c.mini[id]
		} else {
			x = extent{c.offset(id), min(left, c.sector)}
			id = c.fat[id]
		}
		all = append(all, x)
		left -= x.length
	}
	return all
}

// read is a stream of the root storage, at most limit bytes long. A stream that is not there is empty.
func (c *compound) read(name string, limit uint32) ([]byte, error) {
	e, ok := c.streams[name]
	if !ok {
		return nil, nil
	}
	if e.size > limit {
		return nil, fmt.Errorf("stream %q: %d bytes", name, e.size)
	}
	out := make([]byte, 0, e.size)
	for _, x := range c.extents(e) {
		part := out[len(out) : int64(len(out))+x.length]
		if _, err := c.r.ReadAt(part, x.offset); err != nil {
			return nil, fmt.Errorf("stream %q: %w", name, err)
		}
		out = out[:len(out)+len(part)]
	}
	return out, nil
}
