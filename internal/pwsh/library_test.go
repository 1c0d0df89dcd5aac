package pwsh

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	powershell "github.com/bhendo/go-powershell"
	"github.com/bhendo/go-powershell/backend"
)

const library = "github.com/bhendo/go-powershell"

// What is broken in go-powershell stays uncalled, anywhere in the program: quoting, the middleware, its own starters,
// Exit.
func TestOnlyTheSoundPartOfGoPowershellIsUsed(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Skip("the sources are not at hand: ", err)
	}
	found := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "vendor" || strings.HasPrefix(d.Name(), ".") && path != root):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go"):
			return nil
		}
		found += checkSource(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("nobody imports go-powershell: this test looks in the wrong place")
	}
}

// checkSource says how many packages of go-powershell a file imports.
func checkSource(t *testing.T, path string) int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return 0 // the compiler has more to say about it
	}
	imports := 0
	for _, i := range file.Imports {
		name, err := strconv.Unquote(i.Path.Value)
		if err != nil || !strings.HasPrefix(name, library) {
			continue
		}
		imports++
		if name != library && name != library+"/backend" {
			t.Errorf("%s imports %s", path, name)
		}
		if i.Name != nil && (i.Name.Name == "." || i.Name.Name == "_" || name == library+"/backend") {
			t.Errorf("%s imports %s as %s, where this test cannot follow", path, name, i.Name.Name)
		}
	}
	if imports == 0 {
		return 0
	}
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, _ := s.X.(*ast.Ident)
		switch {
		case of != nil && of.Name == "backend" && (s.Sel.Name == "Local" || s.Sel.Name == "SSH"):
			t.Errorf("%s uses backend.%s", path, s.Sel.Name)
		case s.Sel.Name == "Exit" && (of == nil || of.Name != "os"):
			t.Errorf("%s calls Exit", path)
		}
		return true
	})
	return imports
}

// A tap is a backend that notes what go-powershell writes and answers with the boundaries.
type tap struct {
	line           chan string
	stdout, stderr *feed
}

func (t *tap) StartProcess(string, ...string) (backend.Waiter, io.Writer, io.Reader, io.Reader, error) {
	return t, t, t.stdout, t.stderr, nil // without a waiter it takes the shell for closed
}

func (t *tap) Wait() error { return nil }

func (t *tap) Write(b []byte) (int, error) {
	t.line <- string(b)
	return len(b), nil
}

// The boundary is a private matter of the library. A version with another one fails here, and not on a server.
func TestGoPowershellWritesTheCommandLineThatWeKnow(t *testing.T) {
	b := &tap{make(chan string, 1), newFeed(), newFeed()}
	b.stdout.begin()
	b.stderr.begin()
	shell, err := powershell.New(b)
	if err != nil {
		t.Fatal(err)
	}
	var boundaries []string
	for range 2 {
		text := make(chan string, 1)
		go func() {
			out, _, _ := shell.Execute("Invoke-ExrRequest 'x'")
			text <- out
		}()
		line := <-b.line
		m := commandEnd.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("got %q; want the form that commandEnd knows", line)
		}
		if strings.TrimSuffix(line, m[0]) != "Invoke-ExrRequest 'x'" {
			t.Errorf("got %q; want the command first", line)
		}
		boundaries = append(boundaries, m[1], m[2])
		b.stdout.text("hello")
		b.stdout.boundary(m[1])
		b.stderr.boundary(m[2])
		if got := <-text; got != "hello"+crlf {
			t.Errorf("Execute gave %q, want the text", got)
		}
	}
	seen := map[string]bool{}
	for _, boundary := range boundaries {
		if !lateBoundary.MatchString(boundary) || seen[boundary] {
			t.Errorf("boundaries %q; want four of the form that lateBoundary knows", boundaries)
		}
		seen[boundary] = true
	}
}
